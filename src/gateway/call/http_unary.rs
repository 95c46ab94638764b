//! Unary calls over plain HTTP, as Connect and REST have them: one body there, one body back.

use std::sync::Arc;

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, VARY};
use http::request::Parts;
use http::{Method as Verb, Response};
use tonic::body::Body;

use crate::call::{CallFailure, Codec, Protocol, Status, UnaryResponse};
use crate::gateway::call::body::{GuardedBody, append_headers};
use crate::gateway::call::compression::{Compression, compression_names};
use crate::gateway::call::host_work::do_host_work;
use crate::gateway::call::http_body::HttpBodyOutput;
use crate::gateway::call::http_error::{HttpError, rest_content_type, trailer_headers};
use crate::gateway::call::in_flight::CallGuard;
use crate::gateway::call::server::{CallFormat, CallServer, RequestHead};
use crate::gateway::call::unary::run_unary;
use crate::gateway::catalog::MethodRef;
use crate::gateway::peer::Peer;

/// Serves a unary call whose head is read by `read_head`.
pub(crate) async fn serve_http_unary(
    calls: &CallServer,
    method_ref: MethodRef<'_>,
    parts: Parts,
    peer: &Arc<Peer>,
    mut format: CallFormat,
    read_head: impl FnOnce(&Parts) -> Result<RequestHead, Status>,
) -> Response<Body> {
    let types = method_ref.method.descriptor().parent_pool();
    let (codec, http_body) = (format.codec, format.http_body.take());
    let is_rest = format.protocol == Protocol::Rest;
    let respond = |error: HttpError| match is_rest {
        true => error.into_rest_response(Some(types), codec),
        false => error.into_response(Some(types)),
    };
    let incoming = match calls.admit(method_ref, &parts, peer, format, read_head) {
        Ok(incoming) => incoming,
        Err(status) => return respond(status.into()),
    };
    let accepted = Compression::accepted(&parts.headers, &ACCEPT_ENCODING, Compression::OF_HTTP);
    let (outcome, guard) = run_unary(calls.handler.clone(), incoming).await;
    // The message of a `google.api.HttpBody` is its data; all others are sent as they are.
    let outcome = match (outcome, http_body) {
        (Ok(unary_response), Some(http_body)) => unpack_body(unary_response, http_body).await,
        (outcome, _) => outcome.map(|unary_response| (unary_response, None)),
    };
    match outcome {
        Ok((unary_response, content_type)) => {
            let message_type = match codec {
                codec if is_rest => rest_content_type(codec),
                Codec::Proto => "application/proto",
                Codec::Json => "application/json",
            };
            let mut response = match make_response(unary_response, message_type, accepted, guard).await {
                Ok(response) => response,
                Err(status) => return respond(status.into()),
            };
            if let Some(content_type) = content_type {
                response.headers_mut().insert(CONTENT_TYPE, content_type);
            }
            if parts.method == Verb::GET {
                response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
            }
            response
        }
        Err(failure) => respond(failure.into()),
    }
}

/// Takes the body out of a response, with its content type.
async fn unpack_body(
    mut unary_response: UnaryResponse,
    http_body: HttpBodyOutput,
) -> Result<(UnaryResponse, Option<HeaderValue>), CallFailure> {
    let message = std::mem::take(&mut unary_response.message);
    let body = do_host_work(message.len(), move || http_body.unpack(message)).await?;
    let content_type = body.content_type_header();
    unary_response.message = body.data;
    Ok((unary_response, Some(content_type)))
}

async fn make_response(
    unary_response: UnaryResponse,
    content_type: &'static str,
    accepted: Option<Compression>,
    guard: CallGuard,
) -> Result<Response<Body>, Status> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(ACCEPT_ENCODING, compression_names(Compression::OF_HTTP));
    let message = unary_response.message;
    let message_bytes = message.len();
    let message = match accepted {
        None => message,
        Some(compression) => {
            let compress = move || compression.compress(&message).ok_or(message);
            match do_host_work(message_bytes, compress).await {
                Ok(compressed) => {
                    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(compression.name()));
                    compressed.into()
                }
                Err(message) => message,
            }
        }
    };
    append_headers(&mut headers, unary_response.headers.to_headers());
    append_headers(&mut headers, trailer_headers(&unary_response.trailers));
    let mut response = Response::new(Body::new(GuardedBody::new(message, guard)?));
    *response.headers_mut() = headers;
    Ok(response)
}
