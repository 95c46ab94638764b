//! Serves requests at the paths of HTTP rules.

use std::sync::Arc;

use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method as Verb, Request, Response, StatusCode};
use http_body::Body as _;
use prost_reflect::{FieldDescriptor, Kind};
use tonic::body::Body;

use crate::call::{Code, Codec, Protocol, Status};
use crate::gateway::call::compression::Compression;
use crate::gateway::call::http_body::HttpBodyOutput;
use crate::gateway::call::http_error::HttpError;
use crate::gateway::call::http_timeout::read_http_deadline;
use crate::gateway::call::http_unary::serve_http_unary;
use crate::gateway::call::message_output::MessageOutput;
use crate::gateway::call::page_origin::check_page_origin;
use crate::gateway::call::request_reader::RequestReader;
use crate::gateway::call::server::{CallFormat, CallServer, RequestHead};
use crate::gateway::call::streaming::serve_streaming;
use crate::gateway::catalog::MethodRef;
use crate::gateway::peer::Peer;
use crate::gateway::protocol::rest::binding::RequestBinding;
use crate::gateway::protocol::rest::codecs::RestCodecs;
use crate::gateway::protocol::rest::http_body::HttpBodyEncoder;
use crate::gateway::protocol::rest::json_lines::JsonLinesEncoder;
use crate::gateway::protocol::rest::parameter::{decode_escapes, invalid};
use crate::routes::rule::BodyMapping;
use crate::routes::{PathValues, RestRoute};

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
    let rule = &route.rule;
    let types = method.descriptor().parent_pool();
    let http_body = HttpBodyOutput::of(method.output(), rule.response.as_ref());
    let codecs = RestCodecs::of(&parts.headers);
    // The parts of a stream are lines of JSON.
    let codec = if method.is_server_streaming() { Codec::Json } else { codecs.response };
    let (codec, message_output) = match (&http_body, &rule.response, codec) {
        (Some(_), _, _) => (codec, None),
        (None, None, Codec::Proto) => (codec, None),
        (None, None, Codec::Json) => (codec, Some(MessageOutput::Json(method.output()))),
        (None, Some(field), Codec::Proto) if is_message(field) => {
            (codec, Some(MessageOutput::ProtoField(field.clone())))
        }
        // A list or a number has no encoding of its own.
        (None, Some(field), _) => (Codec::Json, Some(MessageOutput::JsonField(field.clone()))),
    };
    let takes_http_body = RequestBinding::takes_http_body(&method.input(), &rule.body);
    let takes_body = rule.body != BodyMapping::None && !takes_http_body;
    let content_type = parts.headers.get(CONTENT_TYPE);
    let is_readable = match codecs.request {
        Some(Codec::Proto) => rule.body.message(&method.input()).is_some(),
        Some(Codec::Json) => true,
        None => false,
    };
    if takes_body && !body.is_end_stream() && !is_readable {
        let known = match rule.body.message(&method.input()) {
            Some(_) => "application/json or application/x-protobuf",
            None => "application/json",
        };
        let message = format!("`{}` takes a body with content-type {known}", rule.path);
        let error = HttpError::from(Status::new(Code::InvalidArgument, message));
        return error.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE).into_rest_response(Some(types), codec);
    }
    let content_type = content_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let read_head = |parts: &Parts| {
        check_page_origin(parts, &calls.settings.origins)?;
        decode_escapes(parts.uri.path()).map_err(|error| invalid(format!("the path {error}")))?;
        let deadline = read_http_deadline(&parts.headers, &calls.settings)?;
        let request_codec = codecs.request.unwrap_or(Codec::Json);
        let binding = RequestBinding::new(method.input(), rule.body.clone(), request_codec, values, &query)?;
        let encoding = parts.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
        let compression = Compression::named(encoding, Compression::OF_HTTP)?;
        let binding = binding.with_content_type(content_type.unwrap_or_default());
        let request_reader =
            RequestReader::of_body(body, compression, calls.request_bounds(method), peer).with_decoder(binding);
        Ok(RequestHead { deadline, request_reader })
    };
    let format = CallFormat { protocol: Protocol::Rest, codec, message_output, http_body: http_body.clone() };
    if !method.is_server_streaming() {
        return serve_http_unary(calls, method_ref, parts, peer, format, read_head).await;
    }
    let incoming = match calls.admit(method_ref, &parts, peer, format, read_head) {
        Ok(incoming) => incoming,
        Err(status) => return HttpError::from(status).into_rest_response(Some(types), codec),
    };
    let (handler, types) = (calls.handler.clone(), types.clone());
    match http_body {
        Some(output) => serve_streaming(handler, method, incoming, HttpBodyEncoder::new(output, types)).await,
        None => serve_streaming(handler, method, incoming, JsonLinesEncoder { types }).await,
    }
}

/// Whether the value of a field is one message, which can be sent as protobuf.
fn is_message(field: &FieldDescriptor) -> bool {
    !field.is_list() && !field.is_map() && matches!(field.kind(), Kind::Message(_))
}

/// Refuses a request at a path that exists for other verbs only.
pub(crate) fn refuse_verb(verb: &Verb, others: &[Verb]) -> Response<Body> {
    let others: Vec<_> = others.iter().map(Verb::as_str).collect();
    let allowed = others.join(", ");
    let status = Status::new(Code::Unimplemented, format!("this path takes {allowed}, not {verb}"));
    let mut response =
        HttpError::from(status).with_status(StatusCode::METHOD_NOT_ALLOWED).into_rest_response(None, Codec::Json);
    if let Ok(allowed) = HeaderValue::try_from(allowed) {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}
