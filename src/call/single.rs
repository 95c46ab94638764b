//! The check that a stream has exactly one message, for both directions and both sides.

use bytes::Bytes;

use crate::call::{Code, Context, RequestStream, Status};

/// A number of messages other than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WrongCount {
    /// The stream ended before its first message.
    None,
    /// A second message followed the first.
    MoreThanOne,
}

impl WrongCount {
    fn text(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::MoreThanOne => "more than one",
        }
    }

    /// Returns the status of a call whose client sent this many requests to a method that takes one.
    ///
    /// gRPC asks for UNIMPLEMENTED here: <https://github.com/grpc/grpc/blob/master/doc/statuscodes.md>.
    pub(crate) fn of_requests(self, path: &str) -> Status {
        let message = format!("`{path}` takes one request message, but {} came", self.text());
        Status::new(Code::Unimplemented, message)
    }

    /// Returns the status of a call whose handler sent this many responses from a method that answers with one.
    pub(crate) fn of_responses(self, path: &str) -> Status {
        let message = format!("`{path}` answers with one response message, but its handler sent {}", self.text());
        Status::new(Code::Internal, message)
    }

    /// Returns the status of a call to which another server answered with this many responses instead of one.
    pub(crate) fn of_server_responses(self) -> Status {
        Status::new(Code::Unimplemented, format!("expected one response message, but {} came", self.text()))
    }
}

/// A stream of messages that is read one by one.
pub(crate) trait MessageSource: Send {
    /// What ends the stream early.
    type Error;

    /// Waits for the next message; `None` at the end.
    fn next_message(&mut self) -> impl Future<Output = Result<Option<Bytes>, Self::Error>> + Send;
}

impl MessageSource for RequestStream {
    type Error = Status;

    async fn next_message(&mut self) -> Result<Option<Bytes>, Status> {
        self.next().await.transpose().map_err(|status| *status)
    }
}

/// Reads the only message of a stream.
///
/// # Errors
/// The stream's own error, or what `wrong_count` makes of another number of messages.
pub(crate) async fn read_single<S: MessageSource>(
    source: &mut S,
    wrong_count: impl Fn(WrongCount) -> S::Error,
) -> Result<Bytes, S::Error> {
    let message = source.next_message().await?.ok_or_else(|| wrong_count(WrongCount::None))?;
    match source.next_message().await? {
        None => Ok(message),
        Some(_) => Err(wrong_count(WrongCount::MoreThanOne)),
    }
}

/// Reads the request of a method that takes one.
///
/// # Errors
/// The status that ended the requests, or UNIMPLEMENTED for another number of them.
pub(crate) async fn read_single_request(context: &Context, requests: &mut RequestStream) -> Result<Bytes, Status> {
    read_single(requests, |count| count.of_requests(&context.path())).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn one_request_is_read_and_any_other_number_is_unimplemented() {
        let context = Context::new("a.A", "Do");
        for (count, text) in [(0, "none"), (2, "more than one"), (3, "more than one")] {
            let messages = stream::iter((0..count).map(|_| Ok(Bytes::new())));
            let status = read_single_request(&context, &mut RequestStream::new(messages)).await.unwrap_err();
            assert_eq!(status.code, Code::Unimplemented);
            assert_eq!(status.message, format!("`/a.A/Do` takes one request message, but {text} came"));
        }
        let mut requests = RequestStream::one(Bytes::from_static(b"x"));
        assert_eq!(read_single_request(&context, &mut requests).await.unwrap(), "x");
    }
}
