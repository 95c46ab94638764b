//! A call as every part of the runtime sees it: its context, its messages, its handler, its outcome.
//!
//! Between the parts messages are encoded protobuf. Typed values exist only in guests and in
//! the link; framing, compression and JSON only in the [`gateway`](crate::gateway) and in gRPC's client half.

mod activity;
pub(crate) mod base64;
mod budget;
mod context;
mod deadline;
pub(crate) mod guest_thread;
mod handler;
mod metadata;
mod printable;
mod queue;
mod single;
mod status;
mod stream;
mod typed;

pub use budget::ByteBudget;
pub use context::{CallChain, Cancellation, ClientIdentity, Codec, Context, Protocol};
pub use deadline::Deadline;
pub use handler::{CallFuture, CallHandler, LocalResponse, TypedCallee, TypedMethod};
pub use metadata::{InvalidMetadata, Metadata};
pub use queue::StreamClosed;
pub use status::{Code, Status, StatusDetail};
pub use stream::{
    RequestSink, RequestStream, ResponsePart, ResponseSink, ResponseStream, request_channel, response_channel,
};
pub use typed::{LocalMessage, MessageLayout, MethodLayouts, TypedMessage};

pub(crate) use activity::StreamActivity;
pub(crate) use base64::BASE64;
pub(crate) use budget::{BudgetExceeded, ByteCharge};
pub(crate) use context::client_address;
pub(crate) use deadline::CallDeadline;
pub(crate) use handler::refuse;
pub(crate) use printable::{printable, printable_json, printable_lines};
pub(crate) use single::{MessageSource, WrongCount, read_single, read_single_request};
pub(crate) use stream::{check_request_bytes, check_request_size, request_channel_within, response_channel_within};

use bytes::Bytes;

/// The successful outcome of a unary call.
#[derive(Clone, Debug, Default)]
pub struct UnaryResponse {
    /// Response headers.
    pub headers: Metadata,
    /// The encoded response message.
    pub message: Bytes,
    /// Response trailers.
    pub trailers: Metadata,
}

/// The failed outcome of a call, with the headers that its handler had set until then.
#[derive(Clone, Debug)]
pub struct CallFailure {
    /// Response headers set before the failure. They are sent all the same.
    pub headers: Metadata,
    /// Why the call failed.
    pub status: Box<Status>,
}

impl From<Status> for CallFailure {
    fn from(status: Status) -> Self {
        Self { headers: Metadata::default(), status: Box::new(status) }
    }
}
