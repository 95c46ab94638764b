//! Streaming calls of Connect. <https://connectrpc.com/docs/protocol/#streaming-request>

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::Full;
use prost_reflect::DescriptorPool;
use serde::Serialize;
use tonic::body::Body;

use crate::call::{Codec, Metadata, Protocol, Status};
use crate::gateway::call::body::{FrameResult, append_headers};
use crate::gateway::call::compression::{Compression, compression_names};
use crate::gateway::call::encoder::{ResponseEncoder, WrittenMessage};
use crate::gateway::call::framing;
use crate::gateway::call::http_error::{ConnectError, metadata_map};
use crate::gateway::call::http_timeout::read_http_deadline;
use crate::gateway::call::request_reader::RequestReader;
use crate::gateway::call::server::{CallFormat, CallServer, RequestHead};
use crate::gateway::call::streaming::serve_streaming;
use crate::gateway::catalog::MethodRef;
use crate::gateway::peer::Peer;
use crate::gateway::protocol::connect::{VERSION, check_version};

const ENCODING: HeaderName = HeaderName::from_static("connect-content-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("connect-accept-encoding");

/// Serves a call that streams on either side or both.
pub(crate) async fn serve_stream(
    calls: &CallServer,
    method_ref: MethodRef<'_>,
    request: Request<Body>,
    peer: &Arc<Peer>,
    codec: Codec,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let method = method_ref.method;
    let encoder = ConnectEncoder {
        compression: Compression::accepted(&parts.headers, &ACCEPT_ENCODING, Compression::OF_HTTP),
        codec,
        types: method.descriptor().parent_pool().clone(),
    };
    let format = CallFormat::new(Protocol::Connect, codec, method);
    let incoming = calls.admit(method_ref, &parts, peer, format, |parts| {
        let deadline = read_http_deadline(&parts.headers, &calls.settings)?;
        check_version(parts.headers.get(VERSION).map(HeaderValue::as_bytes), "1")?;
        let encoding = parts.headers.get(ENCODING).map(HeaderValue::as_bytes);
        let compression = Compression::named(encoding, Compression::OF_HTTP)?;
        let request_reader = RequestReader::of_frames(body, compression, calls.request_bounds(method), peer);
        Ok(RequestHead { deadline, request_reader: request_reader.with_codec(codec, method.input()) })
    });
    match incoming {
        Ok(incoming) => serve_streaming(calls.handler.clone(), method, incoming, encoder).await,
        Err(status) => encoder.failure_response(status),
    }
}

/// Writes the response of a stream as Connect has it.
struct ConnectEncoder {
    compression: Option<Compression>,
    codec: Codec,
    /// Messages that details of errors may be of.
    types: DescriptorPool,
}

/// The content of a stream's last frame.
#[derive(Serialize)]
struct EndOfStream<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ConnectError<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, Vec<String>>,
}

impl ConnectEncoder {
    fn encode_end(&self, outcome: Result<Metadata, Status>) -> Bytes {
        let error = outcome.as_ref().err().map(|status| ConnectError::new(status, Some(&self.types)));
        let trailers = outcome.as_ref().unwrap_or_else(|status| &status.metadata);
        let metadata = metadata_map(trailers);
        framing::end_frame(&serde_json::to_vec(&EndOfStream { error, metadata }).unwrap_or_default())
    }
}

impl ResponseEncoder for ConnectEncoder {
    fn response_head(&self, headers: &Metadata) -> Response<()> {
        let mut response = Response::new(());
        let content_type = match self.codec {
            Codec::Proto => "application/connect+proto",
            Codec::Json => "application/connect+json",
        };
        let response_headers = response.headers_mut();
        response_headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response_headers.insert(ACCEPT_ENCODING, compression_names(Compression::OF_HTTP));
        if let Some(compression) = self.compression {
            response_headers.insert(ENCODING, HeaderValue::from_static(compression.name()));
        }
        append_headers(response_headers, headers.to_headers());
        response
    }

    fn compression(&self) -> Option<Compression> {
        self.compression
    }

    fn put_message(&self, message: &WrittenMessage, buffer: &mut BytesMut) {
        framing::put_message(message, buffer);
    }

    fn end_frame(&self, outcome: Result<Metadata, Status>) -> FrameResult {
        Ok(Frame::data(self.encode_end(outcome)))
    }

    fn failure_response(&self, status: Status) -> Response<Body> {
        let body = Body::new(Full::new(self.encode_end(Err(status))));
        self.response_head(&Metadata::default()).map(|()| body)
    }
}
