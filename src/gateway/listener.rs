use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{FusedFuture as _, FutureExt as _, OptionFuture};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::connection::connection;
use super::front::Front;
use super::health::Reporter;
use super::page::Page;
use super::reflection::Reflection;
use super::{Backend, Calls, GatewayError, Settings, Shutdown, cors};

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
    let tls = settings.tls.clone();
    let cors = cors::layer(&settings.origins);
    let calls = Calls::new(settings.max_calls, settings.max_memory);
    let most = settings.max_connections;
    let unhealthy = CancellationToken::new();
    let front = Arc::new(Front {
        backend,
        served: served.clone(),
        settings,
        calls: Arc::new(calls),
        health: health.server(),
        reflection: Reflection::default(),
        page: Page::default(),
        cors,
        shutdown: CancellationToken::new(),
    });
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    let mut following = pin!(health.follow(served, unhealthy.clone()).fuse());
    let mut memory = pin!(front.calls.follow());
    let mut certificates = pin!(OptionFuture::from(tls.as_ref().map(|tls| tls.follow())));
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            () = &mut following => {}
            Some(()) = &mut certificates => {}
            () = &mut memory => {}
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < most => match accepted {
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
