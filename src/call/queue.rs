//! A queue between two tasks, bounded in its items and in their bytes.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::Stream;

/// Items that wait in a queue at most.
pub(super) const ITEMS: usize = 64;
/// Bytes that wait in a queue at most. A larger item waits alone.
pub(super) const BYTES: usize = 256 * 1024;

/// A queue: where items go in, and where they come out.
pub(super) fn queue<T>() -> (Sender<T>, Receiver<T>) {
    let state = State { items: VecDeque::new(), bytes: 0, ended: false, waiting: None };
    let queue = Arc::new(Queue(Mutex::new(state)));
    (Sender(queue.clone()), Receiver(queue))
}

#[derive(Debug)]
struct Queue<T>(Mutex<State<T>>);

#[derive(Debug)]
struct State<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    /// One of the two sides has gone.
    ended: bool,
    /// The side that waits: the one for items, or the other for room. Never both, for a queue is not empty and full at
    /// the same time.
    waiting: Option<Waker>,
}

/// Nobody reads the stream any more: the other side has gone, or has all it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody reads this stream any more")]
pub struct Gone;

/// Where items go in. Dropped, it ends the queue.
#[derive(Debug)]
pub(super) struct Sender<T>(Arc<Queue<T>>);

/// Where items come out. Dropped, it ends the queue and drops what is in it.
#[derive(Debug)]
pub(super) struct Receiver<T>(Arc<Queue<T>>);

impl<T> Queue<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn has_room(&self, size: usize) -> bool {
        self.items.is_empty() || (self.items.len() < ITEMS && size <= BYTES.saturating_sub(self.bytes))
    }

    /// Whether who waits for room is to go on: not at the first of it, or both sides would take turns with each item.
    fn is_half_empty(&self) -> bool {
        self.items.len() <= ITEMS / 2 && self.bytes <= BYTES / 2
    }

    fn wait(&mut self, cx: &Context<'_>) {
        match &mut self.waiting {
            Some(waker) => waker.clone_from(cx.waker()),
            None => self.waiting = Some(cx.waker().clone()),
        }
    }
}

impl<T> Sender<T> {
    /// Waits for room for an item of this size, in bytes, and puts it there.
    ///
    /// # Cancellation
    /// The item is in the queue, or dropped.
    pub(super) async fn send(&mut self, item: T, size: usize) -> Result<(), Gone> {
        let mut item = Some(item);
        poll_fn(|cx| {
            let mut state = self.0.lock();
            if state.ended {
                return Poll::Ready(Err(Gone));
            }
            if !state.has_room(size) {
                state.wait(cx);
                return Poll::Pending;
            }
            state.items.extend(item.take().map(|item| (item, size)));
            state.bytes += size;
            let waiting = state.waiting.take();
            drop(state);
            waiting.into_iter().for_each(Waker::wake);
            Poll::Ready(Ok(()))
        })
        .await
    }
}

impl<T> Receiver<T> {
    /// The next item, if it is there already.
    pub(super) fn try_next(&mut self) -> Option<T> {
        let popped = Self::pop(&mut self.0.lock());
        Self::hand_over(popped)
    }

    /// The next item, and who is to be woken for it.
    fn pop(state: &mut State<T>) -> Option<(T, Option<Waker>)> {
        let (item, size) = state.items.pop_front()?;
        state.bytes -= size;
        let waiting = if state.is_half_empty() { state.waiting.take() } else { None };
        Some((item, waiting))
    }

    /// Wakes outside of the lock.
    fn hand_over(popped: Option<(T, Option<Waker>)>) -> Option<T> {
        let (item, waiting) = popped?;
        waiting.into_iter().for_each(Waker::wake);
        Some(item)
    }
}

/// The items; no more when the sender has gone.
impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.0.lock();
        match Self::pop(&mut state) {
            None if !state.ended => {
                state.wait(cx);
                Poll::Pending
            }
            popped => {
                drop(state);
                Poll::Ready(Self::hand_over(popped))
            }
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.ended = true;
        let waiting = state.waiting.take();
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.ended = true;
        let (items, waiting) = (std::mem::take(&mut state.items), state.waiting.take());
        drop(state);
        drop(items);
        waiting.into_iter().for_each(Waker::wake);
    }
}
