//! A gRPC server that answers as a test wants it to.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::{HeaderMap, Request, Response, request};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use okra::config::Address;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::WatchStream;
use tonic::transport::Identity;

/// What it answers.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// A message, and OK.
    Message(&'static [u8]),
    /// OK without a message.
    Nothing,
    /// A gRPC status.
    Status(u32, &'static str),
    /// An HTTP status, without a word of gRPC.
    Http(u16),
    /// No answer, but an end.
    Reset(h2::Reason),
}

type Body = UnsyncBoxBody<Bytes, h2::Error>;

struct State {
    answer: Box<dyn Fn(&request::Parts) -> Answer + Send + Sync>,
    calls: AtomicUsize,
    connections: AtomicUsize,
    serving: watch::Sender<bool>,
}

/// A server, until it is dropped.
pub(super) struct Server {
    address: Address,
    state: Arc<State>,
    task: AbortHandle,
    stopped: watch::Receiver<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// A server that answers every call with what this says.
    pub(super) async fn start(answer: impl Fn(&request::Parts) -> Answer + Send + Sync + 'static) -> Self {
        Self::bind("127.0.0.1:0", None, answer).await
    }

    /// A server that knows one user.
    pub(super) async fn users() -> Self {
        Self::start(|_| Answer::Message(b"\x0a\x03u-3")).await
    }

    /// The same, at an address that was another's.
    pub(super) async fn users_at(address: &Address) -> Self {
        let authority = address.uri().authority().unwrap().to_string();
        Self::bind(&authority, None, |_| Answer::Message(b"\x0a\x03u-3")).await
    }

    /// The same behind TLS, for clients with a certificate.
    pub(super) async fn secure(tls: &Tls) -> Self {
        Self::bind("127.0.0.1:0", Some(tls.acceptor()), |_| Answer::Message(b"\x0a\x03u-3")).await
    }

    async fn bind(
        address: &str,
        tls: Option<TlsAcceptor>,
        answer: impl Fn(&request::Parts) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let address = Address::new(&format!("{scheme}://{}", listener.local_addr().unwrap())).unwrap();
        let serving = watch::channel(true).0;
        let state = Arc::new(State {
            answer: Box::new(answer),
            calls: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            serving,
        });
        let (alive, stopped) = watch::channel(());
        let task = tokio::spawn({
            let state = state.clone();
            async move {
                let _alive = alive;
                let mut connections = JoinSet::new();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    state.connections.fetch_add(1, Ordering::SeqCst);
                    let (tls, state) = (tls.clone(), state.clone());
                    connections.spawn(async move {
                        match tls {
                            None => serve(stream, state).await,
                            Some(tls) => {
                                if let Ok(stream) = tls.accept(stream).await {
                                    serve(stream, state).await;
                                }
                            }
                        }
                    });
                }
            }
        });
        Self { address, state, task: task.abort_handle(), stopped }
    }

    pub(super) fn address(&self) -> Address {
        self.address.clone()
    }

    /// How many connections there were.
    pub(super) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// How many calls came, of health none.
    pub(super) fn calls(&self) -> usize {
        self.state.calls.load(Ordering::SeqCst)
    }

    /// What it says of its health from now on.
    pub(super) fn set_serving(&self, serving: bool) {
        self.state.serving.send_replace(serving);
    }

    /// Closes its port and all connections.
    pub(super) async fn stop(mut self) {
        self.task.abort();
        let _ = self.stopped.changed().await;
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, state: Arc<State>) {
    let service = service_fn(move |request| answer(request, state.clone()));
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, state: Arc<State>) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    if head.uri.path() == "/grpc.health.v1.Health/Watch" {
        let changes = WatchStream::new(state.serving.subscribe());
        let frames = changes.map(|serving| Ok(Frame::data(frame(if serving { b"\x08\x01" } else { b"\x08\x02" }))));
        return Ok(grpc(StreamBody::new(frames).boxed_unsync()));
    }
    state.calls.fetch_add(1, Ordering::SeqCst);
    let answer = (state.answer)(&head);
    let _ = body.collect().await;
    Ok(match answer {
        Answer::Message(message) => grpc(with_status(frame(message))),
        Answer::Nothing => grpc(with_status(Bytes::new())),
        Answer::Status(status, message) => {
            let mut response = grpc(Full::default().map_err(|never| match never {}).boxed_unsync());
            response.headers_mut().insert("grpc-status", status.into());
            response.headers_mut().insert("grpc-message", message.parse().unwrap());
            response
        }
        Answer::Http(status) => {
            let body = Full::from("<html>").map_err(|never| match never {}).boxed_unsync();
            Response::builder().status(status).header("content-type", "text/html").body(body).unwrap()
        }
        Answer::Reset(reason) => {
            let error = futures_util::stream::once(async move { Err(h2::Error::from(reason)) });
            grpc(StreamBody::new(error).boxed_unsync())
        }
    })
}

fn grpc(body: Body) -> Response<Body> {
    Response::builder().header("content-type", "application/grpc").body(body).unwrap()
}

fn frame(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(message.len().try_into().unwrap());
    frame.put_slice(message);
    frame.freeze()
}

fn with_status(data: Bytes) -> Body {
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
    Full::new(data).with_trailers(async { Some(Ok(trailers)) }).map_err(|never| match never {}).boxed_unsync()
}

/// An authority, and what it says of a server and of us.
pub(super) struct Tls {
    pub(super) ca: String,
    server: (String, String),
    client: (String, String),
}

impl Tls {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let sign = |name: &str, purpose| {
            let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.extended_key_usages = vec![purpose];
            let key = KeyPair::generate().unwrap();
            (params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem())
        };
        let server = sign("users.example", ExtendedKeyUsagePurpose::ServerAuth);
        let client = sign("billing.example", ExtendedKeyUsagePurpose::ClientAuth);
        Self { ca: issuer.pem(), server, client }
    }

    pub(super) fn identity(&self) -> Identity {
        Identity::from_pem(&self.client.0, &self.client.1)
    }

    fn acceptor(&self) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.ca.as_bytes()).unwrap()).unwrap();
        let clients = rustls::server::WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
        let certificate = CertificateDer::from_pem_slice(self.server.0.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(self.server.1.as_bytes()).unwrap();
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients.build().unwrap())
            .with_single_cert(vec![certificate], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}
