//! Bodies of responses, and their frames.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Full;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::body::Body;

use crate::call::{Code, Metadata, Status};
use crate::gateway::call::in_flight::CallGuard;

/// A frame of a response, or the error that ends it.
pub(crate) type FrameResult = Result<Frame<Bytes>, tonic::Status>;

/// Makes the frame with the trailers of gRPC.
pub(crate) fn trailers_frame(outcome: Result<Metadata, Status>) -> FrameResult {
    let mut trailers = HeaderMap::new();
    match outcome {
        Ok(metadata) => {
            tonic::Status::ok("").add_header(&mut trailers)?;
            append_headers(&mut trailers, metadata.to_headers());
        }
        Err(status) => tonic::Status::from(status).add_header(&mut trailers)?,
    }
    Ok(Frame::trailers(trailers))
}

/// Appends headers; `HeaderMap::extend` would replace those of the same name.
pub(crate) fn append_headers(headers: &mut HeaderMap, more: HeaderMap) {
    let mut last = None;
    for (name, value) in more {
        last = name.or(last);
        // There is no room for more than 32,768, whatever they are.
        if let Some(name) = &last
            && headers.try_append(name, value).is_err()
        {
            break;
        }
    }
}

/// A body in parts of a size: what is done with a part, and what it takes, has a bound then.
pub(crate) struct PartedBody {
    body: Body,
    part_bytes: usize,
    /// The rest of the last frame of the body.
    rest: Bytes,
}

impl PartedBody {
    pub(crate) fn new(body: Body, part_bytes: usize) -> Self {
        Self { body, part_bytes, rest: Bytes::new() }
    }
}

impl HttpBody for PartedBody {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<FrameResult>> {
        if self.rest.is_empty() {
            let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => self.rest = data,
                Some(Ok(Err(frame))) => return Poll::Ready(Some(Ok(frame))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let length = self.rest.len().min(self.part_bytes);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (body, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower() + rest);
        if let Some(upper) = body.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

/// A whole response body that keeps its call in flight until it was sent or dropped.
pub(crate) struct GuardedBody {
    body: Full<Bytes>,
    _guard: CallGuard,
}

impl GuardedBody {
    /// # Errors
    /// RESOURCE_EXHAUSTED when a budget has no room for the body. The call is over then, and on the log.
    pub(crate) fn new(body: Bytes, mut guard: CallGuard) -> Result<Self, Status> {
        let body = guard.charge_response(body).inspect_err(|status| guard.set_outcome(Err(status)))?;
        Ok(Self { body: Full::new(body), _guard: guard })
    }
}

impl HttpBody for GuardedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an endless stream, which ends with UNAVAILABLE when the server shuts down.
pub(crate) struct ShutdownBody {
    frames: Body,
    shutdown: Pin<Box<WaitForCancellationFutureOwned>>,
    ended: bool,
    /// Counts the call, if it is one that lasts.
    _guard: Option<CallGuard>,
}

impl ShutdownBody {
    pub(crate) fn new(frames: Body, guard: Option<CallGuard>, shutdown: WaitForCancellationFutureOwned) -> Self {
        Self { frames, shutdown: Box::pin(shutdown), ended: false, _guard: guard }
    }
}

impl HttpBody for ShutdownBody {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<FrameResult>> {
        if self.ended {
            return Poll::Ready(None);
        }
        // Frames that are ready go first: a watcher of health must see NOT_SERVING before the end.
        let polled = Pin::new(&mut self.frames).poll_frame(cx);
        if polled.is_pending() && self.shutdown.as_mut().poll(cx).is_ready() {
            self.ended = true;
            let status = Status::new(Code::Unavailable, "the server is shutting down");
            return Poll::Ready(Some(trailers_frame(Err(status))));
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
