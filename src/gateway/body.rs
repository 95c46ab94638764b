use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::body::Body;

use super::calls::Call;
use crate::call::{Code, Status};

type PolledFrame = Poll<Option<Result<Frame<Bytes>, tonic::Status>>>;

/// An answer of ours: gRPC's frames, the handler's trailers, and the call itself, which ends with the last frame.
pub(super) struct Answer {
    pub(super) frames: Body,
    pub(super) trailers: HeaderMap,
    pub(super) _call: Call,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> PolledFrame {
        let polled = Pin::new(&mut self.frames).poll_frame(cx);
        match polled {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(match frame.into_trailers() {
                Ok(mut trailers) => {
                    extend(&mut trailers, std::mem::take(&mut self.trailers));
                    Frame::trailers(trailers)
                }
                Err(frame) => frame,
            }))),
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.frames.size_hint()
    }
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

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> PolledFrame {
        if self.ended {
            return Poll::Ready(None);
        }
        // What is ready goes first: a watcher of health must see NOT_SERVING before the end.
        let polled = Pin::new(&mut self.frames).poll_frame(cx);
        if polled.is_pending() && self.shutdown.as_mut().poll(cx).is_ready() {
            self.ended = true;
            let mut trailers = HeaderMap::new();
            let status = Status::new(Code::Unavailable, "the server is shutting down");
            return Poll::Ready(Some(
                tonic::Status::from(status).add_header(&mut trailers).map(|()| Frame::trailers(trailers)),
            ));
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
