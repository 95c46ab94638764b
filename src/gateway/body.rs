use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::body::Body;

use super::calls::Call;
use super::front::Peer;
use crate::call::{Code, Metadata, Status};

/// A frame of a response, or why there is none.
pub(super) type Framed = Result<Frame<Bytes>, tonic::Status>;

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

/// The whole body of an answer. Its call ends once it was sent, or when nobody takes it.
pub(super) struct WithCall {
    body: Full<Bytes>,
    _call: Call,
}

impl WithCall {
    pub(super) fn new(body: Bytes, call: Call) -> Self {
        Self { body: Full::new(body), _call: call }
    }
}

impl HttpBody for WithCall {
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

/// The body of an HTTP/1.1 request. What its reader leaves of it is read and thrown away, within bounds: were the
/// connection closed under a client that still sends, it would not see the answer.
pub(super) struct Drained(Option<Incoming>);

impl Drained {
    const BYTES: usize = 4 << 20;
    const TIME: Duration = Duration::from_secs(5);

    pub(super) fn new(body: Incoming) -> Self {
        Self(Some(body))
    }
}

impl HttpBody for Drained {
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

impl Drop for Drained {
    fn drop(&mut self) {
        if let Some(body) = self.0.take().filter(|body| !body.is_end_stream()) {
            let mut rest = Limited::new(body, Self::BYTES);
            let drain = async move { while let Some(Ok(_)) = rest.frame().await {} };
            // At the end of the process there is nobody left to do it.
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async { tokio::time::timeout(Self::TIME, drain).await });
            }
        }
    }
}

/// A stream that would go on for ever, until the server shuts down.
pub(super) struct UntilShutdown {
    frames: Body,
    shutdown: Pin<Box<WaitForCancellationFutureOwned>>,
    ended: bool,
    _peer: Arc<Peer>,
}

impl UntilShutdown {
    pub(super) fn new(frames: Body, peer: Arc<Peer>, shutdown: WaitForCancellationFutureOwned) -> Self {
        Self { frames, shutdown: Box::pin(shutdown), ended: false, _peer: peer }
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
