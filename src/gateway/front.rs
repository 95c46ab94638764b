//! Which carrier answers a request, by its content type and path.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, EXPECT, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri, Version};
use http_body::Body as HttpBody;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::HealthService;
use tower::ServiceExt as _;

use super::body::UntilShutdown;
use super::reflection::Reflection;
use super::{Backend, Calls, Served, Settings, answer};

/// What all connections share.
pub(super) struct Front<B> {
    pub(super) backend: Arc<B>,
    pub(super) served: watch::Receiver<Arc<Served>>,
    pub(super) settings: Settings,
    pub(super) calls: Arc<Calls>,
    pub(super) health: HealthServer<HealthService>,
    pub(super) reflection: Reflection,
    pub(super) shutdown: CancellationToken,
}

impl<B: Backend> Front<B> {
    pub(super) async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        match refusal(&request) {
            None => self.grpc(request, peer).await,
            Some(refusal) => {
                if request.version() < Version::HTTP_2 && !request.headers().contains_key(EXPECT) {
                    drain(request.into_body()).await;
                }
                refusal
            }
        }
    }

    async fn grpc(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let served = self.served.borrow().clone();
        let service = request.uri().path().trim_start_matches('/').split('/').next().unwrap_or_default();
        let response = match service {
            "grpc.health.v1.Health" => {
                self.health.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
            }
            "grpc.reflection.v1.ServerReflection" => self.reflection.answer(served, request.map(Body::new)).await,
            "grpc.reflection.v1alpha.ServerReflection" => {
                // Both versions have the same messages on the wire.
                let mut request = request.map(Body::new);
                let path = request.uri().path().replace("v1alpha", "v1");
                *request.uri_mut() = Uri::try_from(path).unwrap_or_default();
                self.reflection.answer(served, request).await
            }
            _ => return answer::answer(&self.backend, &served, &self.settings, &self.calls, request, peer).await,
        };
        response.map(|body| Body::new(UntilShutdown::new(body, self.shutdown.clone().cancelled_owned())))
    }
}

/// The answer to a request that is no gRPC.
fn refusal<T>(request: &Request<T>) -> Option<Response<Body>> {
    let content_type = request.headers().get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let kind = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    if kind != b"application/grpc" && kind != b"application/grpc+proto" {
        let text = format!(
            "this server speaks gRPC: POST with content-type application/grpc or application/grpc+proto over HTTP/2; got \
             content-type {:?}\n",
            String::from_utf8_lossy(content_type),
        );
        return Some(plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    if request.method() != Method::POST {
        let mut response =
            plain(StatusCode::METHOD_NOT_ALLOWED, format!("gRPC calls are POST, not {}\n", request.method()));
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return Some(response);
    }
    if request.version() < Version::HTTP_2 {
        let text = format!("gRPC needs HTTP/2; this request came over {:?}\n", request.version());
        return Some(plain(StatusCode::HTTP_VERSION_NOT_SUPPORTED, text));
    }
    None
}

fn plain(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::new(http_body_util::Full::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// Reads what an HTTP/1.1 client still sends, within bounds: were the connection closed under it, it would not see the
/// answer.
async fn drain<T>(body: T)
where
    T: HttpBody<Data = Bytes>,
    T::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    const BYTES: usize = 1 << 20;
    const TIME: Duration = Duration::from_secs(5);
    let mut body = std::pin::pin!(Limited::new(body, BYTES));
    let read = async { while let Some(Ok(_)) = body.frame().await {} };
    let _ = tokio::time::timeout(TIME, read).await;
}
