//! Messages between two components of this process that are not encoded: the typed values of the caller are copied into the
//! memory of the callee.
//!
//! Only the link reads and writes the values. All other parts see a message of a known size; what they check of an encoded
//! message, they check of this one.

use std::sync::Arc;

use bytes::Bytes;

/// The fields of a message type and their places in memory. Messages of types with the same layout have the same values.
#[derive(Clone, Debug, Eq)]
pub struct MessageLayout(Arc<[u8]>);

impl MessageLayout {
    /// Makes a layout of its description. Equal descriptions are equal layouts.
    pub(crate) fn new(description: Vec<u8>) -> Self {
        Self(description.into())
    }
}

impl PartialEq for MessageLayout {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

/// The layouts of the messages of a unary method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodLayouts {
    pub(crate) request: MessageLayout,
    pub(crate) response: MessageLayout,
}

/// A message as typed values, without pointers into the memory that they come from.
#[derive(Clone, Debug, Default)]
pub struct TypedMessage {
    /// The values, as the layout of the message has them.
    pub(crate) image: Vec<u8>,
    /// Bytes of the message if it were encoded: what limits of size count.
    pub(crate) wire_bytes: usize,
    /// Bytes that its lists and texts take in a component.
    pub(crate) lowered_bytes: u64,
    /// Its lists, with those of the messages in it.
    pub(crate) lists: u64,
}

/// A message of a call within the process.
#[derive(Clone, Debug)]
pub enum LocalMessage {
    /// An encoded message.
    Encoded(Bytes),
    /// Typed values.
    Typed(TypedMessage),
}
