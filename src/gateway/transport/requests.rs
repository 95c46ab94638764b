//! Where the requests of an HTTP/2 connection run: in the task of their connection.
//!
//! A small call is over when its request was polled once, so that it needs no task, no queue and no other thread, and the answers
//! of requests that came together leave together. Requests whose work takes longer run in tasks of their own, beside each
//! other, and so do streams of many messages.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use hyper::rt::Executor;
use tokio::task::coop;

use crate::gateway::call::response_watch::run_while_taken;
use crate::gateway::peer::Peer;
use crate::gateway::transport::turns::is_turn_over;

/// A poll that takes longer is long: the requests beside it should not wait for it.
const LONG_POLL: Duration = Duration::from_micros(100);

/// The requests that begin in tasks of their own after a long poll.
const LONG_REQUESTS: u32 = 16;

/// The polls of a request in the task of its connection: a stream of messages gets a task of its own, or each message would be a
/// poll of the connection.
const MAX_POLLS: u32 = 1024;

/// The requests that HTTP has begun, and which were not polled yet.
#[derive(Clone)]
pub(crate) struct RequestQueue {
    begun: Arc<Mutex<Vec<BoxFuture<'static, ()>>>>,
    response_timeout: Duration,
}

impl RequestQueue {
    /// Makes a queue whose requests are reset when their client does not take the response for `response_timeout`.
    pub(crate) fn new(response_timeout: Duration) -> Self {
        Self { begun: Arc::default(), response_timeout }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<BoxFuture<'static, ()>>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F> Executor<F> for RequestQueue
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, request: F) {
        // A request that panics has no outcome: HTTP resets it. The other requests go on.
        let caught = AssertUnwindSafe(run_while_taken(self.response_timeout, request)).catch_unwind();
        let mut request: Option<BoxFuture<'static, ()>> = Some(Box::pin(async move { drop(caught.await) }));
        let mut polls = 0;
        let request = Box::pin(poll_fn(move |cx| {
            if is_turn_over() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            polls += 1;
            if polls > MAX_POLLS {
                request.take().map(tokio::spawn);
            }
            request.as_mut().map_or(Poll::Ready(()), |request| request.as_mut().poll(cx))
        }));
        self.lock().push(request);
    }
}

/// The requests of a connection.
pub(crate) struct ConnectionRequests {
    queue: RequestQueue,
    /// Those that were not polled yet.
    begun: VecDeque<BoxFuture<'static, ()>>,
    /// Those that wait for something.
    waiting: FuturesUnordered<BoxFuture<'static, ()>>,
    /// The number of requests that begin in tasks of their own from now on.
    long_requests: u32,
}

impl ConnectionRequests {
    pub(crate) fn new(queue: RequestQueue) -> Self {
        Self { queue, begun: VecDeque::new(), waiting: FuturesUnordered::new(), long_requests: 0 }
    }

    /// Drives a connection and its requests until the connection ends.
    ///
    /// # Cancellation
    /// The requests go on when it is called again.
    pub(crate) async fn drive<C: Future>(&mut self, peer: &Peer, mut connection: Pin<&mut C>) -> C::Output {
        let ended = poll_fn(|cx| {
            if self.begun.is_empty() {
                peer.begin_reading();
            }
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(ended);
            }
            // HTTP has read what was there, so that the bodies of small requests are there, too. Answers wake the connection.
            self.begun.extend(self.queue.lock().drain(..));
            self.poll_begun();
            while let Poll::Ready(Some(())) = self.waiting.poll_next_unpin(cx) {}
            if !self.begun.is_empty() {
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await;
        // Some of them may hold much, which takes a while to free.
        self.begun.clear();
        for request in std::mem::take(&mut self.waiting) {
            tokio::spawn(async { drop(request) });
        }
        ended
    }

    /// Polls the requests that were not polled yet, for the time of a turn.
    fn poll_begun(&mut self) {
        if self.begun.is_empty() {
            return;
        }
        let mut before = Instant::now();
        while !is_turn_over() && coop::has_budget_remaining() {
            let Some(mut request) = self.begun.pop_front() else { return };
            if let Some(left) = self.long_requests.checked_sub(1) {
                self.long_requests = left;
                tokio::spawn(request);
                continue;
            }
            // What waits is polled again, with a waker.
            if request.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
                self.waiting.push(request);
            }
            let now = Instant::now();
            if now - before > LONG_POLL {
                self.long_requests = LONG_REQUESTS;
            }
            before = now;
        }
    }
}
