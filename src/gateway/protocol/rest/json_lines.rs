//! Streams of responses as lines of JSON.

use bytes::{BufMut as _, Bytes, BytesMut};
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use http_body::Frame;
use prost_reflect::DescriptorPool;
use tonic::body::Body;

use crate::call::{Codec, Metadata, Status};
use crate::gateway::call::body::{FrameResult, append_headers};
use crate::gateway::call::encoder::{ResponseEncoder, WrittenMessage};
use crate::gateway::call::http_error::HttpError;
use crate::gateway::call::rpc_status::error_line;

/// Writes messages as lines of JSON. A stream that fails ends with a line `{"error": ...}`.
pub(crate) struct JsonLinesEncoder {
    /// Messages that details of errors may be of.
    pub(crate) types: DescriptorPool,
}

impl ResponseEncoder for JsonLinesEncoder {
    fn response_head(&self, headers: &Metadata) -> Response<()> {
        let mut response = Response::new(());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        append_headers(response.headers_mut(), headers.to_headers());
        response
    }

    fn put_message(&self, message: &WrittenMessage, buffer: &mut BytesMut) {
        buffer.put_slice(&message.bytes);
        buffer.put_u8(b'\n');
    }

    fn end_frame(&self, outcome: Result<Metadata, Status>) -> FrameResult {
        let line = outcome.err().map(|status| error_line(&status, &self.types)).unwrap_or_default();
        Ok(Frame::data(Bytes::from(line)))
    }

    fn failure_response(&self, status: Status) -> Response<Body> {
        HttpError::from(status).into_rest_response(Some(&self.types), Codec::Json)
    }
}
