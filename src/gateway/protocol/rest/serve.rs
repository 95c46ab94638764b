//! Serves requests at the paths of HTTP rules.

use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method as Verb, Request, Response, StatusCode};
use http_body::{Body as _, Frame};
use prost_reflect::DescriptorPool;
use tonic::body::Body;

use crate::call::{Codec, Metadata, Protocol, Status};
use crate::gateway::call::body::{FrameResult, append_headers};
use crate::gateway::call::compression::Compression;
use crate::gateway::call::encoder::ResponseEncoder;
use crate::gateway::call::http_error::{HttpError, error_line};
use crate::gateway::call::http_timeout::read_http_deadline;
use crate::gateway::call::http_unary::serve_http_unary;
use crate::gateway::call::json::JsonOutput;
use crate::gateway::call::request_reader::RequestReader;
use crate::gateway::call::response::{media_type, plain_text};
use crate::gateway::call::server::{CallFormat, CallServer, RequestHead};
use crate::gateway::call::streaming::serve_streaming;
use crate::gateway::catalog::MethodRef;
use crate::gateway::peer::Peer;
use crate::gateway::protocol::rest::binding::RequestBinding;
use crate::gateway::routes::rule::BodyMapping;
use crate::gateway::routes::{PathValues, RestRoute};

/// Serves a request at a path that a method has by its rule.
pub(crate) async fn serve(
    calls: &CallServer,
    method_ref: MethodRef<'_>,
    (route, values): (&RestRoute, PathValues),
    request: Request<Body>,
    peer: &Arc<Peer>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let method = method_ref.method;
    let json_output = match &route.rule.response {
        Some(field) => JsonOutput::Field(method.output(), field.clone()),
        None => JsonOutput::Message(method.output()),
    };
    let has_body = route.rule.body != BodyMapping::None;
    let media_type = parts.headers.get(CONTENT_TYPE).map(media_type);
    // A web page of another origin may send other types without a preflight request.
    if has_body && !body.is_end_stream() && media_type.as_deref() != Some(b"application/json") {
        let text = format!("`{}` takes a body with content-type application/json\n", route.rule.path);
        return plain_text(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    }
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let read_head = |parts: &Parts| {
        let deadline = read_http_deadline(&parts.headers, &calls.settings)?;
        let binding = RequestBinding::new(method.input(), route.rule.body.clone(), values, &query)?;
        let encoding = parts.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
        let compression = Compression::named(encoding, Compression::OF_HTTP)?;
        let request_reader = RequestReader::of_body(body, compression, &calls.settings).with_decoder(binding);
        Ok(RequestHead { deadline, request_reader })
    };
    let format = CallFormat { protocol: Protocol::Rest, codec: Codec::Json, json_output: Some(json_output) };
    if !method.is_server_streaming() {
        return serve_http_unary(calls, method_ref, parts, peer, format, read_head).await;
    }
    let encoder = JsonLinesEncoder { types: method.descriptor().parent_pool().clone() };
    match calls.admit(method_ref, &parts, peer, format, read_head) {
        Ok(incoming) => serve_streaming(calls.handler.clone(), method, incoming, encoder).await,
        Err(status) => encoder.failure_response(status),
    }
}

/// Refuses a request at a path that exists for other verbs only.
pub(crate) fn refuse_verb(verb: &Verb, others: &[Verb]) -> Response<Body> {
    let others: Vec<_> = others.iter().map(Verb::as_str).collect();
    let allowed = others.join(", ");
    let mut response = plain_text(StatusCode::METHOD_NOT_ALLOWED, format!("this path takes {allowed}, not {verb}\n"));
    if let Ok(allowed) = HeaderValue::try_from(allowed) {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

/// Writes messages as lines of JSON. A stream that fails ends with a line `{"error": ...}`.
struct JsonLinesEncoder {
    types: DescriptorPool,
}

impl ResponseEncoder for JsonLinesEncoder {
    fn response_head(&self, headers: &Metadata) -> Response<()> {
        let mut response = Response::new(());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        append_headers(response.headers_mut(), headers.to_headers());
        response
    }

    fn put_message(&self, message: &[u8], buffer: &mut BytesMut) {
        buffer.put_slice(message);
        buffer.put_u8(b'\n');
    }

    fn end_frame(&self, outcome: Result<Metadata, Status>) -> FrameResult {
        let line = outcome.err().map(|status| error_line(&status, &self.types)).unwrap_or_default();
        Ok(Frame::data(Bytes::from(line)))
    }

    fn failure_response(&self, status: Status) -> Response<Body> {
        HttpError::from(status).into_response(Some(&self.types))
    }
}
