//! One connection, from its first byte to its last: TLS, HTTP, idle time and age.

use std::convert::Infallible;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, OptionFuture};
use http::header::EXPECT;
use http::{Request, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tonic::body::Body;

use crate::gateway::call::request_body::{DrainOnDrop, MeteredBody};
use crate::gateway::call::response_watch::{WatchedBody, run_while_taken};
use crate::gateway::dispatch::serve_request;
use crate::gateway::peer::Peer;
use crate::gateway::settings::GatewaySettings;
use crate::gateway::state::GatewayState;
use crate::gateway::tls;
use crate::gateway::transport::flood::FloodGuard;
use crate::gateway::transport::requests::{ConnectionRequests, RequestQueue};

/// The most bytes of one stream that wait unread. Backpressure: a handler that reads slowly stops its client here.
const STREAM_WINDOW: u32 = 256 << 10;
/// The most bytes of all streams of a connection: many times more, or one slow handler would stop the other calls.
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Serves a connection to its end.
pub(crate) async fn serve_connection(state: Arc<GatewayState>, stream: TcpStream, peer: SocketAddr) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "TCP_NODELAY cannot be set");
    }
    let peer = state.connections.open(peer);
    let settings = &state.calls.settings;
    let greeting_timeout = settings.header_read_timeout;
    let shutdown = state.shutdown.clone();
    let greeted = async {
        match &settings.tls {
            None => Ok((Either::Left(FloodGuard::greet(stream, &peer, settings.body_timeout).await?), None)),
            Some(tls) => {
                let stream = tls.acceptor().accept(stream).await?;
                let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
                let identity = shown.map(tls::identity);
                Ok((Either::Right(FloodGuard::greet(stream, &peer, settings.body_timeout).await?), identity))
            }
        }
    };
    // hyper would wait for the first bytes without end.
    let greeted = tokio::select! {
        greeted = timeout(greeting_timeout, greeted) => greeted.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut))),
        () = shutdown.cancelled() => return,
        () = peer.cut() => return,
    };
    let timeout = settings.response_timeout;
    match greeted {
        Ok((stream, identity)) => {
            let peer = Arc::new(peer.with_identity(identity));
            // On HTTP/1.1 the connection's own task sends the responses.
            let served = match stream {
                Either::Left(stream) => run_while_taken(timeout, serve_http(state, stream, peer.clone())).await,
                Either::Right(stream) => run_while_taken(timeout, serve_http(state, stream, peer.clone())).await,
            };
            if served.is_none() {
                tracing::info!(peer = %peer.address, "the connection was closed: its client does not take a response");
            }
        }
        Err(error) => {
            let peer = peer.address;
            tracing::debug!(%peer, %error, "the connection ended before its first request");
        }
    }
}

async fn serve_http<S>(state: Arc<GatewayState>, stream: S, peer: Arc<Peer>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let queue = RequestQueue::new(state.calls.settings.response_timeout);
    let builder = http_builder(&state.calls.settings, queue.clone());
    let mut requests = ConnectionRequests::new(queue);
    let (service_state, service_peer) = (state.clone(), peer.clone());
    let service = service_fn(move |request| {
        let (state, peer) = (service_state.clone(), service_peer.clone());
        // Boxed: hyper and tokio move the future of every request several times.
        let request = request_with_body(request, &peer);
        Box::pin(async move { Ok::<_, Infallible>(serve_request(&state, request, &peer).await.map(WatchedBody::new)) })
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        biased;
        ended = requests.drive(&peer, connection.as_mut()) => ended,
        () = peer.cut() => return,
        why = wait_to_close(&state, &peer) => {
            connection.as_mut().graceful_shutdown();
            match why {
                // The whole server waits for its calls, and cuts them.
                CloseReason::Shutdown => requests.drive(&peer, connection).await,
                CloseReason::Expired => {
                    let grace = state.calls.settings.connection_grace;
                    tokio::select! {
                        ended = timeout(grace, requests.drive(&peer, connection)) => ended.unwrap_or(Ok(())),
                        () = peer.cut() => return,
                    }
                }
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(peer = %peer.address, error, "the connection broke");
    }
}

/// Boxes the body of a request, and counts what is read of it.
fn request_with_body(request: Request<Incoming>, peer: &Arc<Peer>) -> Request<Body> {
    match request.version() {
        Version::HTTP_2 => request.map(|body| Body::new(MeteredBody::new(body, peer.unread().clone()))),
        // A client that waits for `100 Continue` has not sent its body.
        _ if request.headers().contains_key(EXPECT) => request.map(Body::new),
        _ => request.map(|body| Body::new(DrainOnDrop::new(body))),
    }
}

/// Why a connection is told to go away.
enum CloseReason {
    Shutdown,
    /// The connection is too old, or has been idle for too long.
    Expired,
}

/// Waits until the connection is to be told to go away.
async fn wait_to_close(state: &GatewayState, peer: &Peer) -> CloseReason {
    let settings = &state.calls.settings;
    // Jittered by 10 %, so that clients do not reconnect in lockstep.
    let age = settings.connection_age.map(|age| age.mul_f64(0.9 + 0.2 * random_fraction()));
    tokio::select! {
        () = state.shutdown.cancelled() => CloseReason::Shutdown,
        Some(()) = OptionFuture::from(age.map(tokio::time::sleep)) => CloseReason::Expired,
        () = wait_until_idle(peer, settings.connection_idle) => CloseReason::Expired,
    }
}

/// Waits until the connection has had no call for `longest`.
async fn wait_until_idle(peer: &Peer, longest: Duration) {
    loop {
        let until = peer.idle_since().unwrap_or_else(Instant::now) + longest;
        if until <= Instant::now() {
            return;
        }
        tokio::time::sleep_until(until).await;
    }
}

/// Returns a random number from zero to one.
fn random_fraction() -> f64 {
    RandomState::new().hash_one(0) as f64 / u64::MAX as f64
}

fn http_builder(settings: &GatewaySettings, requests: RequestQueue) -> auto::Builder<RequestQueue> {
    let mut builder = auto::Builder::new(requests);
    let largest = usize::try_from(settings.max_header_list).unwrap_or(usize::MAX);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_read_timeout)
        // hyper takes no less.
        .max_buf_size(largest.max(8 << 10));
    builder
        .http2()
        .timer(TokioTimer::new())
        // To gRPC it would be metadata of the response.
        .auto_date_header(false)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(settings.max_concurrent_streams)
        // hyper's default of 20 ends the connection of a client whose calls have short deadlines. Floods are the guard's.
        .max_pending_accept_reset_streams(usize::try_from(settings.max_concurrent_streams).ok())
        .max_header_list_size(settings.max_header_list)
        .keep_alive_interval(settings.keepalive_interval)
        .keep_alive_timeout(settings.keepalive_timeout);
    builder
}
