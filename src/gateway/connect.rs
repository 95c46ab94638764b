//! The Connect protocol. <https://connectrpc.com/docs/protocol/>

mod error;
mod get;
mod stream;
pub(super) mod unary;

use std::sync::Arc;

use http::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method as Verb, Request, Response, StatusCode};
use prost_types::method_options::IdempotencyLevel;
use tonic::body::Body;

use super::front::{Front, Peer, essence, plain};
use super::json::Written;
use super::messages::Messages;
use super::{Backend, Incoming, Method, Served, Service, Settings, route};
use crate::call::{Code, Codec, Deadline, Protocol, Status};

pub(super) use error::{Failed, code_name, error_line};

const TIMEOUT: HeaderName = HeaderName::from_static("connect-timeout-ms");
const VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");

/// What may be posted here, gRPC included.
const POSTED: &str = "application/json, application/proto, application/connect+json, application/connect+proto, \
    application/grpc, application/grpc+proto, application/grpc+json, application/grpc-web, application/grpc-web+proto, \
    application/grpc-web+json, application/grpc-web-text, application/grpc-web-text+proto";

/// What a request's content type says.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Kind {
    codec: Codec,
    /// Whether messages come in envelopes, any number of them.
    stream: bool,
}

impl Kind {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let kind = essence(headers.get(CONTENT_TYPE)?);
        Some(match kind.as_slice() {
            b"application/proto" => Self { codec: Codec::Proto, stream: false },
            b"application/json" => Self { codec: Codec::Json, stream: false },
            b"application/connect+proto" => Self { codec: Codec::Proto, stream: true },
            b"application/connect+json" => Self { codec: Codec::Json, stream: true },
            _ => return None,
        })
    }
}

/// The method that is called.
#[derive(Clone, Copy)]
pub(super) struct Called<'a> {
    pub(super) service: &'a Service,
    pub(super) method: &'a Method,
}

/// What a call is written in.
pub(super) struct Spoken {
    pub(super) protocol: Protocol,
    pub(super) codec: Codec,
    /// How response messages go back, when not as protobuf.
    pub(super) json: Option<Written>,
}

impl Spoken {
    fn connect(codec: Codec, method: &Method) -> Self {
        let json = (codec == Codec::Json).then(|| Written::Message(method.output()));
        Self { protocol: Protocol::Connect, codec, json }
    }
}

/// Begins a call, whose messages are found by `messages`.
///
/// # Errors
/// Why it cannot be served.
pub(super) fn admit<B: Backend>(
    front: &Front<B>,
    Called { service, method }: Called<'_>,
    parts: &Parts,
    peer: &Arc<Peer>,
    spoken: Spoken,
    messages: impl FnOnce(&Parts) -> Result<Messages, Status>,
) -> Result<Incoming, Status> {
    let mut call = front.calls.begin(service.name(), method.name(), peer);
    let read = call.admitted().and_then(|()| Ok((deadline(&parts.headers, &front.settings)?, messages(parts)?)));
    let (deadline, messages) = read.inspect_err(|status| call.outcome(Err(status)))?;
    let mut context = peer.context(service, method, parts);
    (context.protocol, context.codec, context.deadline) = (spoken.protocol, spoken.codec, deadline);
    if parts.method == Verb::GET {
        context.get_query = Some(parts.uri.query().unwrap_or_default().to_owned());
    }
    Ok(Incoming { context, messages, json: spoken.json, max_response: front.settings.max_response, call })
}

/// Answers a request that is no gRPC, at the path of a method.
pub(super) async fn answer<B: Backend>(
    front: &Front<B>,
    served: &Served,
    request: Request<Body>,
    peer: &Arc<Peer>,
) -> Response<Body> {
    let (service, method) = match route::find(served, request.uri().path()) {
        Ok(found) => found,
        // Clients that know the method from its path alone take 404 for UNIMPLEMENTED.
        Err(status) => return Failed::from(status).with_status(StatusCode::NOT_FOUND).respond(None),
    };
    let called = Called { service, method };
    let streams = method.is_client_streaming() || method.is_server_streaming();
    let get = !streams && has_no_side_effects(method);
    match (request.method(), Kind::of(request.headers())) {
        (&Verb::GET, _) if get => get::answer(front, called, request, peer).await,
        (&Verb::POST, Some(kind)) if kind.stream == streams => match kind.stream {
            true => stream::answer(front, called, request, peer, kind.codec).await,
            false => unary::answer(front, called, request, peer, kind.codec).await,
        },
        (&Verb::POST, _) => unsupported(request.headers(), method, streams),
        (verb, _) => {
            let allowed = if get { "GET, POST" } else { "POST" };
            let why = match verb == Verb::GET && !streams {
                true => " (GET is for methods with `option idempotency_level = NO_SIDE_EFFECTS`)",
                false => "",
            };
            let text = format!("`{}` takes {allowed}, not {verb}{why}\n", method.descriptor().full_name());
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, text);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
            response
        }
    }
}

fn unsupported(headers: &HeaderMap, method: &Method, streams: bool) -> Response<Body> {
    let content_type = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let wanted = match streams {
        true => "application/connect+json or application/connect+proto, because it streams",
        false => "application/json or application/proto",
    };
    let text = format!(
        "`{}` takes content-type {wanted}; gRPC and gRPC-Web are spoken here, too; got content-type {:?}\n",
        method.descriptor().full_name(),
        String::from_utf8_lossy(content_type),
    );
    let mut response = plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    response.headers_mut().insert(ACCEPT_POST, HeaderValue::from_static(POSTED));
    response
}

fn has_no_side_effects(method: &Method) -> bool {
    let options = method.descriptor().method_descriptor_proto().options.as_ref();
    options.is_some_and(|options| options.idempotency_level() == IdempotencyLevel::NoSideEffects)
}

/// When the call must be over, by its headers.
fn deadline(headers: &HeaderMap, settings: &Settings) -> Result<Option<Deadline>, Status> {
    let Some(value) = headers.get(TIMEOUT) else {
        return Ok(settings.default_deadline());
    };
    let digits = value.to_str().ok().filter(|digits| digits.len() <= 10 && digits.bytes().all(|b| b.is_ascii_digit()));
    let milliseconds = digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| {
        let message = format!("malformed connect-timeout-ms {value:?}: expected one to ten digits, milliseconds");
        Status::new(Code::InvalidArgument, message)
    })?;
    Ok(Deadline::after(std::time::Duration::from_millis(milliseconds)))
}

/// There is one version of the protocol, and not all clients say so.
fn check_version(version: Option<&[u8]>, wanted: &str) -> Result<(), Status> {
    match version {
        Some(version) if version != wanted.as_bytes() => {
            let version = String::from_utf8_lossy(version);
            let message = format!("version `{version}` of the Connect protocol is not known; `{wanted}` is");
            Err(Status::new(Code::InvalidArgument, message))
        }
        _ => Ok(()),
    }
}
