//! The context of a call: everything that travels with it beside its messages.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use crate::call::{Deadline, Metadata};

/// Signals that the caller no longer waits for a call. Cancelling a token cancels its children.
pub type Cancellation = tokio_util::sync::CancellationToken;

/// The protocol by which a call reached this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Protocol {
    Grpc,
    GrpcWeb,
    Connect,
    /// JSON over HTTP, at a path of the method's `google.api.http` rule.
    Rest,
    /// From a component in this process, or from the program that embeds the runtime.
    Local,
}

impl Protocol {
    /// Returns the name by which guests know the protocol, as `wit/context.wit` lists it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::GrpcWeb => "grpc-web",
            Self::Connect => "connect",
            Self::Rest => "rest",
            Self::Local => "local",
        }
    }
}

/// The encoding of messages on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Codec {
    Proto,
    Json,
}

impl Codec {
    /// Returns the name by which guests know the codec, as `wit/context.wit` lists it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Proto => "proto",
            Self::Json => "json",
        }
    }
}

/// The identity of a client, as its certificate proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The first URI of the certificate's alternative names, as `uri:spiffe://example.com/billing`, else the first DNS name,
    /// as `dns:billing.example.com`; `None` when it has neither. The subject's common name is not one: authorities check it
    /// less than these.
    pub name: Option<String>,
    /// The certificate, in DER.
    pub certificate: Vec<u8>,
}

/// Everything that travels with a call beside its messages.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Context {
    /// Full name of the service called, such as `shop.billing.v1.Billing`.
    pub service: Arc<str>,
    /// Name of the method called, such as `CreateInvoice`.
    pub method: Arc<str>,
    /// The protocol by which the call came.
    pub protocol: Protocol,
    /// The encoding of its messages on the wire.
    pub codec: Codec,
    /// The raw query of a call that came as GET.
    pub get_query: Option<String>,
    /// Metadata of the request.
    pub metadata: Metadata,
    /// When the call must be over; `None` when it may take any time.
    pub deadline: Option<Deadline>,
    /// Network address of the client; `None` for a local call.
    pub peer: Option<SocketAddr>,
    /// Identity of the client over mutual TLS.
    pub identity: Option<Arc<ClientIdentity>>,
    /// The name under which the client addressed this server.
    pub authority: Option<String>,
    /// Full names of the services through which the call came, first caller first.
    pub chain: Arc<[Arc<str>]>,
    /// Cancelled when the caller no longer waits.
    pub cancellation: Cancellation,
}

impl Context {
    /// Makes the context of a local call: protobuf messages, no metadata, no deadline, no caller before it.
    pub fn new(service: impl Into<Arc<str>>, method: impl Into<Arc<str>>) -> Self {
        Self {
            service: service.into(),
            method: method.into(),
            protocol: Protocol::Local,
            codec: Codec::Proto,
            get_query: None,
            metadata: Metadata::default(),
            deadline: None,
            peer: None,
            identity: None,
            authority: None,
            chain: Arc::default(),
            cancellation: Cancellation::new(),
        }
    }

    /// Sets how the call came.
    #[must_use]
    pub fn with_protocol(self, protocol: Protocol, codec: Codec) -> Self {
        Self { protocol, codec, ..self }
    }

    /// Sets the raw query of a call that came as GET.
    #[must_use]
    pub fn with_get_query(self, query: Option<String>) -> Self {
        Self { get_query: query, ..self }
    }

    /// Sets the metadata of the request.
    #[must_use]
    pub fn with_metadata(self, metadata: Metadata) -> Self {
        Self { metadata, ..self }
    }

    /// Sets the deadline.
    #[must_use]
    pub fn with_deadline(self, deadline: Option<Deadline>) -> Self {
        Self { deadline, ..self }
    }

    /// Sets the client: its address, its identity, and the name under which it addressed this server.
    #[must_use]
    pub fn with_client(
        self,
        peer: SocketAddr,
        identity: Option<Arc<ClientIdentity>>,
        authority: Option<String>,
    ) -> Self {
        Self { peer: Some(peer), identity, authority, ..self }
    }

    /// Sets the services through which the call came, first caller first.
    #[must_use]
    pub fn with_chain(self, chain: Arc<[Arc<str>]>) -> Self {
        Self { chain, ..self }
    }

    /// Sets the signal that the caller no longer waits.
    #[must_use]
    pub fn with_cancellation(self, cancellation: Cancellation) -> Self {
        Self { cancellation, ..self }
    }

    /// Makes the context of a call that the handler of this one makes: `chain` is that of this one with its own service. The
    /// call is cancelled with this one.
    pub(crate) fn outgoing(&self, service: Arc<str>, method: Arc<str>, chain: Arc<[Arc<str>]>) -> Self {
        Self {
            service,
            method,
            protocol: Protocol::Local,
            codec: Codec::Proto,
            get_query: None,
            metadata: Metadata::default(),
            deadline: self.deadline,
            peer: None,
            identity: None,
            authority: None,
            chain,
            cancellation: self.cancellation.clone(),
        }
    }

    /// Returns the address of the client as limits count it: of IPv6 the network, whose addresses are all one client's.
    pub(crate) fn client(&self) -> Option<IpAddr> {
        self.peer.map(|peer| client_address(peer.ip()))
    }

    /// Returns the path on the wire, `/SERVICE/METHOD`.
    pub fn path(&self) -> String {
        ["/", &self.service, "/", &self.method].concat()
    }

    /// Returns the service with the services before it, as errors name it.
    pub fn call_chain(&self) -> CallChain<'_> {
        CallChain::new(&self.chain, &self.service)
    }

    /// Returns the services through which the call came, as the log names them; `None` for a call from outside.
    pub fn trail(&self) -> Option<String> {
        (!self.chain.is_empty()).then(|| self.chain.join(" -> "))
    }
}

/// Returns the address of a client as limits count it.
pub(crate) fn client_address(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

/// A service, and the services through which it was called.
#[derive(Clone, Copy, Debug)]
pub struct CallChain<'a> {
    callers: &'a [Arc<str>],
    service: &'a str,
}

impl<'a> CallChain<'a> {
    pub(crate) fn new(callers: &'a [Arc<str>], service: &'a str) -> Self {
        Self { callers, service }
    }
}

impl fmt::Display for CallChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.service)?;
        if !self.callers.is_empty() {
            write!(f, " (called through {})", self.callers.join(" -> "))?;
        }
        Ok(())
    }
}
