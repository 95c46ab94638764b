use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use super::{Health, Served};

/// What `grpc.health.v1.Health` says: of each service, and of the whole server under the empty name.
#[derive(Debug)]
pub(super) struct Reporter {
    reporter: HealthReporter,
    known: BTreeMap<Arc<str>, Health>,
}

impl Reporter {
    pub(super) async fn new(served: &Served) -> Self {
        let mut this = Self { reporter: HealthReporter::new(), known: BTreeMap::new() };
        this.update(served).await;
        this
    }

    /// The service that tells it.
    pub(super) fn server(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.reporter.clone()))
    }

    /// Follows what is served until `shutdown`; from then on nothing is serving.
    pub(super) async fn follow(mut self, mut served: watch::Receiver<Arc<Served>>, shutdown: CancellationToken) {
        let changes = async {
            while served.changed().await.is_ok() {
                let now = served.borrow_and_update().clone();
                self.update(&now).await;
            }
            // Nothing will be deployed any more, but what is served stays.
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

    /// Only what is new is said, so that watchers are not woken for nothing.
    async fn update(&mut self, served: &Served) {
        let now: BTreeMap<_, _> = served.services().map(|service| (service.name().clone(), service.health())).collect();
        for (name, health) in &now {
            if self.known.get(name) != Some(health) {
                let status = match health {
                    Health::Serving => ServingStatus::Serving,
                    Health::NotServing => ServingStatus::NotServing,
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
