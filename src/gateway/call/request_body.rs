//! Bodies of requests.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use tokio::task::coop;

use crate::gateway::peer::UnreadBytes;

/// The body of an HTTP/2 request, which counts what is read of it. A reader has a turn of 128 parts: they may be of one byte
/// each, and the whole window full of them.
pub(crate) struct MeteredBody {
    body: Incoming,
    /// `None` for a body without content.
    unread: Option<Arc<UnreadBytes>>,
}

impl MeteredBody {
    /// The most parts that are counted when the reader leaves them.
    const LEFT_PARTS: usize = 1_000;

    pub(crate) fn new(body: Incoming, unread: Arc<UnreadBytes>) -> Self {
        let unread = (!body.is_end_stream()).then_some(unread);
        if let Some(unread) = &unread {
            unread.begin_body();
        }
        Self { body, unread }
    }

    fn count(&self, frame: &Frame<Bytes>) {
        if let (Some(unread), Some(data)) = (&self.unread, frame.data_ref()) {
            unread.read_part(data.len());
        }
    }
}

impl HttpBody for MeteredBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let turn = ready!(coop::poll_proceed(cx));
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        turn.made_progress();
        if let Some(Ok(frame)) = &frame {
            self.count(frame);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for MeteredBody {
    fn drop(&mut self) {
        if self.unread.is_none() {
            return;
        }
        for _ in 0..Self::LEFT_PARTS {
            if self.body.is_end_stream() {
                break;
            }
            let Some(Some(Ok(frame))) = self.body.frame().now_or_never() else { break };
            self.count(&frame);
        }
        if let Some(unread) = &self.unread {
            unread.end_body();
        }
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
