//! Chooses the protocol of a request, by its content type and path.

use std::convert::Infallible;
use std::sync::Arc;

use http::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderValue, ORIGIN};
use http::{Method as Verb, Request, Response, StatusCode, Uri, Version};
use tokio::time::timeout;
use tonic::body::Body;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::call::{Codec, Protocol};
use crate::gateway::call::body::ShutdownBody;
use crate::gateway::call::request_reader::message_too_slow;
use crate::gateway::call::response::{media_type, plain_text};
use crate::gateway::catalog::Catalog;
use crate::gateway::peer::Peer;
use crate::gateway::protocol::grpc_web::GrpcWebFormat;
use crate::gateway::protocol::{connect, grpc, rest};
use crate::gateway::state::GatewayState;
use crate::routes::{RouteMatch, find_route};

/// The services of the gateway itself.
const HEALTH: &str = "grpc.health.v1.Health";
const REFLECTION: &str = "grpc.reflection.v1.ServerReflection";
const REFLECTION_ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";

/// The protocol that a content type names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequestProtocol {
    Grpc(Codec),
    GrpcWeb(GrpcWebFormat),
    /// Connect, REST, or a page.
    Http,
    /// A variant of gRPC that this server does not have.
    UnknownGrpc,
}

impl RequestProtocol {
    fn of(headers: &HeaderMap) -> Self {
        // Most requests are this one.
        let Some(content_type) = headers.get(CONTENT_TYPE) else { return Self::Http };
        if content_type == "application/grpc" {
            return Self::Grpc(Codec::Proto);
        }
        let media_type = media_type(content_type);
        let Some(rest) = media_type.strip_prefix(b"application/grpc") else { return Self::Http };
        let (rest, web) = rest.strip_prefix(b"-web").map_or((rest, false), |rest| (rest, true));
        let (rest, text) = match rest.strip_prefix(b"-text") {
            Some(rest) if web => (rest, true),
            _ => (rest, false),
        };
        let codec = match rest {
            b"" | b"+proto" => Codec::Proto,
            b"+json" => Codec::Json,
            _ => return Self::UnknownGrpc,
        };
        if web { Self::GrpcWeb(GrpcWebFormat { text, codec }) } else { Self::Grpc(codec) }
    }
}

/// Serves one HTTP request.
pub(crate) async fn serve_request(state: &GatewayState, request: Request<Body>, peer: &Arc<Peer>) -> Response<Body> {
    match &state.cors {
        Some(cors) if request.headers().contains_key(ORIGIN) => {
            let service = service_fn(async |request| Ok::<_, Infallible>(dispatch_request(state, request, peer).await));
            Box::pin(cors.layer(service).oneshot(request)).await.unwrap_or_else(|never| match never {})
        }
        _ => dispatch_request(state, request, peer).await,
    }
}

/// Serves a request by the protocol of its content type. All but gRPC is boxed: the future of every request has room for
/// the largest of those that are not.
async fn dispatch_request(state: &GatewayState, request: Request<Body>, peer: &Arc<Peer>) -> Response<Body> {
    match RequestProtocol::of(request.headers()) {
        RequestProtocol::Grpc(codec) => match check_grpc_request(&request) {
            Err(refusal) => *refusal,
            Ok(()) => serve_grpc(state, request, peer, Protocol::Grpc, codec).await,
        },
        RequestProtocol::GrpcWeb(format) => {
            let grpc = |request| serve_grpc(state, request, peer, Protocol::GrpcWeb, format.codec);
            Box::pin(format.serve_as_grpc(request, grpc)).await
        }
        RequestProtocol::Http => {
            let catalog = state.catalog.borrow().clone();
            Box::pin(serve_http(state, &catalog, request, peer)).await
        }
        RequestProtocol::UnknownGrpc => {
            let content_type = request.headers().get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
            let text = format!(
                "this server speaks gRPC with content-type application/grpc, and gRPC-Web with \
                 application/grpc-web or application/grpc-web-text, each with +proto or +json; got content-type {:?}\n",
                String::from_utf8_lossy(content_type),
            );
            plain_text(StatusCode::UNSUPPORTED_MEDIA_TYPE, text)
        }
    }
}

/// Serves a request without a gRPC content type: by Connect at the path of a method, else by the method whose HTTP rule
/// has the path, or by the pages that describe the server.
async fn serve_http(
    state: &GatewayState,
    catalog: &Arc<Catalog>,
    request: Request<Body>,
    peer: &Arc<Peer>,
) -> Response<Body> {
    let (verb, path) = (request.method().clone(), request.uri().path());
    if !catalog.has_method_path(path) {
        match find_route(catalog.routes(), &verb, path) {
            Some(RouteMatch::Route(route, values)) => {
                if let Some(method_ref) = catalog.method_ref(&route.method) {
                    return rest::serve(&state.calls, method_ref, (route, values), request, peer).await;
                }
            }
            Some(RouteMatch::OtherVerbs(verbs)) => return rest::refuse_verb(&verb, &verbs),
            None => {}
        }
        if verb == Verb::GET
            && let Some(response) = state.page.serve(catalog, path)
        {
            return response;
        }
    }
    connect::serve(&state.calls, catalog, request, peer).await
}

async fn serve_grpc(
    state: &GatewayState,
    request: Request<Body>,
    peer: &Arc<Peer>,
    protocol: Protocol,
    codec: Codec,
) -> Response<Body> {
    let catalog = state.catalog.borrow().clone();
    let path = request.uri().path().trim_start_matches('/');
    let (service, method) = path.split_once('/').unwrap_or((path, ""));
    if !matches!(service, HEALTH | REFLECTION | REFLECTION_ALPHA) {
        return grpc::serve(&state.calls, &catalog, request, peer, protocol, codec).await;
    }
    // Streams are calls like all others. A check of the health is answered at once, however many calls there are.
    let guard = match method {
        "Watch" | "ServerReflectionInfo" => {
            let mut guard = state.calls.in_flight.begin(&service.into(), &method.into(), peer);
            if let Err(status) = guard.check_admitted() {
                guard.set_outcome(Err(&status));
                return tonic::Status::from(status).into_http();
            }
            // Its end is the client's to choose.
            guard.set_outcome(Ok(()));
            Some(guard)
        }
        _ => None,
    };
    let response = match service {
        HEALTH if guard.is_none() => {
            let limit = state.calls.settings.header_read_timeout;
            match timeout(limit, state.health.clone().oneshot(request)).await {
                Ok(response) => response.unwrap_or_else(|never| match never {}),
                Err(_) => return tonic::Status::from(message_too_slow(limit)).into_http(),
            }
        }
        HEALTH => state.health.clone().oneshot(request).await.unwrap_or_else(|never| match never {}),
        REFLECTION => state.reflection.serve(catalog, request).await,
        _ => {
            // Both versions have the same messages on the wire.
            let mut request = request;
            let path = request.uri().path().replace("v1alpha", "v1");
            *request.uri_mut() = Uri::try_from(path).unwrap_or_default();
            state.reflection.serve(catalog, request).await
        }
    };
    let shutdown = state.shutdown.clone().cancelled_owned();
    response.map(|body| Body::new(ShutdownBody::new(body, guard, shutdown)))
}

/// Checks that a request with gRPC's content type can be a call.
///
/// # Errors
/// The response that refuses it.
fn check_grpc_request<T>(request: &Request<T>) -> Result<(), Box<Response<Body>>> {
    if request.method() != Verb::POST {
        let text = format!("gRPC calls are POST, not {}\n", request.method());
        let mut response = plain_text(StatusCode::METHOD_NOT_ALLOWED, text);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return Err(Box::new(response));
    }
    if request.version() < Version::HTTP_2 {
        let text = format!(
            "gRPC needs HTTP/2; this request came over {:?}, on which gRPC-Web and Connect are served\n",
            request.version()
        );
        return Err(Box::new(plain_text(StatusCode::HTTP_VERSION_NOT_SUPPORTED, text)));
    }
    Ok(())
}
