//! Fuzz targets for everything that decodes data from outside.
//!
//! The targets themselves are in `src/link/tests/targets.rs` and `src/testing/targets.rs`, because the workspace's tests run
//! their corpus, too. What they need of the `okra` crate is compiled in here by path.
#![allow(dead_code, unused_imports, reason = "parts of a crate that uses the rest of them")]

use std::path::Path;
use std::sync::LazyLock;

use link::tests::fixture::Fixture;

#[path = "../../../src/call"]
mod call {
    mod base64;
    mod batch;
    mod metadata;
    mod status;
    mod typed;

    /// The link tells the threads of guests that its work takes long. Here there are none.
    pub(crate) mod guest_thread {
        /// `call/guest_thread.rs` has the original.
        pub(crate) const LARGE_MESSAGE: usize = 64 << 10;

        pub(crate) fn do_long_work<T>(work: impl FnOnce() -> T) -> T {
            work()
        }
    }

    pub(crate) use base64::BASE64;
    pub(crate) use batch::MessageBatch;
    pub(crate) use metadata::{InvalidMetadata, Metadata};
    pub(crate) use status::{Code, Status, StatusDetail};
    pub(crate) use typed::{LocalMessage, MessageLayout, MethodLayouts, TypedMessage};

    /// The codec of messages, of which `call/context.rs` has the original.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Codec {
        Proto,
        Json,
    }
}

#[path = "../../../src/gateway"]
mod gateway {
    pub(crate) mod call {
        pub(crate) mod envelope;
        pub(crate) mod http_body;
        pub(crate) mod json;

        pub(crate) mod request_reader {
            use bytes::Bytes;

            use crate::call::Status;

            /// Turns a message as a protocol has it into encoded protobuf: `gateway/call/request_reader.rs` has the original.
            pub(crate) trait MessageDecoder {
                fn decode(&self, message: &[u8]) -> Result<Bytes, Status>;
            }
        }
    }

    pub(crate) mod protocol {
        pub(crate) mod rest {
            pub(crate) mod binding;
            mod parameter;
        }
    }
}

#[path = "../../../src/grpc"]
mod grpc {
    mod timeout;

    pub(crate) use timeout::parse_timeout;
}

#[path = "../../../src/instance"]
mod instance {
    pub(crate) mod code_file;
}

#[path = "../../../src/link"]
mod link {
    mod canonical;
    mod check;
    mod direct;
    mod function;
    mod json;
    mod lift;
    mod lower;
    mod merge;
    mod message_list;
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
    pub(crate) mod targets;

    pub(crate) use reading::{has_unknown_number, reading};
}

/// Any bytes for a decoder of data from outside, by the name of its target.
///
/// # Panics
/// When the decoder does what it must not.
pub fn decode(target: &str, input: &[u8]) {
    let (_, run) = testing::targets::TARGETS.iter().find(|(name, _)| *name == target).expect("a target");
    testing::targets::run_on_small_stack(*run, input, testing::targets::STACK_BYTES);
}

/// Whole modules, which are of the crate's root for those that import them.
#[path = "../../../src"]
mod source {
    pub(crate) mod config;
    pub(crate) mod json;
    pub(crate) mod package;
    pub(crate) mod routes;
    pub(crate) mod suggest;
}

use source::{config, json, package, routes, suggest};

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
