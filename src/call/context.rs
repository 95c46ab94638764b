use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Metadata;

/// Tells that nobody waits for a call any more. A child is cancelled with its parent.
pub type Cancellation = tokio_util::sync::CancellationToken;

/// How a call reached this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Protocol {
    Grpc,
    GrpcWeb,
    Connect,
    /// JSON over HTTP, at a path of the method's `google.api.http` rule.
    Rest,
    /// From a component in this process.
    Local,
}

/// How messages are written on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Codec {
    Proto,
    Json,
}

/// When a call must be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// What the caller sent; none of a deadline that is not the caller's.
    pub timeout: Option<Duration>,
    /// The moment itself.
    pub at: Instant,
}

impl Deadline {
    /// The caller's, `timeout` from now on; one too far away to be told apart from none is none.
    pub fn after(timeout: Duration) -> Option<Self> {
        Instant::now().checked_add(timeout).map(|at| Self { timeout: Some(timeout), at })
    }

    /// The sooner of a deadline and the moment that is `longest` away.
    pub fn within(deadline: Option<Self>, longest: Duration) -> Option<Self> {
        let timeout = deadline.and_then(|deadline| deadline.timeout);
        let at = [deadline.map(|deadline| deadline.at), Instant::now().checked_add(longest)];
        at.into_iter().flatten().min().map(|at| Self { timeout, at })
    }

    /// The sooner one.
    pub fn sooner(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(if other.at < one.at { other } else { one }),
            (one, other) => one.or(other),
        }
    }

    /// What is left of it.
    pub fn remaining(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }
}

/// Who a client is, as its certificate proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Of the certificate's alternative names the first URI, else the first DNS name, else its subject's common name.
    pub name: String,
    /// The certificate, in DER.
    pub certificate: Vec<u8>,
}

/// Everything that travels with a call besides its messages.
#[derive(Clone, Debug)]
pub struct Context {
    /// Full name of the service called, such as `shop.billing.v1.Billing`.
    pub service: Arc<str>,
    /// Name of the method called, such as `CreateInvoice`.
    pub method: Arc<str>,
    /// How the call came.
    pub protocol: Protocol,
    /// How its messages were written.
    pub codec: Codec,
    /// Raw query of a call that came as GET.
    pub get_query: Option<String>,
    /// Metadata of the request.
    pub metadata: Metadata,
    /// When it must be over.
    pub deadline: Option<Deadline>,
    /// Who called over the network.
    pub peer: Option<SocketAddr>,
    /// Who called over mutual TLS.
    pub identity: Option<Arc<Identity>>,
    /// The name under which we were called.
    pub authority: Option<String>,
    /// Full names of the services through which the call came, first caller first.
    pub chain: Arc<[Arc<str>]>,
    /// Whether anybody still waits.
    pub cancellation: Cancellation,
}

impl Context {
    /// The path on the wire, `/SERVICE/METHOD`.
    pub fn path(&self) -> String {
        ["/", &self.service, "/", &self.method].concat()
    }

    /// The service called and the way to it, as errors name it.
    pub fn way(&self) -> Way<'_> {
        Way(&self.chain, &self.service)
    }

    /// The services through which the call came, as the log names them; none of a call from outside.
    pub fn trail(&self) -> Option<String> {
        (!self.chain.is_empty()).then(|| self.chain.join(" -> "))
    }
}

/// A service, and through which others it was called.
#[derive(Clone, Copy, Debug)]
pub struct Way<'a>(pub &'a [Arc<str>], pub &'a str);

impl fmt::Display for Way<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.1)?;
        if !self.0.is_empty() {
            write!(f, " (called through {})", self.0.join(" -> "))?;
        }
        Ok(())
    }
}
