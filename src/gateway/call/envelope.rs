//! The prefix of a length-prefixed message, as gRPC and the streams of Connect have it.

use bytes::{Buf as _, Bytes, BytesMut};

/// One byte of flags and four bytes of length.
pub(crate) const PREFIX: usize = 5;

/// The flag of a compressed message.
pub(crate) const COMPRESSED: u8 = 1;

/// The most bytes for which there is room before they have come: a client may announce a message and not send it.
const READ_AHEAD: usize = 64 << 10;

/// Why there is no message behind a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EnvelopeError {
    /// A flag that is not known.
    Flags(u8),
    /// The message is larger than the limit.
    TooLarge,
}

/// Takes the next message out of the buffer if all of it is there. Returns whether it is compressed, too.
///
/// # Errors
/// When the prefix is not valid, or announces more than `limit` bytes.
pub(crate) fn take_envelope(buffer: &mut BytesMut, limit: usize) -> Result<Option<(Bytes, bool)>, EnvelopeError> {
    let Some((&[flags, a, b, c, d], rest)) = buffer.split_first_chunk::<PREFIX>() else { return Ok(None) };
    if flags & !COMPRESSED != 0 {
        return Err(EnvelopeError::Flags(flags));
    }
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if length > limit {
        return Err(EnvelopeError::TooLarge);
    }
    if let Some(missing) = length.checked_sub(rest.len()).filter(|missing| *missing > 0) {
        buffer.reserve(missing.min(READ_AHEAD));
        return Ok(None);
    }
    buffer.advance(PREFIX);
    Ok(Some((buffer.split_to(length).freeze(), flags & COMPRESSED != 0)))
}
