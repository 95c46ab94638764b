use bytes::BytesMut;
use http::Response;
use tonic::body::Body;

use super::body::Framed;
use crate::call::{Metadata, Status};

/// How a protocol writes the answer of a call with streams. Messages are in the codec of the call already.
pub(super) trait Wire: Send + 'static {
    /// The head of an answer, before its messages.
    fn head(&self, headers: &Metadata) -> Response<()>;

    /// Appends a message to what is to be sent.
    fn message(&self, message: &[u8], buffer: &mut BytesMut);

    /// What comes after the last message.
    fn end(&self, outcome: Result<Metadata, Status>) -> Framed;

    /// The answer of a call that failed with nothing before it.
    fn failure(&self, status: Status) -> Response<Body>;
}
