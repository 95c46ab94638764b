//! One call over a connection to another server.

use std::error::Error;

use bytes::Bytes;
use futures_util::future::{self, OptionFuture};
use futures_util::stream::{self, Stream};
use http::uri::PathAndQuery;
use tokio::sync::oneshot;
use tonic::CancellationHandle;
use tonic::client::Grpc;
use tonic::codec::{CompressionEncoding, Streaming};
use tonic::metadata::MetadataMap;

use crate::call::{
    Code, Deadline, MessageSource, Metadata, RequestStream, ResponseSink, Status, StreamClosed, read_single,
};
use crate::grpc::{BytesCodec, Transport};

/// The call to make.
pub(crate) struct GrpcExchange<'a> {
    /// Such as `/greeter.v1.Greeter/Hello`.
    pub(crate) path: &'a str,
    pub(crate) metadata: &'a Metadata,
    pub(crate) deadline: Option<Deadline>,
    /// Whether the method streams responses. Otherwise its one response is sent on once the call is known to be OK.
    pub(crate) is_server_streaming: bool,
    /// Largest response message, in bytes.
    pub(crate) max_response_bytes: usize,
}

/// Why an exchange failed.
#[derive(Debug)]
pub(crate) struct ExchangeError {
    pub(crate) status: Status,
    pub(crate) fate: CallFate,
}

/// Whether the call that failed may have reached its handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallFate {
    /// The server answered with the status, or this side gave the call up.
    Answered,
    /// The call certainly reached no handler, because the connection broke or is being shut down.
    NotExecuted,
    /// The server refused the call before it reached a handler, and kept its connection.
    Refused,
    /// The server reset the call and kept its connection: the call may have been executed.
    Reset,
    /// The connection broke: the call may have been executed.
    Unknown,
}

impl ExchangeError {
    fn answered(status: Status) -> Self {
        Self { status, fate: CallFate::Answered }
    }
}

impl From<tonic::Status> for ExchangeError {
    /// A status that the server did not send comes from the connection.
    fn from(status: tonic::Status) -> Self {
        let Some(source) = status.source() else { return Self::answered(status.into()) };
        let mut fate = CallFate::Unknown;
        let mut cause = source;
        for error in error_chain(source) {
            cause = error;
            if let Some(error) = error.downcast_ref::<h2::Error>() {
                if error.is_reset() && error.is_remote() {
                    fate = CallFate::Reset;
                }
                if error.reason() == Some(h2::Reason::REFUSED_STREAM) {
                    fate = CallFate::Refused;
                }
                // A connection that is being shut down names the streams that it has not processed.
                if error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR) {
                    fate = CallFate::NotExecuted;
                }
            }
            let unsent = error.is::<tonic::ConnectError>()
                || error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled);
            if unsent {
                fate = CallFate::NotExecuted;
            }
        }
        let cause = cause.to_string();
        // The meaning of a reset is up to the server; a lost connection is always UNAVAILABLE.
        let status = match fate {
            CallFate::Reset => Status { message: cause, ..status.into() },
            _ => Status::new(Code::Unavailable, cause),
        };
        Self { status, fate }
    }
}

impl GrpcExchange<'_> {
    /// Makes the call: sends headers and messages on to `responses` as they come, and returns the trailers.
    ///
    /// It ends by itself at its deadline, whatever the server does.
    ///
    /// # Cancellation
    /// A dropped future resets the call. The server does not take the requests for complete, even if `requests` ends
    /// after that.
    pub(crate) async fn run(
        &self,
        transport: Transport,
        requests: RequestStream,
        responses: &mut ResponseSink,
    ) -> Result<Metadata, ExchangeError> {
        let deadline = self.deadline.map(|deadline| tokio::time::sleep_until(deadline.at));
        let outcome = tokio::select! {
            outcome = self.exchange(transport, requests, responses) => outcome,
            Some(()) = OptionFuture::from(deadline) => Err(ExchangeError::answered(expired())),
        };
        // tonic keeps the time as well, and calls it a cancellation.
        match (outcome, self.deadline) {
            (Err(_), Some(deadline)) if deadline.remaining().is_zero() => Err(ExchangeError::answered(expired())),
            (outcome, _) => outcome,
        }
    }

    async fn exchange(
        &self,
        transport: Transport,
        requests: RequestStream,
        responses: &mut ResponseSink,
    ) -> Result<Metadata, ExchangeError> {
        let path = PathAndQuery::try_from(self.path)
            .map_err(|error| ExchangeError::answered(Status::new(Code::Internal, error.to_string())))?;
        let (outgoing, failed) = outgoing(requests);
        let mut request = tonic::Request::new(outgoing);
        *request.metadata_mut() = MetadataMap::from_headers(self.metadata.to_headers());
        let _reset = ResetOnDrop(Some(request.cancellation_handle()));
        if let Some(deadline) = self.deadline {
            request.set_timeout(deadline.remaining());
        }
        let mut grpc = Grpc::new(transport)
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(self.max_response_bytes);
        let lost = |error: tonic::transport::Error| ExchangeError {
            status: Status::new(Code::Unavailable, root_cause(&error)),
            fate: CallFate::NotExecuted,
        };
        grpc.ready().await.map_err(lost)?;
        let answer = async {
            let (head, mut messages, _) = grpc.streaming(request, path, BytesCodec).await?.into_parts();
            responses.headers(Metadata::from_headers(&head.into_headers())).await.map_err(reader_gone)?;
            if self.is_server_streaming {
                while let Some(message) = messages.message().await? {
                    responses.send(message).await.map_err(reader_gone)?;
                }
            } else {
                let message = read_only_message(&mut messages).await?;
                responses.send(message).await.map_err(reader_gone)?;
            }
            let trailers = messages.trailers().await?.unwrap_or_default();
            Ok(Metadata::from_headers(&trailers.into_headers()))
        };
        tokio::select! {
            biased;
            Ok(status) = failed => Err(ExchangeError::answered(*status)),
            answer = answer => answer,
        }
    }
}

/// Returns the text of the innermost error, which says what has happened.
pub(crate) fn root_cause(error: &(dyn Error + 'static)) -> String {
    error_chain(error).last().map(ToString::to_string).unwrap_or_default()
}

/// Iterates over an error and its sources.
pub(crate) fn error_chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
}

/// Resets the call when dropped. tonic does so only once the requests have ended.
struct ResetOnDrop(Option<CancellationHandle>);

impl Drop for ResetOnDrop {
    fn drop(&mut self) {
        if let Some(handle) = self.0.take() {
            handle.cancel();
        }
    }
}

/// Makes the stream of messages for tonic, and the channel with the status that broke them off.
///
/// The stream ends only while the receiver exists: the requests of a call that was given up must not look complete.
fn outgoing(requests: RequestStream) -> (impl Stream<Item = Bytes> + Send + 'static, oneshot::Receiver<Box<Status>>) {
    let (fail, failed) = oneshot::channel();
    let messages = stream::unfold((requests, fail), |(mut requests, fail)| async {
        match requests.next().await {
            Some(Ok(message)) => return Some((message, (requests, fail))),
            None if !fail.is_closed() => return None,
            // When the call is over already, the receiver is gone.
            Some(Err(status)) => drop(fail.send(status)),
            None => {}
        }
        future::pending().await
    });
    (messages, failed)
}

impl MessageSource for Streaming<Bytes> {
    type Error = ExchangeError;

    async fn next_message(&mut self) -> Result<Option<Bytes>, ExchangeError> {
        Ok(self.message().await?)
    }
}

async fn read_only_message(messages: &mut Streaming<Bytes>) -> Result<Bytes, ExchangeError> {
    read_single(messages, |count| ExchangeError::answered(count.of_server_responses())).await
}

fn reader_gone(gone: StreamClosed) -> ExchangeError {
    ExchangeError::answered(Status::new(Code::Cancelled, gone.to_string()))
}

fn expired() -> Status {
    Status::new(Code::DeadlineExceeded, "the timeout passed before the call was over")
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, StreamExt as _};

    use super::*;
    use crate::call::request_channel;

    #[test]
    fn the_requests_of_a_call_that_was_given_up_do_not_end() {
        for given_up in [false, true] {
            let (sink, requests) = request_channel();
            let (outgoing, failed) = outgoing(requests);
            let _failed = (!given_up).then_some(failed);
            drop(sink);
            let end = std::pin::pin!(outgoing).next().now_or_never();
            assert_eq!(end, (!given_up).then_some(None));
        }
    }
}
