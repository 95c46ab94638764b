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
use futures_util::future::{self, OptionFuture};
use futures_util::stream::{self, Stream};
use http::uri::PathAndQuery;
use prost_reflect::MethodDescriptor;
use tokio::sync::oneshot;
use tonic::CancellationHandle;
use tonic::client::Grpc;
use tonic::codec::{CompressionEncoding, Streaming};
use tonic::metadata::MetadataMap;
use tonic::transport::Endpoint;

use crate::call::{Code, Deadline, Gone, Metadata, Requests, ResponseSink, Status};
use crate::grpc::{BytesCodec, Transport, transport};

pub use definition::definition;
pub use details::describe_detail;
pub use error::ClientError;
pub use json::{Layout, Shown, encode_request, parse_request, print_response};
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
        requests: Requests,
        responses: ResponseSink,
    ) -> Result<Metadata, Status> {
        let deadline = timeout.and_then(Deadline::after);
        let outcome = tokio::select! {
            outcome = self.exchange(method, metadata, deadline, requests, responses) => outcome,
            Some(()) = OptionFuture::from(deadline.map(|deadline| tokio::time::sleep_until(deadline.at))) => Err(expired()),
        };
        // tonic keeps the time as well, and calls it a cancellation.
        match (outcome, deadline) {
            (Err(status), Some(deadline)) if status.code == Code::Cancelled && deadline.remaining().is_zero() => {
                Err(expired())
            }
            (outcome, _) => outcome,
        }
    }

    async fn exchange(
        &self,
        method: &MethodDescriptor,
        metadata: &Metadata,
        deadline: Option<Deadline>,
        requests: Requests,
        mut responses: ResponseSink,
    ) -> Result<Metadata, Status> {
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let path = PathAndQuery::try_from(path).map_err(|error| Status::new(Code::Internal, error.to_string()))?;
        let (outgoing, failed) = outgoing(requests);
        let mut request = tonic::Request::new(outgoing);
        *request.metadata_mut() = MetadataMap::from_headers(metadata.to_headers());
        let _reset = Reset(Some(request.cancellation_handle()));
        if let Some(deadline) = deadline {
            request.set_timeout(deadline.remaining());
        }
        let mut grpc = self.grpc();
        grpc.ready().await.map_err(|error| Status::new(Code::Unavailable, error.to_string()))?;
        let answer = async {
            let (head, mut messages, _) = grpc.streaming(request, path, BytesCodec).await?.into_parts();
            responses.headers(Metadata::from_headers(&head.into_headers())).await.map_err(nobody)?;
            if method.is_server_streaming() {
                while let Some(message) = messages.message().await? {
                    responses.send(message).await.map_err(nobody)?;
                }
            } else {
                let message = only(&mut messages).await?;
                responses.send(message).await.map_err(nobody)?;
            }
            let trailers = messages.trailers().await?.unwrap_or_default();
            Ok(Metadata::from_headers(&trailers.into_headers()))
        };
        tokio::select! {
            biased;
            Ok(status) = failed => Err(*status),
            answer = answer => answer,
        }
    }

    fn grpc(&self) -> Grpc<Transport> {
        Grpc::new(self.transport.clone())
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(MAX_RESPONSE)
    }
}

/// Resets a call that is given up. tonic does so only once the requests have ended.
struct Reset(Option<CancellationHandle>);

impl Drop for Reset {
    fn drop(&mut self) {
        if let Some(handle) = self.0.take() {
            handle.cancel();
        }
    }
}

/// Messages for tonic, and why they broke off. They end if the receiver is still there: the requests of a call that was
/// given up are not complete.
fn outgoing(requests: Requests) -> (impl Stream<Item = Bytes> + Send + 'static, oneshot::Receiver<Box<Status>>) {
    let (fail, failed) = oneshot::channel();
    let messages = stream::unfold((requests, fail), |(mut requests, fail)| async {
        match requests.next().await {
            Some(Ok(message)) => return Some((message, (requests, fail))),
            None if !fail.is_closed() => return None,
            // Nobody hears it when the call is over already.
            Some(Err(status)) => drop(fail.send(status)),
            None => {}
        }
        future::pending().await
    });
    (messages, failed)
}

async fn only(messages: &mut Streaming<Bytes>) -> Result<Bytes, Status> {
    let wrong_count =
        |count| Status::new(Code::Unimplemented, format!("expected one response message, but {count} came"));
    let message = messages.message().await?.ok_or_else(|| wrong_count("none"))?;
    match messages.message().await? {
        None => Ok(message),
        Some(_) => Err(wrong_count("more than one")),
    }
}

fn nobody(gone: Gone) -> Status {
    Status::new(Code::Cancelled, gone.to_string())
}

fn expired() -> Status {
    Status::new(Code::DeadlineExceeded, "the timeout passed before the call was over")
}
