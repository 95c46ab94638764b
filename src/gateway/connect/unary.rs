use std::sync::Arc;

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, VARY};
use http::request::Parts;
use http::{Request, Response};
use tonic::body::Body;

use super::super::body::{WithCall, extend};
use super::super::calls::Call;
use super::super::compression::{Compression, names};
use super::super::front::{Front, Peer};
use super::super::messages::Messages;
use super::super::unary;
use super::super::{Backend, Incoming};
use super::error::trailers;
use super::{Called, Failed, VERSION, check_version, deadline};
use crate::call::{Codec, Protocol, Reply, Status};

/// Answers a unary call that was posted.
pub(super) async fn answer<B: Backend>(
    front: &Front<B>,
    called: Called<'_>,
    request: Request<Body>,
    peer: &Arc<Peer>,
    codec: Codec,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    run(front, called, parts, peer, codec, |parts| {
        check_version(parts.headers.get(VERSION).map(HeaderValue::as_bytes), "1")?;
        let encoding = parts.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
        let compression = Compression::named(encoding, Compression::OF_HTTP)?;
        Ok(Messages::whole(body, compression, &front.settings))
    })
    .await
}

/// Runs a unary call whose message is found by `messages`.
pub(super) async fn run<B: Backend>(
    front: &Front<B>,
    Called { service, method }: Called<'_>,
    parts: Parts,
    peer: &Arc<Peer>,
    codec: Codec,
    messages: impl FnOnce(&Parts) -> Result<Messages, Status>,
) -> Response<Body> {
    let types = method.descriptor().parent_pool();
    let mut call = front.calls.begin(service.name(), method.name(), peer);
    let read = call.admitted().and_then(|()| Ok((deadline(&parts.headers, &front.settings)?, messages(&parts)?)));
    let (deadline, messages) = match read {
        Ok(read) => read,
        Err(status) => {
            call.outcome(Err(&status));
            return Failed::from(status).respond(Some(types));
        }
    };
    let accepted = Compression::accepted(&parts.headers, &ACCEPT_ENCODING, Compression::OF_HTTP);
    let get = parts.method == http::Method::GET;
    let mut context = peer.context(service, method, &parts);
    (context.protocol, context.codec, context.deadline) = (Protocol::Connect, codec, deadline);
    if get {
        context.get_query = Some(parts.uri.query().unwrap_or_default().to_owned());
    }
    let json = codec == Codec::Json;
    let incoming = Incoming {
        context,
        messages: messages.json(json.then(|| method.input())),
        json: json.then(|| method.output()),
        max_response: front.settings.max_response,
        call,
    };
    let (outcome, call) = unary::answer(&*front.backend, incoming).await;
    match outcome {
        Ok(reply) => {
            let mut response = respond(reply, codec, accepted, call);
            if get {
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
