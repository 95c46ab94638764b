//! Messages on their way from one task to another: bounded queues, so that a slow reader slows its writer.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::{Metadata, Status};

/// Messages that wait in a stream at most.
const MESSAGES: usize = 64;
/// Bytes of messages that wait in a stream at most. A larger message waits alone.
const BYTES: usize = 256 * 1024;

/// Nobody reads the stream any more: the other side has gone, or has all it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody reads this stream any more")]
pub struct Gone;

/// A queue that counts messages and their bytes.
#[derive(Debug)]
struct Sender<T> {
    queue: mpsc::Sender<(T, Option<OwnedSemaphorePermit>)>,
    bytes: Arc<Semaphore>,
}

#[derive(Debug)]
struct Receiver<T> {
    queue: mpsc::Receiver<(T, Option<OwnedSemaphorePermit>)>,
    bytes: Arc<Semaphore>,
}

fn queue<T>() -> (Sender<T>, Receiver<T>) {
    let bytes = Arc::new(Semaphore::new(BYTES));
    let (sender, receiver) = mpsc::channel(MESSAGES);
    (Sender { queue: sender, bytes: bytes.clone() }, Receiver { queue: receiver, bytes })
}

impl<T> Sender<T> {
    /// Waits for room for `size` bytes, and puts `item` there.
    async fn send(&self, item: T, size: usize) -> Result<(), Gone> {
        let permit = match u32::try_from(size.min(BYTES)) {
            Ok(0) | Err(_) => None,
            Ok(size) => Some(self.bytes.clone().acquire_many_owned(size).await.map_err(|_| Gone)?),
        };
        self.queue.send((item, permit)).await.map_err(|_| Gone)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Wakes who waits for room.
        self.bytes.close();
    }
}

/// The request messages of a call, as its handler reads them.
#[derive(Debug)]
pub struct Requests(Receiver<Result<Bytes, Box<Status>>>);

/// Where the request messages of a call go. Dropped, it ends them: the caller has sent all that it wants to send.
#[derive(Debug)]
pub struct RequestSink(Sender<Result<Bytes, Box<Status>>>);

/// The request messages of a call: where they go in, and where they come out.
pub fn requests() -> (RequestSink, Requests) {
    let (sender, receiver) = queue();
    (RequestSink(sender), Requests(receiver))
}

impl Requests {
    /// The next message; none when the caller has sent all.
    ///
    /// # Errors
    /// Why no more messages can be read, such as one that is too large. Nothing comes after it.
    ///
    /// # Cancellation
    /// No message is lost.
    pub async fn next(&mut self) -> Option<Result<Bytes, Box<Status>>> {
        self.0.queue.recv().await.map(|(message, _)| message)
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
    pub async fn send(&self, message: Bytes) -> Result<(), Gone> {
        let size = message.len();
        self.0.send(Ok(message), size).await
    }

    /// Says why no more messages come, and ends the stream.
    ///
    /// # Errors
    /// When the handler reads no more.
    pub async fn fail(self, status: Status) -> Result<(), Gone> {
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
        self.0.queue.recv().await.map(|(part, _)| part)
    }

    /// The next part, if it is there already.
    pub fn try_next(&mut self) -> Option<Part> {
        self.0.queue.try_recv().ok().map(|(part, _)| part)
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

    use super::*;

    #[tokio::test]
    async fn a_stream_holds_so_many_messages() {
        let (sink, mut requests) = requests();
        for number in 0..MESSAGES {
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
        assert_eq!(rest, MESSAGES);
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
