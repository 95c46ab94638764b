use std::sync::Arc;

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, VARY};
use http::request::Parts;
use http::{Request, Response};
use tonic::body::Body;

use super::super::Backend;
use super::super::body::{WithCall, extend};
use super::super::calls::Call;
use super::super::compression::{Compression, names};
use super::super::front::{Front, Peer};
use super::super::messages::Messages;
use super::super::unary;
use super::error::trailers;
use super::{Called, Failed, Spoken, VERSION, admit, check_version};
use crate::call::{Codec, Reply, Status};

/// Answers a unary call that was posted.
pub(super) async fn answer<B: Backend>(
    front: &Front<B>,
    called: Called<'_>,
    request: Request<Body>,
    peer: &Arc<Peer>,
    codec: Codec,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let spoken = Spoken::connect(codec, called.method);
    run(front, called, parts, peer, spoken, |parts| {
        check_version(parts.headers.get(VERSION).map(HeaderValue::as_bytes), "1")?;
        let encoding = parts.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
        let compression = Compression::named(encoding, Compression::OF_HTTP)?;
        Ok(Messages::whole(body, compression, &front.settings).codec(codec, called.method.input()))
    })
    .await
}

/// Runs a unary call, whose message is found by `messages`.
pub(in super::super) async fn run<B: Backend>(
    front: &Front<B>,
    called: Called<'_>,
    parts: Parts,
    peer: &Arc<Peer>,
    spoken: Spoken,
    messages: impl FnOnce(&Parts) -> Result<Messages, Status>,
) -> Response<Body> {
    let types = called.method.descriptor().parent_pool();
    let codec = spoken.codec;
    let incoming = match admit(front, called, &parts, peer, spoken, messages) {
        Ok(incoming) => incoming,
        Err(status) => return Failed::from(status).respond(Some(types)),
    };
    let accepted = Compression::accepted(&parts.headers, &ACCEPT_ENCODING, Compression::OF_HTTP);
    let (outcome, call) = unary::answer(&*front.backend, incoming).await;
    match outcome {
        Ok(reply) => {
            let mut response = respond(reply, codec, accepted, call);
            if parts.method == http::Method::GET {
                response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
            }
            response
        }
        Err(failure) => Failed::from(failure).respond(Some(types)),
    }
}

fn respond(reply: Reply, codec: Codec, accepted: Option<Compression>, call: Call) -> Response<Body> {
    let mut headers = HeaderMap::new();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(match codec {
            Codec::Proto => "application/proto",
            Codec::Json => "application/json",
        }),
    );
    headers.insert(ACCEPT_ENCODING, names(Compression::OF_HTTP));
    let compressed = accepted.and_then(|compression| Some((compression, compression.compress(&reply.message)?)));
    let message = match compressed {
        Some((compression, message)) => {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(compression.name()));
            message.into()
        }
        None => reply.message,
    };
    extend(&mut headers, reply.headers.to_headers());
    extend(&mut headers, trailers(&reply.trailers));
    let mut response = Response::new(Body::new(WithCall::new(message, call)));
    *response.headers_mut() = headers;
    response
}
