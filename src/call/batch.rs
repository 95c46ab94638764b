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
