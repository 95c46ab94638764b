//! Length-prefixed messages, as gRPC and the streams of Connect send them.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tonic::body::Body;

use crate::call::{Code, Status};
use crate::gateway::call::compression::{Compression, request_too_large};
use crate::gateway::call::request_reader::request_broken_off;

/// One byte of flags and four bytes of length.
const PREFIX: usize = 5;
const COMPRESSED: u8 = 1;
/// The flag of the last frame of Connect's responses.
const END_OF_STREAM: u8 = 2;

/// Reads the length-prefixed messages of a request.
pub(crate) struct FrameReader {
    body: Body,
    buffer: BytesMut,
    compression: Option<Compression>,
    limit: usize,
}

impl FrameReader {
    pub(crate) fn new(body: Body, compression: Option<Compression>, limit: usize) -> Self {
        Self { body, buffer: BytesMut::new(), compression, limit }
    }

    /// Waits for the next message; `None` when the client has sent all of them.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED for a message over the limit, CANCELLED for a request that broke off, INTERNAL for one that is
    /// not made of messages.
    ///
    /// # Cancellation
    /// No message is lost.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            if let Some(message) = self.take_buffered()? {
                return Ok(Some(message));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.put(data);
                    }
                }
                Some(Err(error)) => return Err(request_broken_off(error.message())),
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(Status::new(Code::Internal, "the request ended in the middle of a message")),
            }
        }
    }

    /// Takes the next message out of the buffer if all of it is there.
    fn take_buffered(&mut self) -> Result<Option<Bytes>, Status> {
        let Some((&[flags, a, b, c, d], rest)) = self.buffer.split_first_chunk::<PREFIX>() else { return Ok(None) };
        if flags & !COMPRESSED != 0 {
            let message = format!("a request message has the flags {flags:#010b}, of which only the lowest is known");
            return Err(Status::new(Code::Internal, message));
        }
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if length > self.limit {
            return Err(request_too_large(self.limit));
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

/// Appends a message of less than 4 GiB, compressed if that makes it smaller. Returns whether it was compressed.
pub(crate) fn put_message(message: &[u8], compression: Option<Compression>, buffer: &mut BytesMut) -> bool {
    let compressed = compression.and_then(|compression| compression.compress(message));
    put_frame(compressed.is_some().into(), compressed.as_deref().unwrap_or(message), buffer);
    compressed.is_some()
}

/// Makes the last frame of Connect's responses.
pub(crate) fn end_frame(json: &[u8]) -> Bytes {
    let mut buffer = BytesMut::new();
    put_frame(END_OF_STREAM, json, &mut buffer);
    buffer.freeze()
}

fn put_frame(flags: u8, bytes: &[u8], buffer: &mut BytesMut) {
    buffer.reserve(PREFIX + bytes.len());
    buffer.put_u8(flags);
    buffer.put_u32(bytes.len() as u32);
    buffer.put_slice(bytes);
}
