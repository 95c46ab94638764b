//! The Connect protocol. <https://connectrpc.com/docs/protocol/>

mod get;
mod stream;
mod unary;

use std::sync::Arc;

use http::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method as Verb, Request, Response, StatusCode};
use prost_types::method_options::IdempotencyLevel;
use tonic::body::Body;

use crate::call::{Code, Codec, Status};
use crate::gateway::call::http_error::HttpError;
use crate::gateway::call::request_reader::limit_echo;
use crate::gateway::call::response::{media_type, plain_text};
use crate::gateway::call::server::CallServer;
use crate::gateway::catalog::{Catalog, CatalogMethod};
use crate::gateway::peer::Peer;

const VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");

/// The content types that can be posted to this server, those of gRPC included.
const POST_CONTENT_TYPES: &str = "application/json, application/proto, application/connect+json, \
    application/connect+proto, application/grpc, application/grpc+proto, application/grpc+json, application/grpc-web, \
    application/grpc-web+proto, application/grpc-web+json, application/grpc-web-text, application/grpc-web-text+proto";

/// A content type of Connect.
#[derive(Clone, Copy, PartialEq, Eq)]
struct ConnectContentType {
    codec: Codec,
    /// Whether the body is a stream of length-prefixed messages.
    stream: bool,
}

impl ConnectContentType {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let media_type = media_type(headers.get(CONTENT_TYPE)?);
        Some(match media_type.as_slice() {
            b"application/proto" => Self { codec: Codec::Proto, stream: false },
            b"application/json" => Self { codec: Codec::Json, stream: false },
            b"application/connect+proto" => Self { codec: Codec::Proto, stream: true },
            b"application/connect+json" => Self { codec: Codec::Json, stream: true },
            _ => return None,
        })
    }
}

/// Serves a request without a gRPC content type at the path of a method.
pub(crate) async fn serve(
    calls: &CallServer,
    catalog: &Catalog,
    request: Request<Body>,
    peer: &Arc<Peer>,
) -> Response<Body> {
    let method_ref = match catalog.find_method(request.uri().path()) {
        Ok(method_ref) => method_ref,
        // Clients that know nothing but the path take 404 for UNIMPLEMENTED.
        Err(status) => {
            return HttpError::from(limit_echo(status)).with_status(StatusCode::NOT_FOUND).into_response(None);
        }
    };
    let method = method_ref.method;
    let streams = method.is_streaming();
    let get = !streams && has_no_side_effects(method);
    match (request.method(), ConnectContentType::of(request.headers())) {
        (&Verb::GET, _) if get => get::serve_get(calls, method_ref, request, peer).await,
        (&Verb::POST, Some(kind)) if kind.stream == streams => match kind.stream {
            true => stream::serve_stream(calls, method_ref, request, peer, kind.codec).await,
            false => unary::serve_unary(calls, method_ref, request, peer, kind.codec).await,
        },
        (&Verb::POST, _) => refuse_content_type(request.headers(), method, streams),
        (verb, _) => {
            let allowed = if get { "GET, POST" } else { "POST" };
            let why = match verb == Verb::GET && !streams {
                true => " (GET is for methods with `option idempotency_level = NO_SIDE_EFFECTS`)",
                false => "",
            };
            let text = format!("`{}` takes {allowed}, not {verb}{why}\n", method.descriptor().full_name());
            let mut response = plain_text(StatusCode::METHOD_NOT_ALLOWED, text);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
            response
        }
    }
}

fn refuse_content_type(headers: &HeaderMap, method: &CatalogMethod, streams: bool) -> Response<Body> {
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
    let mut response = plain_text(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    response.headers_mut().insert(ACCEPT_POST, HeaderValue::from_static(POST_CONTENT_TYPES));
    response
}

fn has_no_side_effects(method: &CatalogMethod) -> bool {
    let options = method.descriptor().method_descriptor_proto().options.as_ref();
    options.is_some_and(|options| options.idempotency_level() == IdempotencyLevel::NoSideEffects)
}

/// Checks the version of the protocol, which not all clients send.
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
