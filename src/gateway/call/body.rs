//! Bodies of requests and responses, and the frames of responses.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
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
        if let Some(name) = &last {
            headers.append(name, value);
        }
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

/// The body of an HTTP/1.1 request. What its reader leaves is read and discarded, up to 4 MiB and for 5 s: a client that
/// still sends when its connection is closed would not see the response.
pub(crate) struct DrainOnDrop(Option<Incoming>);

impl DrainOnDrop {
    const BYTES: usize = 4 << 20;
    const TIME: Duration = Duration::from_secs(5);

    pub(crate) fn new(body: Incoming) -> Self {
        Self(Some(body))
    }
}

impl HttpBody for DrainOnDrop {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.0 {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(SizeHint::default, HttpBody::size_hint)
    }
}

impl Drop for DrainOnDrop {
    fn drop(&mut self) {
        if let Some(body) = self.0.take().filter(|body| !body.is_end_stream()) {
            let mut rest = Limited::new(body, Self::BYTES);
            let drain = async move { while let Some(Ok(_)) = rest.frame().await {} };
            // At the end of the process there is no runtime left.
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async { tokio::time::timeout(Self::TIME, drain).await });
            }
        }
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
