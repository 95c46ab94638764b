use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut as _, Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::body::Body;

use crate::call::{Code, Metadata, Status};

/// Shorter messages are sent as they are: setting gzip up costs more than it saves.
const COMPRESS_FROM: usize = 1 << 10;

/// A frame of a response, or why there is none.
pub(super) type Framed = Result<Frame<Bytes>, tonic::Status>;

/// Appends a message as it goes over the wire: whether it is compressed, its size, itself. It has less than 4 GiB.
///
/// With `gzip` it is compressed if that makes it smaller. Returns whether it was.
pub(super) fn encode(message: &[u8], gzip: bool, buffer: &mut BytesMut) -> bool {
    let compressed = if gzip && message.len() >= COMPRESS_FROM { compress(message) } else { None };
    let bytes = compressed.as_deref().unwrap_or(message);
    buffer.reserve(5 + bytes.len());
    buffer.put_u8(compressed.is_some().into());
    buffer.put_u32(bytes.len() as u32);
    buffer.put_slice(bytes);
    compressed.is_some()
}

fn compress(message: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(message).ok()?;
    encoder.finish().ok().filter(|compressed| compressed.len() < message.len())
}

/// The frame at the end of a response.
pub(super) fn trailers(outcome: Result<Metadata, Status>) -> Framed {
    let mut trailers = HeaderMap::new();
    match outcome {
        Ok(metadata) => {
            tonic::Status::ok("").add_header(&mut trailers)?;
            extend(&mut trailers, metadata.to_headers());
        }
        Err(status) => tonic::Status::from(status).add_header(&mut trailers)?,
    }
    Ok(Frame::trailers(trailers))
}

/// Adds `more`; `HeaderMap::extend` would replace what is there under the same name.
pub(super) fn extend(headers: &mut HeaderMap, more: HeaderMap) {
    let mut last = None;
    for (name, value) in more {
        last = name.or(last);
        if let Some(name) = &last {
            headers.append(name, value);
        }
    }
}

/// A stream that would go on for ever, until the server shuts down.
pub(super) struct UntilShutdown {
    frames: Body,
    shutdown: Pin<Box<WaitForCancellationFutureOwned>>,
    ended: bool,
}

impl UntilShutdown {
    pub(super) fn new(frames: Body, shutdown: WaitForCancellationFutureOwned) -> Self {
        Self { frames, shutdown: Box::pin(shutdown), ended: false }
    }
}

impl HttpBody for UntilShutdown {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Framed>> {
        if self.ended {
            return Poll::Ready(None);
        }
        // What is ready goes first: a watcher of health must see NOT_SERVING before the end.
        let polled = Pin::new(&mut self.frames).poll_frame(cx);
        if polled.is_pending() && self.shutdown.as_mut().poll(cx).is_ready() {
            self.ended = true;
            let status = Status::new(Code::Unavailable, "the server is shutting down");
            return Poll::Ready(Some(trailers(Err(status))));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.frames.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.frames.size_hint()
    }
}
