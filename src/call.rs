//! A call, as every room of the house sees it: what came with it, what goes back, how it fails.
//!
//! Between rooms messages are protobuf bytes. Types exist only in guests and in [`link`](crate::link).

mod context;
mod metadata;
mod queue;
mod status;
mod stream;

pub use context::{Cancellation, Codec, Context, Deadline, Identity, Protocol, Way};
pub use metadata::{InvalidMetadata, Metadata};
pub use queue::Gone;
pub use status::{Code, Detail, Status};
pub use stream::{Part, RequestSink, Requests, ResponseSink, Responses, requests, responses};

use bytes::Bytes;

/// What a unary call answers with.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// Response headers.
    pub headers: Metadata,
    /// The encoded response.
    pub message: Bytes,
    /// Response trailers.
    pub trailers: Metadata,
}

/// How a call failed, with what the handler had said until then.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Response headers said before the failure; they are sent all the same.
    pub headers: Metadata,
    /// Why.
    pub status: Box<Status>,
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self { headers: Metadata::default(), status: Box::new(status) }
    }
}
