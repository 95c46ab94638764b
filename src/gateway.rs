//! The gateway: HTTP in, status out.
//!
//! It owns the listener, serves gRPC, gRPC-Web, Connect and REST on it, and hands each call to a
//! [`CallHandler`] as encoded messages with a [`Context`](crate::call::Context). What can be
//! called is the [`Catalog`]. It knows neither components nor actors.

pub(crate) mod call;
mod catalog;
mod describe;
mod dispatch;
mod error;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::unreachable)]
pub(crate) mod fake;
mod file_limit;
mod memory;
mod peer;
pub(crate) mod protocol;
mod settings;
mod state;
#[cfg(test)]
mod tests;
mod tls;
mod transport;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::call::CallHandler;

pub use catalog::{Catalog, CatalogMethod, CatalogService, MessageSizes, MethodRef, RouteConflict, ServiceHealth};
pub use error::GatewayError;
pub use file_limit::raise_file_limit;
pub use settings::GatewaySettings;
pub use tls::ServerTls;

/// The outcome of a shutdown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShutdownReport {
    /// How many calls in flight ended by themselves.
    pub finished: usize,
    /// The calls that were cut off at the end of the grace, as `SERVICE/METHOD`.
    pub cut: Vec<String>,
}

/// Binds an address such as `127.0.0.1:8080` or `localhost:0`.
///
/// # Errors
/// When the address cannot be bound, with what to do.
pub async fn listen(address: &str) -> Result<TcpListener, GatewayError> {
    transport::listen(address).await
}

/// Serves until `shutdown` is ready, then lets the calls in flight finish within [`GatewaySettings::grace`].
///
/// `handler` answers the calls of the methods in `catalog`. A deploy sends a new catalog; health, reflection and REST
/// follow it, and calls that began under the old one end under it.
///
/// At shutdown health turns to `NOT_SERVING`, no connection is accepted any more, and each open one is told to go away
/// once its calls are over.
///
/// # Cancellation
/// A dropped future cuts all connections at once.
pub async fn serve(
    listener: TcpListener,
    handler: Arc<dyn CallHandler>,
    catalog: watch::Receiver<Arc<Catalog>>,
    settings: GatewaySettings,
    shutdown: impl Future<Output = ()>,
) -> ShutdownReport {
    transport::serve(listener, handler, catalog, settings, shutdown).await
}
