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

use bytes::Bytes;
use http::uri::PathAndQuery;
use prost_reflect::MethodDescriptor;
use tokio::time::Instant;
use tonic::client::Grpc;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::transport::Endpoint;

use crate::call::{Code, Metadata, Status};
use crate::grpc::{BytesCodec, Transport, transport};

pub use definition::definition;
pub use details::describe_detail;
pub use error::ClientError;
pub use json::{Shown, parse_request, print_response};
pub use schema::{Schema, Symbol};

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest response message, in bytes.
const MAX_RESPONSE: usize = 256 << 20;

/// A connection to a gRPC server.
#[derive(Clone, Debug)]
pub struct Client {
    address: String,
    transport: Transport,
}

/// What came of a unary call.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Response headers; empty when the call failed before there were any.
    pub headers: Metadata,
    /// The encoded response with the trailers of the call, or why it failed.
    pub outcome: Result<(Bytes, Metadata), Status>,
}

impl Client {
    /// Connects to an address such as `127.0.0.1:8080` or `http://localhost:8080`.
    ///
    /// # Errors
    /// When the address is none, or nobody answers within ten seconds.
    pub async fn connect(address: &str) -> Result<Self, ClientError> {
        let authority = match address.split_once("://") {
            None => address,
            Some(("http", authority)) => authority.trim_end_matches('/'),
            Some(("https", _)) => return Err(ClientError::Tls { address: address.to_owned() }),
            Some(_) => return Err(ClientError::Address { address: address.to_owned() }),
        };
        let wrong = || ClientError::Address { address: address.to_owned() };
        let parsed: http::uri::Authority = authority.parse().map_err(|_| wrong())?;
        if parsed.port_u16().is_none() || parsed.host().is_empty() {
            return Err(wrong());
        }
        let endpoint = Endpoint::from_shared(format!("http://{authority}"))
            .and_then(|endpoint| endpoint.user_agent(concat!("okra/", env!("CARGO_PKG_VERSION"))))
            .map_err(|_| wrong())?
            .connect_timeout(CONNECT_TIMEOUT);
        match endpoint.connect().await {
            Ok(channel) => Ok(Self { address: authority.to_owned(), transport: transport(channel) }),
            Err(source) => Err(ClientError::Connect { address: authority.to_owned(), source }),
        }
    }

    /// The address that it is connected to.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Makes a unary call. It ends by itself after `timeout`, whatever the server does.
    ///
    /// # Cancellation
    /// A dropped future resets the call.
    pub async fn unary(
        &self,
        method: &MethodDescriptor,
        request: Bytes,
        metadata: &Metadata,
        timeout: Option<Duration>,
    ) -> Answer {
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let mut answer = Answer { headers: Metadata::default(), outcome: Err(expired()) };
        let call = self.exchange(&path, request, metadata, timeout, &mut answer.headers);
        let outcome = match timeout {
            Some(timeout) => tokio::time::timeout(timeout, call).await.unwrap_or_else(|_| Err(expired())),
            None => call.await,
        };
        // tonic keeps the time as well, and calls it a cancellation.
        answer.outcome = match (outcome, deadline) {
            (Err(status), Some(deadline)) if status.code == Code::Cancelled && deadline <= Instant::now() => {
                Err(expired())
            }
            (outcome, _) => outcome,
        };
        answer
    }

    async fn exchange(
        &self,
        path: &str,
        message: Bytes,
        metadata: &Metadata,
        timeout: Option<Duration>,
        headers: &mut Metadata,
    ) -> Result<(Bytes, Metadata), Status> {
        let path = PathAndQuery::try_from(path).map_err(|error| Status::new(Code::Internal, error.to_string()))?;
        let mut request = tonic::Request::new(tokio_stream::once(message));
        *request.metadata_mut() = MetadataMap::from_headers(metadata.to_headers());
        if let Some(timeout) = timeout {
            request.set_timeout(timeout);
        }
        let mut grpc = self.grpc();
        grpc.ready().await.map_err(|error| Status::new(Code::Unavailable, error.to_string()))?;
        let response = grpc.streaming(request, path, BytesCodec).await?;
        let (head, mut messages, _) = response.into_parts();
        *headers = Metadata::from_headers(&head.into_headers());
        let wrong_count =
            |count| Status::new(Code::Unimplemented, format!("expected one response message, but {count} came"));
        let message = messages.message().await?.ok_or_else(|| wrong_count("none"))?;
        if messages.message().await?.is_some() {
            return Err(wrong_count("more than one"));
        }
        let trailers = messages.trailers().await?.unwrap_or_default();
        Ok((message, Metadata::from_headers(&trailers.into_headers())))
    }

    fn grpc(&self) -> Grpc<Transport> {
        Grpc::new(self.transport.clone())
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(MAX_RESPONSE)
    }
}

fn expired() -> Status {
    Status::new(Code::DeadlineExceeded, "the timeout passed before the server answered")
}
