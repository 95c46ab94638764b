//! One call over a channel.

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

use super::{BytesCodec, Transport};
use crate::call::{Code, Deadline, Gone, Metadata, Requests, ResponseSink, Status};

/// What is to be called, and how.
pub(crate) struct Exchange<'a> {
    /// Such as `/greeter.v1.Greeter/Hello`.
    pub(crate) path: &'a str,
    pub(crate) metadata: &'a Metadata,
    pub(crate) deadline: Option<Deadline>,
    /// Whether responses are a stream; otherwise there is one, which is there once the call is known to be OK.
    pub(crate) responses: bool,
    /// Largest response message, in bytes.
    pub(crate) max_response: usize,
}

/// How a call failed.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) status: Status,
    pub(crate) fate: Fate,
}

/// What became of a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The server answered so, or we gave the call up.
    Answered,
    /// It certainly reached no handler.
    NotExecuted,
    /// The server reset it, and its connection lives on: nobody knows.
    Reset,
    /// The connection broke: nobody knows.
    Unknown,
}

impl Failed {
    fn ours(status: Status) -> Self {
        Self { status, fate: Fate::Answered }
    }
}

impl From<tonic::Status> for Failed {
    /// A status that the server did not send comes from the connection.
    fn from(status: tonic::Status) -> Self {
        let Some(source) = status.source() else { return Self::ours(status.into()) };
        let mut fate = Fate::Unknown;
        let mut cause = source;
        for error in causes(source) {
            cause = error;
            if let Some(error) = error.downcast_ref::<h2::Error>() {
                if error.is_reset() && error.is_remote() {
                    fate = Fate::Reset;
                }
                // Of a connection that is being shut down, these streams were not looked at.
                let unseen = error.reason() == Some(h2::Reason::REFUSED_STREAM)
                    || (error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR));
                if unseen {
                    fate = Fate::NotExecuted;
                }
            }
            let unsent = error.is::<tonic::ConnectError>()
                || error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled);
            if unsent {
                fate = Fate::NotExecuted;
            }
        }
        let cause = cause.to_string();
        // What a reset means is up to the server; a lost connection is always the same.
        let status = match fate {
            Fate::Reset => Status { message: cause, ..status.into() },
            _ => Status::new(Code::Unavailable, cause),
        };
        Self { status, fate }
    }
}

impl Exchange<'_> {
    /// Makes the call. Headers and messages go to `responses` as they come; what comes back are the trailers.
    ///
    /// It ends by itself at its deadline, whatever the server does.
    ///
    /// # Cancellation
    /// A dropped future resets the call. The server does not take the requests for complete, even if `requests` ends
    /// after that.
    pub(crate) async fn run(
        &self,
        transport: Transport,
        requests: Requests,
        responses: &mut ResponseSink,
    ) -> Result<Metadata, Failed> {
        let deadline = self.deadline.map(|deadline| tokio::time::sleep_until(deadline.at));
        let outcome = tokio::select! {
            outcome = self.exchange(transport, requests, responses) => outcome,
            Some(()) = OptionFuture::from(deadline) => Err(Failed::ours(expired())),
        };
        // tonic keeps the time as well, and calls it a cancellation.
        match (outcome, self.deadline) {
            (Err(_), Some(deadline)) if deadline.remaining().is_zero() => Err(Failed::ours(expired())),
            (outcome, _) => outcome,
        }
    }

    async fn exchange(
        &self,
        transport: Transport,
        requests: Requests,
        responses: &mut ResponseSink,
    ) -> Result<Metadata, Failed> {
        let path = PathAndQuery::try_from(self.path)
            .map_err(|error| Failed::ours(Status::new(Code::Internal, error.to_string())))?;
        let (outgoing, failed) = outgoing(requests);
        let mut request = tonic::Request::new(outgoing);
        *request.metadata_mut() = MetadataMap::from_headers(self.metadata.to_headers());
        let _reset = Reset(Some(request.cancellation_handle()));
        if let Some(deadline) = self.deadline {
            request.set_timeout(deadline.remaining());
        }
        let mut grpc = Grpc::new(transport)
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(self.max_response);
        let lost = |error: tonic::transport::Error| Failed {
            status: Status::new(Code::Unavailable, root_cause(&error)),
            fate: Fate::NotExecuted,
        };
        grpc.ready().await.map_err(lost)?;
        let answer = async {
            let (head, mut messages, _) = grpc.streaming(request, path, BytesCodec).await?.into_parts();
            responses.headers(Metadata::from_headers(&head.into_headers())).await.map_err(nobody)?;
            if self.responses {
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
            Ok(status) = failed => Err(Failed::ours(*status)),
            answer = answer => answer,
        }
    }
}

/// What lies at the bottom of an error: the others say little more than that there is one.
pub(crate) fn root_cause(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

/// An error, and what lies below it.
pub(crate) fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
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

async fn only(messages: &mut Streaming<Bytes>) -> Result<Bytes, Failed> {
    let wrong_count = |count| {
        let message = format!("expected one response message, but {count} came");
        Failed::ours(Status::new(Code::Unimplemented, message))
    };
    let message = messages.message().await?.ok_or_else(|| wrong_count("none"))?;
    match messages.message().await? {
        None => Ok(message),
        Some(_) => Err(wrong_count("more than one")),
    }
}

fn nobody(gone: Gone) -> Failed {
    Failed::ours(Status::new(Code::Cancelled, gone.to_string()))
}

fn expired() -> Status {
    Status::new(Code::DeadlineExceeded, "the timeout passed before the call was over")
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, StreamExt as _};

    use super::*;
    use crate::call::requests;

    #[test]
    fn the_requests_of_a_call_that_was_given_up_do_not_end() {
        for given_up in [false, true] {
            let (sink, requests) = requests();
            let (outgoing, failed) = outgoing(requests);
            let _failed = (!given_up).then_some(failed);
            drop(sink);
            let end = std::pin::pin!(outgoing).next().now_or_never();
            assert_eq!(end, (!given_up).then_some(None));
        }
    }
}
