//! From .proto files to WIT, through the crate's public interface only.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod project;
mod rules;
