//! Serves requests at the paths of HTTP rules.

use std::sync::Arc;

use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method as Verb, Request, Response, StatusCode};
use http_body::Body as _;
use tonic::body::Body;

use crate::call::{Code, Codec, Protocol, Status};
use crate::gateway::call::compression::Compression;
use crate::gateway::call::http_body::HttpBodyOutput;
use crate::gateway::call::http_error::HttpError;
use crate::gateway::call::http_timeout::read_http_deadline;
use crate::gateway::call::http_unary::serve_http_unary;
use crate::gateway::call::json::JsonOutput;
use crate::gateway::call::page_origin::check_page_origin;
use crate::gateway::call::request_reader::RequestReader;
use crate::gateway::call::response::media_type;
use crate::gateway::call::server::{CallFormat, CallServer, RequestHead};
use crate::gateway::call::streaming::serve_streaming;
use crate::gateway::catalog::MethodRef;
use crate::gateway::peer::Peer;
use crate::gateway::protocol::rest::binding::RequestBinding;
use crate::gateway::protocol::rest::http_body::HttpBodyEncoder;
use crate::gateway::protocol::rest::json_lines::JsonLinesEncoder;
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
    let rule = &route.rule;
    let types = method.descriptor().parent_pool();
    let http_body = HttpBodyOutput::of(method.output(), rule.response.as_ref());
    let json_output = match (&http_body, &rule.response) {
        (Some(_), _) => None,
        (None, Some(field)) => Some(JsonOutput::Field(method.output(), field.clone())),
        (None, None) => Some(JsonOutput::Message(method.output())),
    };
    let takes_http_body = RequestBinding::takes_http_body(&method.input(), &rule.body);
    let takes_json = rule.body != BodyMapping::None && !takes_http_body;
    let content_type = parts.headers.get(CONTENT_TYPE);
    let is_json = content_type.is_some_and(|content_type| media_type(content_type) == b"application/json");
    if takes_json && !body.is_end_stream() && !is_json {
        let message = format!("`{}` takes a body with content-type application/json", rule.path);
        let error = HttpError::from(Status::new(Code::InvalidArgument, message));
        return error.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE).into_rest_response(Some(types));
    }
    let content_type = content_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let read_head = |parts: &Parts| {
        check_page_origin(parts, &calls.settings.origins)?;
        let deadline = read_http_deadline(&parts.headers, &calls.settings)?;
        let binding = RequestBinding::new(method.input(), rule.body.clone(), values, &query)?;
        let encoding = parts.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
        let compression = Compression::named(encoding, Compression::OF_HTTP)?;
        let binding = binding.with_content_type(content_type.unwrap_or_default());
        let request_reader = RequestReader::of_body(body, compression, &calls.settings).with_decoder(binding);
        Ok(RequestHead { deadline, request_reader })
    };
    let format = CallFormat { protocol: Protocol::Rest, codec: Codec::Json, json_output, http_body: http_body.clone() };
    if !method.is_server_streaming() {
        return serve_http_unary(calls, method_ref, parts, peer, format, read_head).await;
    }
    let incoming = match calls.admit(method_ref, &parts, peer, format, read_head) {
        Ok(incoming) => incoming,
        Err(status) => return HttpError::from(status).into_rest_response(Some(types)),
    };
    let (handler, types) = (calls.handler.clone(), types.clone());
    match http_body {
        Some(output) => serve_streaming(handler, method, incoming, HttpBodyEncoder::new(output, types)).await,
        None => serve_streaming(handler, method, incoming, JsonLinesEncoder { types }).await,
    }
}

/// Refuses a request at a path that exists for other verbs only.
pub(crate) fn refuse_verb(verb: &Verb, others: &[Verb]) -> Response<Body> {
    let others: Vec<_> = others.iter().map(Verb::as_str).collect();
    let allowed = others.join(", ");
    let status = Status::new(Code::Unimplemented, format!("this path takes {allowed}, not {verb}"));
    let mut response = HttpError::from(status).with_status(StatusCode::METHOD_NOT_ALLOWED).into_rest_response(None);
    if let Ok(allowed) = HeaderValue::try_from(allowed) {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}
