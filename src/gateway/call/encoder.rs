//! How a protocol writes the response of a streaming call.

use bytes::BytesMut;
use http::Response;
use tonic::body::Body;

use crate::call::{Metadata, Status};
use crate::gateway::call::body::FrameResult;

/// Writes the response of a streaming call. Messages are in the codec of the call already.
pub(crate) trait ResponseEncoder: Send + 'static {
    /// Whether the head of a response depends on the first message.
    fn needs_message_for_head(&self) -> bool {
        false
    }

    /// Makes the head of a response.
    fn response_head(&self, headers: &Metadata) -> Response<()>;

    /// Appends a message to `buffer`.
    fn put_message(&self, message: &[u8], buffer: &mut BytesMut);

    /// Makes the frame after the last message.
    fn end_frame(&self, outcome: Result<Metadata, Status>) -> FrameResult;

    /// Makes the whole response of a call that failed before anything was sent.
    fn failure_response(&self, status: Status) -> Response<Body>;
}
