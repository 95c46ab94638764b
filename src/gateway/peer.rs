//! The other end of a connection.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::HOST;
use http::request::Parts;
use tokio::time::Instant;

use crate::call::{ClientIdentity, Context, Metadata};
use crate::gateway::catalog::{CatalogMethod, CatalogService};

/// The client of a connection. Each call in flight holds a reference, so that the number of references tells whether the
/// connection is idle.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    identity: Option<Arc<ClientIdentity>>,
    last_active: Mutex<Instant>,
}

impl Peer {
    pub(crate) fn new(address: SocketAddr, identity: Option<ClientIdentity>) -> Arc<Self> {
        Arc::new(Self { address, identity: identity.map(Arc::new), last_active: Mutex::new(Instant::now()) })
    }

    /// Records that a call has begun or ended.
    pub(crate) fn touch(&self) {
        *self.last_active.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Returns when a call last began or ended.
    pub(crate) fn last_active(&self) -> Instant {
        *self.last_active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the context of a call from its request. The protocol sets its name, codec and deadline.
    pub(crate) fn context(&self, service: &CatalogService, method: &CatalogMethod, parts: &Parts) -> Context {
        Context::new(service.name().clone(), method.name().clone())
            .with_metadata(Metadata::from_headers(&parts.headers))
            .with_client(self.address, self.identity.clone(), read_authority(parts))
    }
}

fn read_authority(parts: &Parts) -> Option<String> {
    let of_uri = parts.uri.authority().map(|authority| authority.as_str());
    let host = || parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    of_uri.or_else(host).map(str::to_owned)
}
