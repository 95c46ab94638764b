//! A server outside, at one address.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::config::{Address, Import};
use crate::grpc::{Transport, root_cause, transport};

/// How long an address rests after the first failure to connect; each further one makes it longer.
const FIRST_REST: Duration = Duration::from_millis(200);
const GROWTH: f64 = 1.6;
const LONGEST_REST: Duration = Duration::from_secs(30);
/// Of that time, so much is left to chance, so that not all callers of a server come back at the same moment.
const JITTER: f64 = 0.2;

/// How long a connection may leave a ping without an answer.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How often the operating system looks after a connection on which nothing happens.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// A server at one address: a connection that all calls share, made when the first one needs it.
pub(super) struct Endpoint {
    address: Address,
    endpoint: tonic::transport::Endpoint,
    connection: tokio::sync::Mutex<Option<Connection>>,
    rest: Mutex<Rest>,
}

/// A connection, with a number of its own.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) transport: Transport,
    number: u64,
}

/// After failures an address is left alone for a while.
#[derive(Default)]
struct Rest {
    failures: u32,
    until: Option<Instant>,
    why: String,
    connections: u64,
}

impl Endpoint {
    /// Connects to nobody yet.
    ///
    /// # Errors
    /// When certificates or keys are none.
    pub(super) fn new(
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
            rest: Mutex::default(),
        })
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    fn rest(&self) -> std::sync::MutexGuard<'_, Rest> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nobody connects to this address just now, if so.
    pub(super) fn resting(&self) -> Option<String> {
        let rest = self.rest();
        rest.until.filter(|until| *until > Instant::now()).map(|_| rest.why.clone())
    }

    /// The connection; it is made if there is none. Who comes meanwhile waits for it.
    ///
    /// # Errors
    /// Why it cannot be made. The address rests then.
    pub(super) async fn connection(&self) -> Result<Connection, String> {
        let mut connection = self.connection.lock().await;
        if let Some(connection) = &*connection {
            return Ok(connection.clone());
        }
        if let Some(why) = self.resting() {
            return Err(why);
        }
        let channel = self.endpoint.connect().await;
        let mut rest = self.rest();
        match channel {
            Ok(channel) => {
                (rest.failures, rest.until) = (0, None);
                rest.connections += 1;
                Ok(connection.insert(Connection { transport: transport(channel), number: rest.connections }).clone())
            }
            Err(error) => {
                let chance = 1.0 - JITTER + 2.0 * JITTER * fastrand::f64();
                let time = FIRST_REST.mul_f64(GROWTH.powi(rest.failures.min(30).cast_signed())).min(LONGEST_REST);
                rest.failures += 1;
                rest.until = Instant::now().checked_add(time.mul_f64(chance));
                rest.why = root_cause(&error);
                Err(rest.why.clone())
            }
        }
    }

    /// Lets go of a connection that broke: the next call makes another.
    pub(super) async fn broke(&self, broken: &Connection) {
        let mut connection = self.connection.lock().await;
        if connection.as_ref().is_some_and(|current| current.number == broken.number) {
            *connection = None;
        }
    }
}
