//! Fuzz targets for what the link does with bytes that others sent: check, lower and lift.
//!
//! The targets themselves are in `src/link/tests/targets.rs`, because the workspace's tests run their corpus, too. What they
//! need of the `okra` crate is compiled in here by path.
#![allow(dead_code, unused_imports, reason = "parts of a crate that uses the rest of them")]

use std::path::Path;
use std::sync::LazyLock;

use link::tests::fixture::Fixture;

#[path = "../../../src/call"]
mod call {
    mod base64;
    mod metadata;
    mod status;

    /// The link tells the threads of guests that its work takes long. Here there are none.
    pub(crate) mod guest_thread {
        pub(crate) fn do_long_work<T>(work: impl FnOnce() -> T) -> T {
            work()
        }
    }

    pub(crate) use base64::BASE64;
    pub(crate) use metadata::{InvalidMetadata, Metadata};
    pub(crate) use status::{Code, Status, StatusDetail};
}

#[path = "../../../src/link"]
mod link {
    mod canonical;
    mod check;
    mod function;
    mod json;
    mod lift;
    mod lower;
    mod merge;
    mod plan;
    mod quirks;
    mod status;
    pub(crate) mod tests {
        pub(crate) mod fixture;
        pub(crate) mod targets;
    }
    mod wire;
}

#[path = "../../../src/testing"]
mod testing {
    mod reading;

    pub(crate) use reading::{has_unknown_number, reading};
}

static FIXTURE: LazyLock<Fixture> =
    LazyLock::new(|| Fixture::new(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src/link/tests")));

/// Any bytes as a message of some type.
///
/// # Panics
/// When the link does not make of them what prost-reflect makes of them.
pub fn wire(input: &[u8]) {
    link::tests::targets::wire(&FIXTURE, input);
}

/// Any bytes as the memory of a guest.
///
/// # Panics
/// When something comes out that must not.
pub fn memory(input: &[u8]) {
    link::tests::targets::memory(&FIXTURE, input);
}
