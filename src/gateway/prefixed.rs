//! Messages with their length before them, as gRPC and the streams of Connect send them.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tonic::body::Body;

use super::compression::{Compression, too_large};
use super::messages::broken_off;
use crate::call::{Code, Status};

/// Flags, and four bytes of length.
const PREFIX: usize = 5;
const COMPRESSED: u8 = 1;
/// With this flag comes the end of Connect's responses.
const END: u8 = 2;

/// The messages of a request.
pub(super) struct Prefixed {
    body: Body,
    buffer: BytesMut,
    compression: Option<Compression>,
    limit: usize,
}

impl Prefixed {
    pub(super) fn new(body: Body, compression: Option<Compression>, limit: usize) -> Self {
        Self { body, buffer: BytesMut::new(), compression, limit }
    }

    /// The next message; none when the caller has sent all.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED for a message over the limit, CANCELLED for a request that broke off, INTERNAL for one that is
    /// not made of messages.
    ///
    /// # Cancellation
    /// No message is lost.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            if let Some(message) = self.buffered()? {
                return Ok(Some(message));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.put(data);
                    }
                }
                Some(Err(error)) => return Err(broken_off(error.message())),
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(Status::new(Code::Internal, "the request ended in the middle of a message")),
            }
        }
    }

    /// The next message, if it is there already.
    fn buffered(&mut self) -> Result<Option<Bytes>, Status> {
        let Some((&[flags, a, b, c, d], rest)) = self.buffer.split_first_chunk::<PREFIX>() else { return Ok(None) };
        if flags & !COMPRESSED != 0 {
            let message = format!("a request message has the flags {flags:#010b}, of which only the lowest is known");
            return Err(Status::new(Code::Internal, message));
        }
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if length > self.limit {
            return Err(too_large(self.limit));
        }
        if let Some(missing) = length.checked_sub(rest.len()).filter(|missing| *missing > 0) {
            self.buffer.reserve(missing);
            return Ok(None);
        }
        self.buffer.advance(PREFIX);
        let message = self.buffer.split_to(length).freeze();
        match (flags & COMPRESSED != 0, self.compression) {
            (false, _) => Ok(Some(message)),
            (true, Some(compression)) => compression.decompress(message, self.limit).map(Some),
            (true, None) => {
                let message = "a request message is compressed, but the headers do not say how";
                Err(Status::new(Code::Internal, message))
            }
        }
    }
}

/// Appends a message, compressed if that makes it smaller. It has less than 4 GiB. Returns whether it was compressed.
pub(super) fn message(message: &[u8], compression: Option<Compression>, buffer: &mut BytesMut) -> bool {
    let compressed = compression.and_then(|compression| compression.compress(message));
    put(compressed.is_some().into(), compressed.as_deref().unwrap_or(message), buffer);
    compressed.is_some()
}

/// The end of Connect's responses.
pub(super) fn end(json: &[u8]) -> Bytes {
    let mut buffer = BytesMut::new();
    put(END, json, &mut buffer);
    buffer.freeze()
}

fn put(flags: u8, bytes: &[u8], buffer: &mut BytesMut) {
    buffer.reserve(PREFIX + bytes.len());
    buffer.put_u8(flags);
    buffer.put_u32(bytes.len() as u32);
    buffer.put_slice(bytes);
}
