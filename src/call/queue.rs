//! A queue between two tasks, bounded in its items and in their bytes.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::Stream;

use crate::call::{BudgetExceeded, ByteBudget, ByteCharge};

/// The most items that wait in a queue.
pub(crate) const ITEMS: usize = 64;
/// The most bytes that wait in a queue. A larger item waits alone.
pub(crate) const BYTES: usize = 256 * 1024;

/// The bytes in a queue that are not charged: the call is.
const FREE_BYTES: usize = 4 * 1024;
/// The bytes of which a queue charges a multiple, so that not every item does.
const CHARGE_STEP: usize = 64 * 1024;

/// Makes a queue and returns its two ends. Its bytes are charged to the budget, if there is one.
pub(crate) fn queue<T>(budget: Option<Arc<ByteBudget>>) -> (QueueSender<T>, QueueReceiver<T>) {
    let charge = QueueCharge { budget, charge: None, exceeded: None };
    let state = QueueState { items: VecDeque::new(), bytes: 0, charge, ended: false, waiting: None };
    let queue = Arc::new(BoundedQueue(Mutex::new(state)));
    (QueueSender(queue.clone()), QueueReceiver(queue))
}

#[derive(Debug)]
struct BoundedQueue<T>(Mutex<QueueState<T>>);

#[derive(Debug)]
struct QueueState<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    charge: QueueCharge,
    /// One of the two ends was dropped.
    ended: bool,
    /// The end that waits: the receiver for items, or the sender for room. Never both, because a queue is not empty and
    /// full at the same time.
    waiting: Option<Waker>,
}

/// The charge of the bytes in a queue.
#[derive(Debug)]
struct QueueCharge {
    budget: Option<Arc<ByteBudget>>,
    charge: Option<ByteCharge>,
    /// The budget that had no room for an item, which has ended the queue.
    exceeded: Option<BudgetExceeded>,
}

impl QueueCharge {
    /// Charges the bytes in the queue.
    fn cover(&mut self, bytes: usize) -> Result<(), BudgetExceeded> {
        let charged = self.charge.as_ref().map_or(FREE_BYTES as u64, ByteCharge::bytes);
        let Some(budget) = self.budget.as_ref().filter(|_| bytes as u64 > charged) else { return Ok(()) };
        let wanted = bytes.next_multiple_of(CHARGE_STEP) as u64;
        match &mut self.charge {
            Some(charge) => charge.set(wanted)?,
            None => self.charge = Some(budget.charge(wanted)?),
        }
        Ok(())
    }
}

/// The other end of a stream was dropped: its reader has gone, or has read all it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the other side no longer reads this stream")]
pub struct StreamClosed;

/// The end where items go in. Dropping it ends the queue.
#[derive(Debug)]
pub(crate) struct QueueSender<T>(Arc<BoundedQueue<T>>);

/// The end where items come out. Dropping it ends the queue and drops the items in it.
#[derive(Debug)]
pub(crate) struct QueueReceiver<T>(Arc<BoundedQueue<T>>);

impl<T> BoundedQueue<T> {
    fn lock(&self) -> MutexGuard<'_, QueueState<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> QueueState<T> {
    fn has_room(&self, size: usize) -> bool {
        self.items.is_empty() || (self.items.len() < ITEMS && size <= BYTES.saturating_sub(self.bytes))
    }

    /// Whether there is enough room to wake a waiting sender: half of the queue, or both ends would take turns item by
    /// item.
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

impl<T> QueueSender<T> {
    /// Waits until the queue has room for an item of `size` bytes, and appends it.
    ///
    /// # Cancellation
    /// The item is in the queue, or dropped.
    pub(crate) async fn send(&mut self, item: T, size: usize) -> Result<(), StreamClosed> {
        let mut item = Some(item);
        poll_fn(|cx| {
            let mut state = self.0.lock();
            if state.ended {
                return Poll::Ready(Err(StreamClosed));
            }
            if !state.has_room(size) {
                state.wait(cx);
                return Poll::Pending;
            }
            let bytes = state.bytes + size;
            let charged = state.charge.cover(bytes);
            match charged {
                Ok(()) => {
                    state.items.extend(item.take().map(|item| (item, size)));
                    state.bytes = bytes;
                }
                Err(exceeded) => {
                    state.charge.exceeded = Some(exceeded);
                    state.ended = true;
                }
            }
            let waiting = state.waiting.take();
            drop(state);
            waiting.into_iter().for_each(Waker::wake);
            Poll::Ready(charged.map_err(|_| StreamClosed))
        })
        .await
    }
}

impl<T> QueueSender<T> {
    /// Returns the budget that had no room for an item, which has ended the queue.
    pub(crate) fn exceeded(&self) -> Option<BudgetExceeded> {
        self.0.lock().charge.exceeded
    }
}

impl<T> QueueReceiver<T> {
    /// Returns the next item if there is one already.
    pub(crate) fn try_next(&mut self) -> Option<T> {
        let popped = Self::pop(&mut self.0.lock());
        Self::wake_sender(popped)
    }

    /// Returns the budget that had no room for an item, which has ended the queue.
    pub(crate) fn exceeded(&self) -> Option<BudgetExceeded> {
        self.0.lock().charge.exceeded
    }

    /// Removes the next item, with the sender that its room wakes.
    fn pop(state: &mut QueueState<T>) -> Option<(T, Option<Waker>)> {
        let (item, size) = state.items.pop_front()?;
        state.bytes -= size;
        if state.bytes == 0 {
            state.charge.charge = None;
        }
        let waiting = if state.is_half_empty() { state.waiting.take() } else { None };
        Some((item, waiting))
    }

    /// Wakes the sender, outside of the lock.
    fn wake_sender(popped: Option<(T, Option<Waker>)>) -> Option<T> {
        let (item, waiting) = popped?;
        waiting.into_iter().for_each(Waker::wake);
        Some(item)
    }
}

/// Ends when the queue is empty and the sender was dropped.
impl<T> Stream for QueueReceiver<T> {
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
                Poll::Ready(Self::wake_sender(popped))
            }
        }
    }
}

impl<T> Drop for QueueSender<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.ended = true;
        let waiting = state.waiting.take();
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl<T> Drop for QueueReceiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.ended = true;
        let (items, waiting) = (std::mem::take(&mut state.items), state.waiting.take());
        (state.bytes, state.charge.charge) = (0, None);
        drop(state);
        drop(items);
        waiting.into_iter().for_each(Waker::wake);
    }
}
