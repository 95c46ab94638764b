//! What the link's files use of the calls.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::duplicate_mod,
    reason = "it is the host's, and the whole of that uses all"
)]

#[path = "../../../../src/call/guest_thread.rs"]
pub(crate) mod guest_thread;
