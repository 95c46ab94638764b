//! The limits and the behaviour of a gateway.

use std::sync::Arc;
use std::time::Duration;

use crate::call::{ByteBudget, Deadline};
use crate::config;
use crate::gateway::error::GatewayError;
use crate::gateway::memory::available_memory;
use crate::gateway::tls::ServerTls;

/// The settings of a gateway.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    /// TLS; `None` serves without it.
    pub tls: Option<Arc<ServerTls>>,
    /// Origins of the web pages that may call, or `*` for all.
    pub origins: Vec<String>,
    /// Largest request message of all methods, in bytes after decompression. Larger ones fail with RESOURCE_EXHAUSTED. A
    /// method may have a smaller limit of its own.
    pub max_request: usize,
    /// Largest response message of all methods, in bytes before compression. Larger ones fail with RESOURCE_EXHAUSTED. A
    /// method may have a smaller limit of its own.
    pub max_response: usize,
    /// The deadline of calls that come without one; `None` sets none.
    pub default_deadline: Option<Duration>,
    /// How long calls in flight may go on once the shutdown has begun. Those that are left are cut off.
    pub grace: Duration,
    /// Calls at once on one HTTP/2 connection.
    pub max_concurrent_streams: u32,
    /// Largest list of request headers, in bytes as HTTP/2 counts them.
    pub max_header_list: u32,
    /// Largest trailers of a response, in bytes as HTTP/2 counts them: message, details and metadata of an error. Details and
    /// metadata that do not fit are left out.
    pub max_trailers: usize,
    /// How long a client may take for each of its first bytes, the TLS handshake, and the headers of an HTTP/1.1 request.
    pub header_read_timeout: Duration,
    /// How long a client may take to send a request that is one message.
    pub body_timeout: Duration,
    /// Connections at once. More wait to be accepted.
    pub max_connections: usize,
    /// How long a connection may be without a call before it is closed.
    pub connection_idle: Duration,
    /// The age at which a connection is told to go away, jittered by 10 %; `None` sets no limit.
    pub connection_age: Option<Duration>,
    /// How long the calls of a connection that was told to go away may go on.
    pub connection_grace: Duration,
    /// Calls at once. More fail with RESOURCE_EXHAUSTED.
    pub max_calls: usize,
    /// The bytes that the process holds for its clients and guests. Calls that would exceed it fail with
    /// RESOURCE_EXHAUSTED.
    pub memory: Arc<ByteBudget>,
    /// The most bytes that the process holds for one connection.
    pub connection_memory: u64,
    /// How long a client may take to make room for the next part of a response, at most 64 KiB.
    pub response_timeout: Duration,
    /// How often a silent HTTP/2 connection is pinged; `None` never.
    pub keepalive_interval: Option<Duration>,
    /// How long the answer to such a ping may take before the connection counts as dead.
    pub keepalive_timeout: Duration,
}

impl GatewaySettings {
    /// Makes the settings from a server's configuration.
    ///
    /// # Errors
    /// When the files of TLS cannot be used.
    pub fn new(config: &config::ServerConfig) -> Result<Self, GatewayError> {
        let tls = config.tls.clone().map(|tls| ServerTls::load(tls.certificate, tls.key, tls.clients)).transpose()?;
        Ok(Self::with(config.clone(), tls))
    }

    fn with(config::ServerConfig { cors, limits, .. }: config::ServerConfig, tls: Option<ServerTls>) -> Self {
        Self {
            tls: tls.map(Arc::new),
            origins: cors.origins.iter().map(ToString::to_string).collect(),
            max_request: limits.max_request.map_or(usize::MAX, |most| size(most.as_u64())),
            max_response: usize::MAX,
            default_deadline: None,
            grace: limits.grace,
            max_concurrent_streams: limits.streams.get(),
            max_header_list: u32::try_from(limits.max_headers.as_u64()).unwrap_or(u32::MAX),
            max_trailers: size(limits.max_trailers.as_u64()),
            header_read_timeout: limits.header_timeout,
            body_timeout: limits.body_timeout,
            max_connections: size(limits.connections.get().into()),
            connection_idle: limits.connection_idle,
            connection_age: limits.connection_age,
            connection_grace: limits.connection_grace,
            max_calls: size(limits.calls.get().into()),
            memory: ByteBudget::of_process(limits.memory.map_or_else(default_memory, |memory| memory.as_u64())),
            connection_memory: limits.connection_memory.as_u64(),
            response_timeout: limits.response_timeout,
            keepalive_interval: Some(limits.keepalive),
            keepalive_timeout: limits.keepalive_timeout,
        }
    }
}

impl GatewaySettings {
    /// Returns the deadline of a call that arrives now without one.
    pub(crate) fn default_deadline(&self) -> Option<Deadline> {
        Deadline::within(None, self.default_deadline?)
    }
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self::with(config::ServerConfig::default(), None)
    }
}

/// Returns three quarters of the memory that the process may have. The rest is for what no budget counts: code, stacks, and
/// what the allocator keeps.
fn default_memory() -> u64 {
    available_memory().map_or(u64::MAX, |available| available / 4 * 3)
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
