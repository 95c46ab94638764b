//! Which carrier answers a request, by its content type and path.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::{ALLOW, CONTENT_TYPE, EXPECT, HOST, HeaderMap, HeaderValue, ORIGIN};
use http::request::Parts;
use http::{Method as Verb, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::HealthService;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::cors::CorsLayer;

use super::body::{Drained, UntilShutdown};
use super::page::Page;
use super::reflection::Reflection;
use super::web::Web;
use super::{Backend, Calls, Method, Served, Service, Settings, connect, grpc, rest, route};
use crate::call::{Cancellation, Codec, Context, Identity, Metadata, Protocol};

/// What all connections share.
pub(super) struct Front<B> {
    pub(super) backend: Arc<B>,
    pub(super) served: watch::Receiver<Arc<Served>>,
    pub(super) settings: Settings,
    pub(super) calls: Arc<Calls>,
    pub(super) health: HealthServer<HealthService>,
    pub(super) reflection: Reflection,
    pub(super) page: Page,
    pub(super) cors: Option<CorsLayer>,
    pub(super) shutdown: CancellationToken,
}

/// The other end of a connection. Who holds one is at work for it.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    identity: Option<Arc<Identity>>,
    /// When it was last at work.
    last: Mutex<Instant>,
}

impl Peer {
    pub(super) fn new(address: SocketAddr, identity: Option<Identity>) -> Arc<Self> {
        Arc::new(Self { address, identity: identity.map(Arc::new), last: Mutex::new(Instant::now()) })
    }

    /// Something of it has begun or ended.
    pub(super) fn touch(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// When something of it last began or ended.
    pub(super) fn last(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a request says of its call, by plain gRPC without a deadline until more is known.
    pub(super) fn context(&self, service: &Service, method: &Method, parts: &Parts) -> Context {
        Context {
            service: service.name().clone(),
            method: method.name().clone(),
            protocol: Protocol::Grpc,
            codec: Codec::Proto,
            get_query: None,
            metadata: Metadata::from_headers(&parts.headers),
            deadline: None,
            peer: Some(self.address),
            identity: self.identity.clone(),
            authority: authority(parts),
            chain: Arc::new([]),
            cancellation: Cancellation::new(),
        }
    }
}

fn authority(parts: &Parts) -> Option<String> {
    let of_uri = parts.uri.authority().map(|authority| authority.as_str());
    let host = || parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    of_uri.or_else(host).map(str::to_owned)
}

/// Who carries a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carrier {
    Grpc(Codec),
    Web(Web),
    /// Connect, or none of them.
    Http,
    /// Something like gRPC that is not.
    Unknown,
}

impl Carrier {
    fn of(headers: &HeaderMap) -> Self {
        // Most requests are this one.
        let Some(content_type) = headers.get(CONTENT_TYPE) else { return Self::Http };
        if content_type == "application/grpc" {
            return Self::Grpc(Codec::Proto);
        }
        let kind = essence(content_type);
        let Some(rest) = kind.strip_prefix(b"application/grpc") else { return Self::Http };
        let (rest, web) = rest.strip_prefix(b"-web").map_or((rest, false), |rest| (rest, true));
        let (rest, text) = match rest.strip_prefix(b"-text") {
            Some(rest) if web => (rest, true),
            _ => (rest, false),
        };
        let codec = match rest {
            b"" | b"+proto" => Codec::Proto,
            b"+json" => Codec::Json,
            _ => return Self::Unknown,
        };
        if web { Self::Web(Web { text, codec }) } else { Self::Grpc(codec) }
    }
}

/// A content type without its parameters.
pub(super) fn essence(content_type: &HeaderValue) -> Vec<u8> {
    let kind = content_type.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii().to_ascii_lowercase()
}

impl<B: Backend> Front<B> {
    pub(super) async fn answer(&self, request: Request<Incoming>, peer: &Arc<Peer>) -> Response<Body> {
        let request = match request.version() {
            Version::HTTP_2 => request.map(Body::new),
            // Who waits to be asked for the body sends none of it before.
            _ if request.headers().contains_key(EXPECT) => request.map(Body::new),
            _ => request.map(|body| Body::new(Drained::new(body))),
        };
        match &self.cors {
            Some(cors) if request.headers().contains_key(ORIGIN) => {
                let service = service_fn(async |request| Ok::<_, Infallible>(self.carry(request, peer).await));
                Box::pin(cors.layer(service).oneshot(request)).await.unwrap_or_else(|never| match never {})
            }
            _ => self.carry(request, peer).await,
        }
    }

    /// Lets the request be answered as its content type says. All but gRPC is boxed: every request's future has room for
    /// the largest of those that are not.
    async fn carry(&self, request: Request<Body>, peer: &Arc<Peer>) -> Response<Body> {
        match Carrier::of(request.headers()) {
            Carrier::Grpc(codec) => match refusal(&request) {
                Some(refusal) => refusal,
                None => self.grpc(request, peer, (Protocol::Grpc, codec)).await,
            },
            Carrier::Web(web) => {
                let grpc = |request| self.grpc(request, peer, (Protocol::GrpcWeb, web.codec));
                Box::pin(web.answer(request, grpc)).await
            }
            Carrier::Http => {
                let served = self.served.borrow().clone();
                Box::pin(self.http(&served, request, peer)).await
            }
            Carrier::Unknown => {
                let content_type = request.headers().get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
                let text = format!(
                    "this server speaks gRPC with content-type application/grpc, and gRPC-Web with \
                     application/grpc-web or application/grpc-web-text, each with +proto or +json; got content-type {:?}\n",
                    String::from_utf8_lossy(content_type),
                );
                plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, text)
            }
        }
    }

    /// Answers what is no gRPC: by Connect at the path of a method, else by the method that has the path by its rule, or
    /// by what the server says of itself.
    async fn http(&self, served: &Arc<Served>, request: Request<Body>, peer: &Arc<Peer>) -> Response<Body> {
        let (verb, path) = (request.method().clone(), request.uri().path());
        if !route::is_method(served, path) {
            match rest::find(served.routes(), &verb, path) {
                Some(rest::Found::Route(route, values)) => {
                    if let Some(called) = served.called(&route.method) {
                        return rest::answer(self, called, (route, values), request, peer).await;
                    }
                }
                Some(rest::Found::Other(others)) => return rest::not_allowed(&verb, &others),
                None => {}
            }
            if verb == Verb::GET
                && let Some(response) = self.page.answer(served, path)
            {
                return response;
            }
        }
        connect::answer(self, served, request, peer).await
    }

    async fn grpc(&self, request: Request<Body>, peer: &Arc<Peer>, spoken: (Protocol, Codec)) -> Response<Body> {
        let served = self.served.borrow().clone();
        let service = request.uri().path().trim_start_matches('/').split('/').next().unwrap_or_default();
        let response = match service {
            "grpc.health.v1.Health" => {
                self.health.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
            }
            "grpc.reflection.v1.ServerReflection" => self.reflection.answer(served, request).await,
            "grpc.reflection.v1alpha.ServerReflection" => {
                // Both versions have the same messages on the wire.
                let mut request = request;
                let path = request.uri().path().replace("v1alpha", "v1");
                *request.uri_mut() = Uri::try_from(path).unwrap_or_default();
                self.reflection.answer(served, request).await
            }
            _ => return grpc::answer(self, &served, request, peer, spoken).await,
        };
        response.map(|body| Body::new(UntilShutdown::new(body, peer.clone(), self.shutdown.clone().cancelled_owned())))
    }
}

/// The answer to a request of gRPC that is no call.
fn refusal<T>(request: &Request<T>) -> Option<Response<Body>> {
    if request.method() != Verb::POST {
        let mut response =
            plain(StatusCode::METHOD_NOT_ALLOWED, format!("gRPC calls are POST, not {}\n", request.method()));
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return Some(response);
    }
    if request.version() < Version::HTTP_2 {
        let text = format!(
            "gRPC needs HTTP/2; this request came over {:?}, which gRPC-Web and Connect can do with\n",
            request.version()
        );
        return Some(plain(StatusCode::HTTP_VERSION_NOT_SUPPORTED, text));
    }
    None
}

pub(super) fn plain(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::new(http_body_util::Full::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
