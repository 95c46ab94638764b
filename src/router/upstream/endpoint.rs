//! One upstream server at one address: its connection, and the backoff after failures to connect.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::config::{Address, Import};
use crate::grpc::{Transport, make_transport, root_cause};

/// The backoff after the first failure to connect. Each further failure multiplies it by [`GROWTH`].
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
const GROWTH: f64 = 1.6;
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// The share of the backoff that is random, so that clients of a server do not reconnect in lockstep.
const JITTER: f64 = 0.2;

/// How long a ping may take to be answered.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How often the operating system probes an idle connection.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// One server: a connection that all calls share, made when the first call needs it.
pub(crate) struct UpstreamEndpoint {
    address: Address,
    endpoint: tonic::transport::Endpoint,
    connection: tokio::sync::Mutex<Option<UpstreamConnection>>,
    backoff: Mutex<Backoff>,
}

/// A connection with its number.
#[derive(Clone)]
pub(crate) struct UpstreamConnection {
    pub(crate) transport: Transport,
    number: u64,
}

/// The failures to connect, and the time until the next attempt.
#[derive(Default)]
struct Backoff {
    failures: u32,
    until: Option<Instant>,
    last_error: String,
    connections: u64,
}

impl UpstreamEndpoint {
    /// Prepares an endpoint without connecting.
    ///
    /// # Errors
    /// When a certificate or key is not valid.
    pub(crate) fn new(
        address: &Address,
        import: &Import,
        identity: Option<&Identity>,
    ) -> Result<Self, tonic::transport::Error> {
        let mut endpoint = tonic::transport::Endpoint::from(address.uri().clone())
            .user_agent(concat!("okra/", env!("CARGO_PKG_VERSION")))?
            .connect_timeout(import.connect_timeout)
            .tcp_keepalive(Some(TCP_KEEPALIVE))
            .http2_keep_alive_interval(import.keepalive)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT);
        if address.is_secure() {
            let mut tls = match &import.ca {
                Some(ca) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca)),
                None => ClientTlsConfig::new().with_native_roots(),
            };
            if let Some(name) = &import.server_name {
                tls = tls.domain_name(name);
            }
            if let Some(identity) = identity {
                tls = tls.identity(identity.clone());
            }
            endpoint = endpoint.tls_config(tls)?;
        }
        Ok(Self {
            address: address.clone(),
            endpoint,
            connection: tokio::sync::Mutex::default(),
            backoff: Mutex::default(),
        })
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    fn backoff(&self) -> std::sync::MutexGuard<'_, Backoff> {
        self.backoff.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the last error while the endpoint waits before it connects again.
    pub(crate) fn backing_off(&self) -> Option<String> {
        let backoff = self.backoff();
        backoff.until.filter(|until| *until > Instant::now()).map(|_| backoff.last_error.clone())
    }

    /// Returns the connection, and makes it if there is none. Concurrent callers wait for the one attempt.
    ///
    /// # Errors
    /// Why the connection cannot be made. The endpoint backs off then.
    pub(crate) async fn connection(&self) -> Result<UpstreamConnection, String> {
        let mut connection = self.connection.lock().await;
        if let Some(connection) = &*connection {
            return Ok(connection.clone());
        }
        if let Some(why) = self.backing_off() {
            return Err(why);
        }
        let channel = self.endpoint.connect().await;
        let mut backoff = self.backoff();
        match channel {
            Ok(channel) => {
                (backoff.failures, backoff.until) = (0, None);
                backoff.connections += 1;
                Ok(connection
                    .insert(UpstreamConnection { transport: make_transport(channel), number: backoff.connections })
                    .clone())
            }
            Err(error) => {
                let chance = 1.0 - JITTER + 2.0 * JITTER * fastrand::f64();
                let time = FIRST_BACKOFF.mul_f64(GROWTH.powi(backoff.failures.min(30).cast_signed())).min(MAX_BACKOFF);
                backoff.failures += 1;
                backoff.until = Instant::now().checked_add(time.mul_f64(chance));
                backoff.last_error = root_cause(&error);
                Err(backoff.last_error.clone())
            }
        }
    }

    /// Drops a broken connection, so that the next call makes another.
    pub(crate) async fn drop_connection(&self, broken: &UpstreamConnection) {
        let mut connection = self.connection.lock().await;
        if connection.as_ref().is_some_and(|current| current.number == broken.number) {
            *connection = None;
        }
    }
}
