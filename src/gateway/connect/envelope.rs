use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tonic::body::Body;

use super::super::compression::{Compression, too_large};
use super::super::messages::broken_off;
use crate::call::{Code, Status};

/// Flags, and four bytes of length.
const PREFIX: usize = 5;
const COMPRESSED: u8 = 1;
const END: u8 = 2;

/// The messages of a stream's requests.
pub(in super::super) struct Envelopes {
    body: Body,
    buffer: BytesMut,
    compression: Option<Compression>,
    limit: usize,
}

impl Envelopes {
    pub(super) fn new(body: Body, compression: Option<Compression>, limit: usize) -> Self {
        Self { body, buffer: BytesMut::new(), compression, limit }
    }

    /// The next message; none when the caller has sent all.
    ///
    /// # Cancellation
    /// No message is lost.
    pub(in super::super) async fn next(&mut self) -> Result<Option<Bytes>, Status> {
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
                None => {
                    let message = "the request ended in the middle of a message";
                    return Err(Status::new(Code::InvalidArgument, message));
                }
            }
        }
    }

    /// The next message, if it is there already.
    fn buffered(&mut self) -> Result<Option<Bytes>, Status> {
        let Some((&[flags, a, b, c, d], _)) = self.buffer.split_first_chunk::<PREFIX>() else { return Ok(None) };
        if flags & !COMPRESSED != 0 {
            let message = format!("a request message has the flags {flags:#010b}; only the lowest is known");
            return Err(Status::new(Code::InvalidArgument, message));
        }
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if length > self.limit {
            return Err(too_large(self.limit));
        }
        if self.buffer.len() - PREFIX < length {
            return Ok(None);
        }
        self.buffer.advance(PREFIX);
        let message = self.buffer.split_to(length).freeze();
        match (flags & COMPRESSED != 0, self.compression) {
            (false, _) => Ok(Some(message)),
            (true, Some(compression)) => compression.decompress(&message, self.limit).map(Some),
            (true, None) => {
                let message = "a request message is compressed, but connect-content-encoding does not say how";
                Err(Status::new(Code::Internal, message))
            }
        }
    }
}

/// Appends what ends the responses of a stream.
pub(super) fn end(json: &[u8]) -> Bytes {
    let mut buffer = BytesMut::with_capacity(PREFIX + json.len());
    buffer.put_u8(END);
    buffer.put_u32(u32::try_from(json.len()).unwrap_or(u32::MAX));
    buffer.put_slice(json);
    buffer.freeze()
}
