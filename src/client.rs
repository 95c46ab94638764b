//! The client: calls gRPC services whose types it learns at run time.
//!
//! A [`Schema`] knows the types, from the server's reflection or from .proto files; a [`Client`] carries bytes.

mod definition;
mod details;
mod error;
mod json;
mod reflection;
mod schema;
#[cfg(test)]
mod tests;

use std::time::Duration;

use prost_reflect::MethodDescriptor;
use tonic::client::Grpc;
use tonic::codec::CompressionEncoding;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::call::{Deadline, Metadata, RequestStream, ResponseSink, Status};
use crate::grpc::{GrpcExchange, Transport, make_transport};

pub use definition::definition;
pub use details::describe_detail;
pub use error::ClientError;
pub use json::{Layout, Shown, encode_request, parse_request, print_response};
pub use schema::{Schema, Symbol};

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest response message, in bytes.
const MAX_RESPONSE: usize = 256 << 20;

/// How servers with `https` addresses are known, and how we are known to them.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Certificates of the authorities that are trusted, PEM; the system's when there are none.
    pub ca: Option<Vec<u8>>,
    /// Our certificate and its key, PEM, for servers that ask for one.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl Tls {
    fn config(&self) -> ClientTlsConfig {
        let config = match &self.ca {
            Some(ca) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        match &self.identity {
            Some((certificate, key)) => config.identity(Identity::from_pem(certificate, key)),
            None => config,
        }
    }
}

/// A connection to a gRPC server.
#[derive(Clone, Debug)]
pub struct Client {
    address: String,
    transport: Transport,
}

impl Client {
    /// Connects to an address such as `127.0.0.1:8080`, `http://localhost:8080` or `https://users.example.com`. `tls` is for
    /// the last kind.
    ///
    /// # Errors
    /// When the address is none, or nobody answers within ten seconds.
    pub async fn connect(address: &str, tls: &Tls) -> Result<Self, ClientError> {
        let wrong = || ClientError::Address { address: address.to_owned() };
        let (scheme, authority) = match address.split_once("://") {
            None => ("http", address),
            Some((scheme @ ("http" | "https"), authority)) => (scheme, authority.trim_end_matches('/')),
            Some(_) => return Err(wrong()),
        };
        let parsed: http::uri::Authority = authority.parse().map_err(|_| wrong())?;
        if (parsed.port_u16().is_none() && scheme == "http") || parsed.host().is_empty() {
            return Err(wrong());
        }
        let unreachable = |error| ClientError::connect(authority, &error);
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{authority}"))
            .and_then(|endpoint| endpoint.user_agent(concat!("okra/", env!("CARGO_PKG_VERSION"))))
            .map_err(|_| wrong())?
            .connect_timeout(CONNECT_TIMEOUT);
        if scheme == "https" {
            endpoint = endpoint.tls_config(tls.config()).map_err(unreachable)?;
        }
        let channel = endpoint.connect().await.map_err(unreachable)?;
        Ok(Self { address: authority.to_owned(), transport: make_transport(channel) })
    }

    /// The address that it is connected to.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Makes a call of any kind. Headers and messages go to `responses` as they come; what comes back are the trailers.
    ///
    /// Where a method answers with one message, that message is there once the call is known to be OK. The call ends by
    /// itself after `timeout`, whatever the server does.
    ///
    /// # Errors
    /// Why the call failed, or why `requests` did.
    ///
    /// # Cancellation
    /// A dropped future resets the call. The server does not take the requests for complete, even if `requests` ends
    /// after that.
    pub async fn call(
        &self,
        method: &MethodDescriptor,
        metadata: &Metadata,
        timeout: Option<Duration>,
        requests: RequestStream,
        mut responses: ResponseSink,
    ) -> Result<Metadata, Status> {
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let exchange = GrpcExchange {
            path: &path,
            metadata,
            deadline: timeout.and_then(Deadline::after),
            is_server_streaming: method.is_server_streaming(),
            max_response_bytes: MAX_RESPONSE,
        };
        exchange.run(self.transport.clone(), requests, &mut responses).await.map_err(|failed| failed.status)
    }

    fn grpc(&self) -> Grpc<Transport> {
        Grpc::new(self.transport.clone())
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(MAX_RESPONSE)
    }
}
