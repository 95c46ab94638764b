//! Responses that their client does not take: HTTP asks for the parts of a body when the client has room for them, and a
//! client may never have.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, SizeHint};
use tokio::time::{Sleep, sleep};
use tonic::body::Body;

use crate::gateway::call::body::{FrameResult, PartedBody};

/// The most bytes of a body that are handed to HTTP at once. A client makes room for that many within the timeout.
const PART_BYTES: usize = 64 << 10;

tokio::task_local! {
    /// The response of the task.
    static WATCH: ResponseWatch;
}

/// How far the response of a task has come.
#[derive(Default)]
struct ResponseWatch {
    /// The parts that HTTP has asked for.
    parts: Cell<u64>,
    /// Whether the last of them waits for the client, as far as the body knows.
    waits: Cell<bool>,
}

/// Runs the task of a response, or of a connection whose responses follow each other. Returns `None` when a response has
/// made no progress for `timeout` because its client does not take it.
pub(crate) async fn run_while_taken<F: Future>(timeout: Duration, task: F) -> Option<F::Output> {
    WATCH
        .scope(ResponseWatch::default(), async move {
            let mut task = pin!(task);
            let mut timer: Pin<&mut Option<Sleep>> = pin!(None);
            let mut parts_before = 0;
            poll_fn(|cx| {
                if let Poll::Ready(output) = task.as_mut().poll(cx) {
                    return Poll::Ready(Some(output));
                }
                let (parts, waits) = WATCH.with(|watch| (watch.parts.get(), watch.waits.get()));
                if !waits {
                    timer.set(None);
                    return Poll::Pending;
                }
                loop {
                    match timer.as_mut().as_pin_mut().map(|timer| timer.poll(cx)) {
                        Some(Poll::Pending) => return Poll::Pending,
                        Some(Poll::Ready(())) if parts == parts_before => return Poll::Ready(None),
                        _ => {}
                    }
                    parts_before = parts;
                    timer.set(Some(sleep(timeout)));
                }
            })
            .await
        })
        .await
}

/// The body of a response, in parts of at most 64 KiB, whose progress the task of the response watches.
pub(crate) struct WatchedBody(PartedBody);

impl WatchedBody {
    pub(crate) fn new(body: Body) -> Self {
        Self(PartedBody::new(body, PART_BYTES))
    }
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<FrameResult>> {
        let polled = Pin::new(&mut self.0).poll_frame(cx);
        // Without a watch the connection is closing.
        let _ = WATCH.try_with(|watch| {
            watch.parts.set(watch.parts.get().wrapping_add(1));
            watch.waits.set(polled.is_ready());
        });
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        let _ = WATCH.try_with(|watch| watch.waits.set(false));
    }
}
