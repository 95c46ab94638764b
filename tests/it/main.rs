//! Guests in the runtime, in this process: one file a topic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod composition;
mod faults;
mod host;
