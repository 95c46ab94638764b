//! Messages on their way to a handler and back. Whoever reads slowly slows who writes: between tasks they wait in bounded
//! queues, and a stream of requests is polled for no more of them than are read.

use std::fmt;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};

use super::queue::{Gone, Receiver, Sender, queue};
use super::{Metadata, Status};

/// The request messages of a call, as its handler reads them.
pub struct Requests(BoxStream<'static, Result<Bytes, Box<Status>>>);

/// Where the request messages of a call go. Dropped, it ends them: the caller has sent all that it wants to send.
#[derive(Debug)]
pub struct RequestSink(Sender<Result<Bytes, Box<Status>>>);

/// The request messages of a call: where they go in, and where they come out.
pub fn requests() -> (RequestSink, Requests) {
    let (sender, receiver) = queue();
    (RequestSink(sender), Requests::new(receiver))
}

impl Requests {
    /// Those of a stream. It is polled when the next message is wanted and not before: who reads slowly slows who sends.
    pub fn new(messages: impl Stream<Item = Result<Bytes, Box<Status>>> + Send + 'static) -> Self {
        Self(messages.boxed())
    }

    /// Just this one.
    pub fn one(message: Bytes) -> Self {
        Self::new(stream::iter([Ok(message)]))
    }

    /// The next message; none when the caller has sent all.
    ///
    /// # Errors
    /// Why no more messages can be read, such as one that is too large. Nothing comes after it.
    ///
    /// # Cancellation
    /// No message is lost.
    pub async fn next(&mut self) -> Option<Result<Bytes, Box<Status>>> {
        self.0.next().await
    }
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").finish_non_exhaustive()
    }
}

impl RequestSink {
    /// Waits until there is room for the message.
    ///
    /// # Errors
    /// When the handler reads no more.
    ///
    /// # Cancellation
    /// The message is sent or not; what was sent stays.
    pub async fn send(&mut self, message: Bytes) -> Result<(), Gone> {
        let size = message.len();
        self.0.send(Ok(message), size).await
    }

    /// Says why no more messages come, and ends the stream.
    ///
    /// # Errors
    /// When the handler reads no more.
    pub async fn fail(mut self, status: Status) -> Result<(), Gone> {
        self.0.send(Err(Box::new(status)), 0).await
    }
}

/// What comes back from a call before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The response headers: at most once, and before any message.
    Headers(Metadata),
    /// A response message.
    Message(Bytes),
}

/// What comes back from a call, as its caller reads it.
#[derive(Debug)]
pub struct Responses(Receiver<Part>);

/// Where a handler's response headers and messages go.
#[derive(Debug)]
pub struct ResponseSink {
    sender: Sender<Part>,
    begun: bool,
}

/// What comes back from a call: where it goes in, and where it comes out.
pub fn responses() -> (ResponseSink, Responses) {
    let (sender, receiver) = queue();
    (ResponseSink { sender, begun: false }, Responses(receiver))
}

impl Responses {
    /// The next part; none when the handler is done, whose outcome then tells how.
    ///
    /// # Cancellation
    /// No part is lost.
    pub async fn next(&mut self) -> Option<Part> {
        self.0.next().await
    }

    /// The next part, if it is there already.
    pub fn try_next(&mut self) -> Option<Part> {
        self.0.try_next()
    }
}

impl ResponseSink {
    /// Whether headers or a message have been sent: no headers may follow.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// Sends the response headers. Once something was sent, it does nothing.
    ///
    /// # Errors
    /// When the caller has gone.
    pub async fn headers(&mut self, headers: Metadata) -> Result<(), Gone> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        self.sender.send(Part::Headers(headers), 0).await
    }

    /// Waits until there is room for the message: a slow caller slows its handler.
    ///
    /// # Errors
    /// When the caller has gone.
    ///
    /// # Cancellation
    /// The message is sent or not; what was sent stays.
    pub async fn send(&mut self, message: Bytes) -> Result<(), Gone> {
        self.begun = true;
        let size = message.len();
        self.sender.send(Part::Message(message), size).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures_util::poll;

    use super::super::queue::{BYTES, ITEMS};
    use super::*;

    #[tokio::test]
    async fn a_stream_holds_so_many_messages() {
        let (mut sink, mut requests) = requests();
        for number in 0..ITEMS {
            sink.send(vec![number as u8].into()).await.unwrap();
        }
        {
            let mut more = std::pin::pin!(sink.send(Bytes::from_static(b"more")));
            assert!(poll!(&mut more).is_pending());
            assert_eq!(requests.next().await.unwrap().unwrap().as_ref(), [0]);
            more.await.unwrap();
        }
        drop(sink);
        let mut rest = 0;
        while requests.next().await.is_some() {
            rest += 1;
        }
        assert_eq!(rest, ITEMS);
    }

    #[tokio::test]
    async fn a_stream_holds_so_many_bytes() {
        let (mut sink, mut responses) = responses();
        sink.send(vec![0; BYTES * 2].into()).await.unwrap();
        {
            let mut more = std::pin::pin!(sink.send(Bytes::from_static(b"more")));
            assert!(poll!(&mut more).is_pending());
            assert!(matches!(responses.next().await, Some(Part::Message(message)) if message.len() == BYTES * 2));
            more.await.unwrap();
        }
        drop(responses);
        assert_eq!(sink.send(Bytes::from_static(b"more")).await, Err(Gone));
    }

    #[tokio::test]
    async fn who_waits_for_room_learns_that_the_reader_has_gone() {
        let (mut sink, responses) = responses();
        sink.send(vec![0; BYTES].into()).await.unwrap();
        let mut more = std::pin::pin!(sink.send(Bytes::from_static(b"more")));
        assert!(poll!(&mut more).is_pending());
        drop(responses);
        assert_eq!(more.await, Err(Gone));
    }

    #[tokio::test]
    async fn headers_go_once_and_first() {
        let (mut sink, mut responses) = responses();
        sink.headers(Metadata::default()).await.unwrap();
        sink.headers(Metadata::default()).await.unwrap();
        sink.send(Bytes::new()).await.unwrap();
        drop(sink);
        assert_eq!(responses.next().await, Some(Part::Headers(Metadata::default())));
        assert_eq!(responses.next().await, Some(Part::Message(Bytes::new())));
        assert_eq!(responses.next().await, None);
    }
}
