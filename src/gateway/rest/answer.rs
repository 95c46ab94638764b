use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method as Verb, Request, Response, StatusCode};
use http_body::{Body as _, Frame};
use prost_reflect::DescriptorPool;
use tonic::body::Body as HttpBody;

use super::super::body::{Framed, extend};
use super::super::compression::Compression;
use super::super::connect::{Called, Failed, Spoken, admit, error_line, unary};
use super::super::front::{Front, Peer, essence, plain};
use super::super::json::Written;
use super::super::messages::Messages;
use super::super::wire::Wire;
use super::super::{Backend, streaming};
use super::{Binding, Body, Route, Values};
use crate::call::{Codec, Metadata, Protocol, Status};

/// Answers a request at a path that a method has by its rule.
pub(in super::super) async fn answer<B: Backend>(
    front: &Front<B>,
    called: Called<'_>,
    (route, values): (&Route, Values),
    request: Request<HttpBody>,
    peer: &Arc<Peer>,
) -> Response<HttpBody> {
    let (parts, body) = request.into_parts();
    let method = called.method;
    let json = match &route.rule.response {
        Some(field) => Written::Field(method.output(), field.clone()),
        None => Written::Message(method.output()),
    };
    let has_body = route.rule.body != Body::None;
    let kind = parts.headers.get(CONTENT_TYPE).map(essence);
    // A page of another origin may send other types without asking first.
    if has_body && !body.is_end_stream() && kind.as_deref() != Some(b"application/json") {
        let text = format!("`{}` takes a body with content-type application/json\n", route.rule.path);
        return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    }
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let messages = |parts: &Parts| {
        let binding = Binding::new(method.input(), route.rule.body.clone(), values, &query)?;
        let encoding = parts.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
        let compression = Compression::named(encoding, Compression::OF_HTTP)?;
        Ok(Messages::whole(body, compression, &front.settings).bound(binding))
    };
    let spoken = Spoken { protocol: Protocol::Rest, codec: Codec::Json, json: Some(json) };
    if !method.is_server_streaming() {
        return unary::run(front, called, parts, peer, spoken, messages).await;
    }
    let wire = Lines { types: method.descriptor().parent_pool().clone() };
    match admit(front, called, &parts, peer, spoken, messages) {
        Ok(incoming) => streaming::answer(front.backend.clone(), method, incoming, wire).await,
        Err(status) => wire.failure(status),
    }
}

/// The answer at a path that is there for other verbs.
pub(in super::super) fn not_allowed(verb: &Verb, others: &[Verb]) -> Response<HttpBody> {
    let others: Vec<_> = others.iter().map(Verb::as_str).collect();
    let allowed = others.join(", ");
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, format!("this path takes {allowed}, not {verb}\n"));
    if let Ok(allowed) = HeaderValue::try_from(allowed) {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

/// Messages as lines of JSON. A stream that fails ends with a line `{"error": ...}`.
struct Lines {
    types: DescriptorPool,
}

impl Wire for Lines {
    fn head(&self, headers: &Metadata) -> Response<()> {
        let mut response = Response::new(());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        extend(response.headers_mut(), headers.to_headers());
        response
    }

    fn message(&self, message: &[u8], buffer: &mut BytesMut) {
        buffer.put_slice(message);
        buffer.put_u8(b'\n');
    }

    fn end(&self, outcome: Result<Metadata, Status>) -> Framed {
        let line = outcome.err().map(|status| error_line(&status, &self.types)).unwrap_or_default();
        Ok(Frame::data(Bytes::from(line)))
    }

    fn failure(&self, status: Status) -> Response<HttpBody> {
        Failed::from(status).respond(Some(&self.types))
    }
}
