//! `grpc.health.v1.Health`, which follows the catalog.
//! <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use crate::gateway::catalog::{Catalog, ServiceHealth};
use crate::gateway::describe::MAX_QUESTION_BYTES;

/// The answers of `grpc.health.v1.Health`: of each service, and of the whole server under the empty name.
#[derive(Debug)]
pub(crate) struct CatalogHealth {
    reporter: HealthReporter,
    known: BTreeMap<Arc<str>, ServiceHealth>,
}

impl CatalogHealth {
    pub(crate) async fn new(catalog: &Catalog) -> Self {
        let mut this = Self { reporter: HealthReporter::new(), known: BTreeMap::new() };
        this.update(catalog).await;
        this
    }

    /// Returns the gRPC service that answers health checks.
    pub(crate) fn server(&self) -> HealthServer<HealthService> {
        let service = HealthService::from_health_reporter(self.reporter.clone());
        HealthServer::new(service).max_decoding_message_size(MAX_QUESTION_BYTES)
    }

    /// Follows the catalog until `shutdown` is cancelled, from when on every service is NOT_SERVING.
    pub(crate) async fn follow(mut self, mut catalog: watch::Receiver<Arc<Catalog>>, shutdown: CancellationToken) {
        let changes = async {
            while catalog.changed().await.is_ok() {
                let now = catalog.borrow_and_update().clone();
                self.update(&now).await;
            }
            // No deploy will come any more, but the last catalog stays.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = changes => {}
            () = shutdown.cancelled() => {}
        }
        for name in self.known.keys().map(|name| &**name).chain([""]) {
            self.reporter.set_service_status(name, ServingStatus::NotServing).await;
        }
    }

    /// Sets only what has changed, so that watchers are not woken for nothing.
    async fn update(&mut self, catalog: &Catalog) {
        let now: BTreeMap<_, _> =
            catalog.services().map(|service| (service.name().clone(), service.health())).collect();
        for (name, health) in &now {
            if self.known.get(name) != Some(health) {
                let status = match health {
                    ServiceHealth::Serving => ServingStatus::Serving,
                    ServiceHealth::NotServing => ServingStatus::NotServing,
                };
                self.reporter.set_service_status(name, status).await;
            }
        }
        for name in self.known.keys().filter(|name| !now.contains_key(*name)) {
            self.reporter.clear_service_status(name).await;
        }
        self.known = now;
    }
}
