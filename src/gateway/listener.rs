use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{FusedFuture as _, FutureExt as _};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::front::Front;
use super::health::Reporter;
use super::reflection::Reflection;
use super::{Backend, Calls, GatewayError, Settings, Shutdown};

/// Bytes of one stream that wait unread at most. A handler that reads slowly stops its caller here.
const STREAM_WINDOW: u32 = 256 << 10;
/// The same of all streams of a connection: many times more, or one slow handler would stop the other calls there.
const CONNECTION_WINDOW: u32 = 16 << 20;

/// How long calls that were cut may take to say so to their callers.
const FAREWELL: Duration = Duration::from_secs(1);

/// Takes an address such as `127.0.0.1:8080` or `localhost:0`.
///
/// # Errors
/// When it cannot be had, with what to do.
pub async fn listen(address: &str) -> Result<TcpListener, GatewayError> {
    TcpListener::bind(address).await.map_err(|source| GatewayError::listen(address, source))
}

/// Serves until `shutdown` is ready, then lets the calls in flight finish within [`Settings::grace`].
///
/// At shutdown health turns to `NOT_SERVING`, no connection is accepted any more, and each open one is told to go away
/// once its calls are over.
///
/// # Cancellation
/// A dropped future cuts all connections at once.
pub async fn serve<B: Backend>(
    listener: TcpListener,
    backend: Arc<B>,
    settings: Settings,
    shutdown: impl Future<Output = ()>,
) -> Shutdown {
    let served = backend.served();
    let now = served.borrow().clone();
    let health = Reporter::new(&now).await;
    let grace = settings.grace;
    let unhealthy = CancellationToken::new();
    let front = Arc::new(Front {
        backend,
        served: served.clone(),
        settings,
        calls: Arc::new(Calls::default()),
        health: health.server(),
        reflection: Reflection::default(),
        shutdown: CancellationToken::new(),
    });
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    let mut following = pin!(health.follow(served, unhealthy.clone()).fuse());
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            () = &mut following => {}
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(front.clone(), stream, peer));
                }
                Err(error) => {
                    // Of this kind are a client that hung up already, and too many open files: the latter go away with
                    // time only.
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    drop(listener);
    unhealthy.cancel();
    if !following.is_terminated() {
        following.await;
    }
    front.calls.drain();
    front.shutdown.cancel();
    if tokio::time::timeout(grace, all(&mut connections)).await.is_ok() {
        return Shutdown { finished: front.calls.finished(), cut: Vec::new() };
    }
    let cut = front.calls.cut();
    let finished = front.calls.finished();
    let _ = tokio::time::timeout(FAREWELL, all(&mut connections)).await;
    connections.shutdown().await;
    Shutdown { finished, cut }
}

async fn all(connections: &mut JoinSet<()>) {
    while connections.join_next().await.is_some() {}
}

async fn connection<B: Backend>(front: Arc<Front<B>>, stream: TcpStream, peer: SocketAddr) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "TCP_NODELAY cannot be set");
    }
    let builder = builder(&front.settings);
    let shutdown = front.shutdown.clone();
    // hyper waits for the first bytes without end.
    let mut first = [0];
    tokio::select! {
        spoke = tokio::time::timeout(front.settings.header_read_timeout, stream.peek(&mut first)) => {
            if !matches!(spoke, Ok(Ok(1))) {
                return tracing::debug!(%peer, "the client sent nothing");
            }
        }
        () = shutdown.cancelled() => return,
    }
    let service = service_fn(move |request| {
        let front = front.clone();
        // Boxed: hyper and tokio move the future of every request several times.
        Box::pin(async move { Ok::<_, Infallible>(front.answer(request, peer).await) })
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, error, "connection broke");
    }
}

fn builder(settings: &Settings) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(settings.header_read_timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        // To gRPC it would be metadata of the response.
        .auto_date_header(false)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(settings.max_concurrent_streams)
        .max_header_list_size(settings.max_header_list)
        .keep_alive_interval(settings.keepalive_interval)
        .keep_alive_timeout(settings.keepalive_timeout);
    builder
}
