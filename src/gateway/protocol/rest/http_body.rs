//! Streams of `google.api.HttpBody`: one body in parts, with the content type of the first of them.

use std::sync::OnceLock;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use http_body::Frame;
use prost_reflect::DescriptorPool;
use tonic::body::Body;

use crate::call::{Codec, Metadata, Status};
use crate::gateway::call::body::{FrameResult, append_headers};
use crate::gateway::call::encoder::{ResponseEncoder, WrittenMessage};
use crate::gateway::call::http_body::HttpBodyOutput;
use crate::gateway::call::http_error::HttpError;

/// Writes the data of messages one behind the other. A stream that fails breaks the response off, because the body has no
/// place for an error.
pub(crate) struct HttpBodyEncoder {
    output: HttpBodyOutput,
    /// Messages that details of errors may be of.
    types: DescriptorPool,
    content_type: OnceLock<HeaderValue>,
    /// Why a message could not be read, which ends the response.
    failure: OnceLock<Status>,
}

impl HttpBodyEncoder {
    pub(crate) fn new(output: HttpBodyOutput, types: DescriptorPool) -> Self {
        Self { output, types, content_type: OnceLock::new(), failure: OnceLock::new() }
    }
}

impl ResponseEncoder for HttpBodyEncoder {
    fn needs_message_for_head(&self) -> bool {
        true
    }

    fn response_head(&self, headers: &Metadata) -> Response<()> {
        let mut response = Response::new(());
        let content_type = self.content_type.get().cloned();
        let content_type = content_type.unwrap_or(HeaderValue::from_static("application/octet-stream"));
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        append_headers(response.headers_mut(), headers.to_headers());
        response
    }

    fn put_message(&self, message: &WrittenMessage, buffer: &mut BytesMut) {
        match self.output.unpack(message.bytes.clone()) {
            Ok(body) => {
                self.content_type.get_or_init(|| body.content_type_header());
                buffer.put(body.data);
            }
            Err(status) => {
                self.failure.get_or_init(|| status);
            }
        }
    }

    fn end_frame(&self, outcome: Result<Metadata, Status>) -> FrameResult {
        match self.failure.get().cloned().map_or(outcome, Err) {
            Ok(_) => Ok(Frame::data(Bytes::new())),
            Err(status) => Err(status.into()),
        }
    }

    fn failure_response(&self, status: Status) -> Response<Body> {
        HttpError::from(status).into_rest_response(Some(&self.types), Codec::Json)
    }
}
