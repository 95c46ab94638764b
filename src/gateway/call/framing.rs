//! Length-prefixed messages, as gRPC and the streams of Connect send them.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};
use tonic::body::Body;

use crate::call::{Code, Status};
use crate::gateway::call::body::FrameResult;
use crate::gateway::call::compression::{Compression, request_too_large};
use crate::gateway::call::encoder::WrittenMessage;
use crate::gateway::call::envelope::{EnvelopeError, PREFIX, take_envelope};
use crate::gateway::call::host_work::{AT_ONCE, do_host_work};
use crate::gateway::call::request_meter::RequestMeter;
use crate::gateway::call::request_reader::{message_too_slow, request_broken_off};

/// The flag of the last frame of Connect's responses.
const END_OF_STREAM: u8 = 2;

/// Reads the length-prefixed messages of a request.
pub(crate) struct FrameReader {
    body: Body,
    buffer: BytesMut,
    compression: Option<Compression>,
    limit: usize,
    meter: RequestMeter,
    /// How long a message may take from its first byte to its last.
    message_timeout: Duration,
    /// When the message in the buffer must be complete.
    until: Option<Instant>,
}

impl FrameReader {
    pub(crate) fn new(
        body: Body,
        compression: Option<Compression>,
        limit: usize,
        message_timeout: Duration,
        meter: RequestMeter,
    ) -> Self {
        Self { body, buffer: BytesMut::new(), compression, limit, meter, message_timeout, until: None }
    }

    /// Waits for the next message; `None` when the client has sent all of them.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED for a message over the limit or without room for it, CANCELLED for a request that broke off,
    /// DEADLINE_EXCEEDED for a message that does not come to its end in time, INTERNAL for a request that is not made of
    /// messages.
    ///
    /// # Cancellation
    /// No message is lost.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            if let Some((message, is_compressed)) = self.take_buffered()? {
                self.until = None;
                return self.unpack(message, is_compressed).await.map(Some);
            }
            match self.next_frame().await? {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.meter.set_buffered(self.buffer.len() + data.len())?;
                        self.buffer.put(data);
                    }
                }
                Some(Err(error)) => return Err(request_broken_off(error.message())),
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(Status::new(Code::Internal, "the request ended in the middle of a message")),
            }
        }
    }

    /// Waits for the next frame of the body, for as long as the rest of a message may take.
    async fn next_frame(&mut self) -> Result<Option<FrameResult>, Status> {
        // Most frames are there already, and need no timer.
        let ready = self.body.frame().now_or_never();
        if let Some(frame) = ready {
            return Ok(frame);
        }
        if self.buffer.is_empty() {
            return Ok(self.body.frame().await);
        }
        let until = *self.until.get_or_insert_with(|| Instant::now() + self.message_timeout);
        timeout_at(until, self.body.frame()).await.map_err(|_| message_too_slow(self.message_timeout))
    }

    /// Takes the next message out of the buffer if all of it is there. Returns whether it is compressed, too.
    fn take_buffered(&mut self) -> Result<Option<(Bytes, bool)>, Status> {
        let taken = take_envelope(&mut self.buffer, self.limit).map_err(|error| match error {
            EnvelopeError::TooLarge => request_too_large(self.limit),
            EnvelopeError::Flags(flags) => {
                let message = "a request message has the flags";
                Status::new(Code::Internal, format!("{message} {flags:#010b}, of which only the lowest is known"))
            }
        })?;
        Ok(taken.map(|(message, is_compressed)| (self.meter.take_message(message, self.buffer.len()), is_compressed)))
    }

    async fn unpack(&mut self, message: Bytes, is_compressed: bool) -> Result<Bytes, Status> {
        match (is_compressed, self.compression) {
            (false, _) => Ok(message),
            (true, Some(compression)) => compression.decompress(message, self.limit, &self.meter).await,
            (true, None) => {
                let message = "a request message is compressed, but the headers do not say how";
                Err(Status::new(Code::Internal, message))
            }
        }
    }
}

/// Appends a message of less than 4 GiB.
pub(crate) fn put_message(message: &WrittenMessage, buffer: &mut BytesMut) {
    put_frame(message.is_compressed.into(), &message.bytes, buffer);
}

/// A message with its length before it.
pub(crate) struct FramedMessage {
    /// The beginning of a large message, which is not copied; `None` when the bytes have it.
    pub(crate) prefix: Option<Bytes>,
    pub(crate) bytes: Bytes,
    pub(crate) is_compressed: bool,
}

/// Makes the frame of a message, compressed if that makes it smaller.
pub(crate) async fn frame_message(message: Bytes, compression: Option<Compression>) -> FramedMessage {
    let bytes = compression.map_or(0, |_| message.len());
    let message = do_host_work(bytes, move || WrittenMessage::new(message, compression)).await;
    let (mut buffer, is_compressed) = (BytesMut::new(), message.is_compressed);
    if message.bytes.len() <= AT_ONCE {
        put_message(&message, &mut buffer);
        return FramedMessage { prefix: None, bytes: buffer.freeze(), is_compressed };
    }
    put_prefix(is_compressed.into(), message.bytes.len(), &mut buffer);
    FramedMessage { prefix: Some(buffer.freeze()), bytes: message.bytes, is_compressed }
}

/// Makes the last frame of Connect's responses.
pub(crate) fn end_frame(json: &[u8]) -> Bytes {
    let mut buffer = BytesMut::new();
    put_frame(END_OF_STREAM, json, &mut buffer);
    buffer.freeze()
}

fn put_frame(flags: u8, bytes: &[u8], buffer: &mut BytesMut) {
    buffer.reserve(PREFIX + bytes.len());
    put_prefix(flags, bytes.len(), buffer);
    buffer.put_slice(bytes);
}

fn put_prefix(flags: u8, length: usize, buffer: &mut BytesMut) {
    buffer.put_u8(flags);
    buffer.put_u32(length as u32);
}
