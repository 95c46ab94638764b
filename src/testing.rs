//! Shared by the tests of several modules: random schemas, random messages, wire bytes that no tidy encoder writes, and
//! what prost-reflect reads in them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod corpus;
mod message;
mod reading;
pub(crate) mod schema;
mod tape;
mod targets;
mod wire;

pub(crate) use reading::{has_unknown_number, reading};
pub(crate) use tape::{Reel, Tape};
pub(crate) use wire::Wire;
