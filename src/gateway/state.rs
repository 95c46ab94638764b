//! The state that all connections of a gateway share.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::HealthService;
use tower_http::cors::CorsLayer;

use crate::gateway::call::server::CallServer;
use crate::gateway::catalog::Catalog;
use crate::gateway::describe::page::StartPage;
use crate::gateway::describe::reflection::ReflectionService;
use crate::gateway::peer::Connections;

/// The shared state of a gateway, from its first connection to its last.
pub(crate) struct GatewayState {
    pub(crate) calls: CallServer,
    pub(crate) connections: Connections,
    pub(crate) catalog: watch::Receiver<Arc<Catalog>>,
    pub(crate) health: HealthServer<HealthService>,
    pub(crate) reflection: ReflectionService,
    pub(crate) page: StartPage,
    pub(crate) cors: Option<CorsLayer>,
    /// Cancelled when the server begins to shut down.
    pub(crate) shutdown: CancellationToken,
}
