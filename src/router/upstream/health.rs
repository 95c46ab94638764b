//! The health of an upstream server, watched by `grpc.health.v1`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::task::AbortOnDropHandle;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::grpc::Transport;

/// The health of one service at one server, as `grpc.health.v1.UpstreamHealth/Watch` tells it for as long as the connection lasts.
/// A server that does not tell is taken for healthy.
#[derive(Default)]
pub(crate) struct UpstreamHealth {
    not_serving: Arc<AtomicBool>,
    watch: Mutex<Option<AbortOnDropHandle<()>>>,
}

impl UpstreamHealth {
    pub(crate) fn is_serving(&self) -> bool {
        !self.not_serving.load(Ordering::Relaxed)
    }

    /// Watches a service over a connection, unless it is watched already. The watch ends with the connection.
    pub(crate) fn watch(&self, transport: &Transport, service: &str) {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        if watch.as_ref().is_some_and(|watch| !watch.is_finished()) {
            return;
        }
        let not_serving = self.not_serving.clone();
        let mut client = HealthClient::new(transport.clone());
        let request = HealthCheckRequest { service: service.to_owned() };
        *watch = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            match client.watch(request).await {
                Ok(answer) => {
                    let mut changes = answer.into_inner();
                    while let Ok(Some(change)) = changes.message().await {
                        not_serving.store(change.status() == ServingStatus::NotServing, Ordering::Relaxed);
                    }
                }
                // The server has no health service and is not asked again.
                Err(status) if status.code() == Code::Unimplemented => std::future::pending().await,
                Err(_) => {}
            }
            not_serving.store(false, Ordering::Relaxed);
        })));
    }
}
