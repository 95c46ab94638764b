//! Messages of a stream that move together.

use bytes::Bytes;

/// The most messages that are read or written at once.
pub(crate) const BATCH_MESSAGES: usize = 256;
/// The most bytes of messages that are read or written at once. A larger message goes alone.
pub(crate) const BATCH_BYTES: usize = 64 << 10;

/// Messages that are read or written at once, at most [`BATCH_MESSAGES`] of [`BATCH_BYTES`].
#[derive(Debug, Default)]
pub(crate) struct MessageBatch {
    messages: Vec<Bytes>,
    bytes: usize,
}

impl MessageBatch {
    /// Adds a message if there is room for it, and returns it otherwise. There is room for the first message.
    pub(crate) fn add(&mut self, message: Bytes) -> Result<(), Bytes> {
        if !self.messages.is_empty() && message.len() > BATCH_BYTES.saturating_sub(self.bytes) {
            return Err(message);
        }
        self.bytes += message.len();
        self.messages.push(message);
        Ok(())
    }

    /// Whether there is room for another message, if it is small enough.
    pub(crate) fn has_room(&self) -> bool {
        self.messages.len() < BATCH_MESSAGES && self.bytes < BATCH_BYTES
    }

    /// Returns the messages in their order.
    pub(crate) fn into_messages(self) -> Vec<Bytes> {
        self.messages
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use futures_util::poll;

    use super::*;
    use crate::call::{Code, RequestStream, Status, request_channel};

    #[tokio::test]
    async fn a_batch_has_the_messages_that_have_come_and_what_ended_the_stream_comes_behind_it() {
        let (mut sink, mut requests) = request_channel();
        {
            let mut waiting = std::pin::pin!(requests.next_batch());
            assert!(poll!(&mut waiting).is_pending());
            sink.send_all(vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")]).await.unwrap();
            assert_eq!(waiting.await.unwrap().into_messages(), ["one", "two"]);
        }
        assert!(sink.try_send(Bytes::from_static(b"three")).unwrap());
        sink.fail(Status::new(Code::Aborted, "on purpose")).await.unwrap();
        assert_eq!(requests.next_batch().await.unwrap().into_messages(), ["three"]);
        assert_eq!(requests.next_batch().await.unwrap_err().message, "on purpose");
        assert!(requests.next_batch().await.unwrap().into_messages().is_empty());
    }

    #[tokio::test]
    async fn messages_that_were_put_back_are_the_next_ones() {
        let (mut sink, mut requests) = request_channel();
        sink.send_all((b'a'..=b'd').map(|byte| vec![byte].into()).collect()).await.unwrap();
        drop(sink);
        let mut messages = requests.next_batch().await.unwrap().into_messages().into_iter();
        assert_eq!(messages.next().unwrap(), "a");
        requests.put_back(messages);
        assert_eq!(requests.next().await.unwrap().unwrap(), "b");
        assert_eq!(requests.next_batch().await.unwrap().into_messages(), ["c", "d"]);
        assert!(requests.next().await.is_none());
    }

    #[tokio::test]
    async fn a_batch_is_bounded_in_messages_and_bytes_and_a_large_message_goes_alone() {
        let sizes = [1, BATCH_BYTES * 2, BATCH_BYTES / 2, BATCH_BYTES / 2, 1];
        let messages = sizes.map(|size| Ok(Bytes::from(vec![0; size])));
        let many = (0..=BATCH_MESSAGES).map(|_| Ok(Bytes::new()));
        let mut requests = RequestStream::new(futures_util::stream::iter(messages.into_iter().chain(many)));
        let mut counts = Vec::new();
        loop {
            match requests.next_batch().await.unwrap().into_messages().len() {
                0 => break,
                count => counts.push(count),
            }
        }
        assert_eq!(counts, [1, 1, 2, BATCH_MESSAGES, 2]);
    }
}
