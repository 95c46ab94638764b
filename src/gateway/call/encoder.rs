//! How a protocol writes the response of a streaming call.

use bytes::{Bytes, BytesMut};
use http::Response;
use tonic::body::Body;

use crate::call::{Metadata, Status};
use crate::gateway::call::body::FrameResult;
use crate::gateway::call::compression::Compression;

/// A message in the codec of the call.
pub(crate) struct WrittenMessage {
    pub(crate) bytes: Bytes,
    pub(crate) is_compressed: bool,
}

impl WrittenMessage {
    /// Compresses a message if that makes it smaller.
    pub(crate) fn new(message: Bytes, compression: Option<Compression>) -> Self {
        match compression.and_then(|compression| compression.compress(&message)) {
            Some(compressed) => Self { bytes: compressed.into(), is_compressed: true },
            None => Self { bytes: message, is_compressed: false },
        }
    }
}

/// Writes the response of a streaming call. Messages are in the codec of the call already.
pub(crate) trait ResponseEncoder: Send + 'static {
    /// Whether the head of a response depends on the first message.
    fn needs_message_for_head(&self) -> bool {
        false
    }

    /// Returns the compression of messages; `None` sends them as they are.
    fn compression(&self) -> Option<Compression> {
        None
    }

    /// Makes the head of a response.
    fn response_head(&self, headers: &Metadata) -> Response<()>;

    /// Appends a message to `buffer`.
    fn put_message(&self, message: &WrittenMessage, buffer: &mut BytesMut);

    /// Makes the frame after the last message.
    fn end_frame(&self, outcome: Result<Metadata, Status>) -> FrameResult;

    /// Makes the whole response of a call that failed before anything was sent.
    fn failure_response(&self, status: Status) -> Response<Body>;
}
