//! Accepts connections, and shuts the server down in order.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{FusedFuture as _, FutureExt as _, OptionFuture};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::call::CallHandler;
use crate::gateway::ShutdownReport;
use crate::gateway::call::in_flight::CallsInFlight;
use crate::gateway::call::server::CallServer;
use crate::gateway::catalog::Catalog;
use crate::gateway::describe::health::CatalogHealth;
use crate::gateway::describe::page::StartPage;
use crate::gateway::describe::reflection::ReflectionService;
use crate::gateway::error::GatewayError;
use crate::gateway::peer::Connections;
use crate::gateway::settings::GatewaySettings;
use crate::gateway::state::GatewayState;
use crate::gateway::transport::connection::serve_connection;
use crate::gateway::transport::cors;
use crate::gateway::transport::pressure::relieve_pressure;
use crate::gateway::transport::turns::{TakingTurns, Turns};

/// How long calls that were cut off may take to tell their clients.
const CUT_TIMEOUT: Duration = Duration::from_secs(1);

/// How often a full server looks for a connection without calls.
const ROOM_INTERVAL: Duration = Duration::from_millis(50);

/// How long to wait after a connection could not be accepted.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Binds an address: see [`gateway::listen`](crate::gateway::listen).
pub(crate) async fn listen(address: &str) -> Result<TcpListener, GatewayError> {
    TcpListener::bind(address).await.map_err(|source| GatewayError::listen(address, source))
}

/// Serves until `shutdown` is ready: see [`gateway::serve`](crate::gateway::serve).
pub(crate) async fn serve(
    listener: TcpListener,
    handler: Arc<dyn CallHandler>,
    catalog: watch::Receiver<Arc<Catalog>>,
    settings: GatewaySettings,
    shutdown: impl Future<Output = ()>,
) -> ShutdownReport {
    let now = catalog.borrow().clone();
    let health = CatalogHealth::new(&now).await;
    let grace = settings.grace;
    let tls = settings.tls.clone();
    let cors = cors::cors_layer(&settings.origins);
    let in_flight = CallsInFlight::new(settings.max_calls, settings.memory.clone());
    let open_connections = Connections::new(settings.memory.clone(), settings.connection_memory);
    let memory = settings.memory.clone();
    let max_connections = settings.max_connections;
    let not_serving = CancellationToken::new();
    let state = Arc::new(GatewayState {
        calls: CallServer { handler, in_flight: Arc::new(in_flight), settings },
        connections: open_connections,
        catalog: catalog.clone(),
        health: health.server(),
        reflection: ReflectionService::default(),
        page: StartPage::default(),
        cors,
        shutdown: CancellationToken::new(),
    });
    let in_flight = &state.calls.in_flight;
    let turns = Turns::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    let mut following = pin!(health.follow(catalog, not_serving.clone()).fuse());
    let mut relief = pin!(relieve_pressure(&memory, &state.connections));
    let mut certificates = pin!(OptionFuture::from(tls.as_ref().map(|tls| tls.follow_files())));
    loop {
        let is_full = connections.len() >= max_connections;
        // A connection without calls makes room for another.
        let has_room = !is_full || state.connections.has_idle();
        tokio::select! {
            () = &mut shutdown => break,
            () = &mut following => {}
            Some(()) = &mut certificates => {}
            () = &mut relief => {}
            Some(_) = connections.join_next() => {}
            () = sleep(ROOM_INTERVAL), if !has_room => {}
            accepted = listener.accept(), if has_room => match accepted {
                Ok((stream, peer)) => {
                    if is_full {
                        state.connections.cut_idlest();
                    }
                    connections.spawn(TakingTurns::new(&turns, serve_connection(state.clone(), stream, peer)));
                }
                Err(error) => {
                    // The client has hung up already, or the process has too many open files.
                    tracing::warn!(%error, "a connection was not accepted");
                    state.connections.cut_idlest();
                    sleep(ACCEPT_RETRY).await;
                }
            },
        }
    }
    drop(listener);
    not_serving.cancel();
    if !following.is_terminated() {
        following.await;
    }
    in_flight.start_draining();
    state.shutdown.cancel();
    if tokio::time::timeout(grace, join_all(&mut connections)).await.is_ok() {
        return ShutdownReport { finished: in_flight.finished(), cut: Vec::new() };
    }
    let cut = in_flight.cut_all();
    let finished = in_flight.finished();
    let _ = tokio::time::timeout(CUT_TIMEOUT, join_all(&mut connections)).await;
    connections.shutdown().await;
    ShutdownReport { finished, cut }
}

async fn join_all(connections: &mut JoinSet<()>) {
    while connections.join_next().await.is_some() {}
}
