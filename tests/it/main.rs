//! Guests in the runtime, in this process: one file a topic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod chain;
mod composition;
mod crafted;
mod faults;
mod host;
mod hostile;
mod mismatch;
mod outside;
mod raw;
mod run;
mod shop;
mod streams;
