//! The dynamic gRPC client of `okra call`, `list` and `describe`: it learns the types of services at run time.
//!
//! A [`DynamicSchema`] has the types, from the server's reflection or from .proto files; a [`DynamicClient`] carries bytes.

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

pub use definition::print_definition;
pub use details::describe_detail;
pub use error::ClientError;
pub use json::{JsonLayout, PrintedResponse, encode_request, parse_request, print_response};
pub use schema::{DynamicSchema, ProtoSymbol};

/// Longest time until a server accepts a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest response message, in bytes.
const MAX_RESPONSE_BYTES: usize = 256 << 20;

/// Settings of TLS, for servers with `https` addresses.
#[derive(Clone, Debug, Default)]
pub struct ClientTls {
    /// Certificates of the authorities that are trusted, PEM; `None` stands for the system's.
    pub ca: Option<Vec<u8>>,
    /// The client's certificate and its key, PEM, for servers that ask for one.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl ClientTls {
    fn to_config(&self) -> ClientTlsConfig {
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
pub struct DynamicClient {
    address: String,
    transport: Transport,
}

impl DynamicClient {
    /// Connects to an address such as `127.0.0.1:8080`, `http://localhost:8080` or `https://users.example.com`. `tls` is for
    /// `https` only.
    ///
    /// # Errors
    /// If the address is not valid, or no server accepts the connection within ten seconds.
    pub async fn connect(address: &str, tls: &ClientTls) -> Result<Self, ClientError> {
        let invalid = || ClientError::Address { address: address.to_owned() };
        let (scheme, authority) = match address.split_once("://") {
            None => ("http", address),
            Some((scheme @ ("http" | "https"), authority)) => (scheme, authority.trim_end_matches('/')),
            Some(_) => return Err(invalid()),
        };
        let parsed: http::uri::Authority = authority.parse().map_err(|_| invalid())?;
        if (parsed.port_u16().is_none() && scheme == "http") || parsed.host().is_empty() {
            return Err(invalid());
        }
        let unreachable = |error| ClientError::connect(authority, &error);
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{authority}"))
            .and_then(|endpoint| endpoint.user_agent(concat!("okra/", env!("CARGO_PKG_VERSION"))))
            .map_err(|_| invalid())?
            .connect_timeout(CONNECT_TIMEOUT);
        if scheme == "https" {
            endpoint = endpoint.tls_config(tls.to_config()).map_err(unreachable)?;
        }
        let channel = endpoint.connect().await.map_err(unreachable)?;
        Ok(Self { address: authority.to_owned(), transport: make_transport(channel) })
    }

    /// Returns the address of the server.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Makes a call of any kind and returns its trailers. Headers and messages go to `responses` as they arrive.
    ///
    /// The message of a method with one response is sent once the call is known to be OK. The call ends after `timeout`,
    /// even if the server does not answer.
    ///
    /// # Errors
    /// The status of the call, or the failure of `requests`.
    ///
    /// # Cancellation
    /// A dropped future resets the call. The server does not see the requests as complete, even if `requests` ends after
    /// that.
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
            max_response_bytes: MAX_RESPONSE_BYTES,
        };
        exchange.run(self.transport.clone(), requests, &mut responses).await.map_err(|failed| failed.status)
    }

    fn grpc(&self) -> Grpc<Transport> {
        Grpc::new(self.transport.clone())
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(MAX_RESPONSE_BYTES)
    }
}
