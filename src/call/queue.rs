//! A queue between two tasks, bounded in its items and in their bytes.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::Stream;

use crate::call::{BudgetExceeded, ByteBudget, ByteCharge};

/// The most items that wait in a queue.
pub(crate) const ITEMS: usize = 512;
/// The most bytes that wait in a queue. A larger item waits alone.
pub(crate) const BYTES: usize = 256 * 1024;

/// The bytes that an item takes besides its own.
const ITEM_BYTES: usize = 64;

/// The bytes in a queue that are not charged: the call is.
const FREE_BYTES: usize = 4 * 1024;
/// The bytes of which a queue charges a multiple, so that not every item does.
const CHARGE_STEP: usize = 64 * 1024;

/// Makes a queue and returns its two ends. Its bytes are charged to the budget, if there is one.
pub(crate) fn queue<T>(budget: Option<Arc<ByteBudget>>) -> (QueueSender<T>, QueueReceiver<T>) {
    let charge = QueueCharge { budget, charge: None, exceeded: None };
    let state = QueueState { items: VecDeque::new(), held: Held::default(), charge, ended: false, waiting: None };
    let queue = Arc::new(BoundedQueue(Mutex::new(state)));
    let receiver = QueueReceiver { queue: queue.clone(), taken: VecDeque::new() };
    (QueueSender { queue, last_size: 0 }, receiver)
}

#[derive(Debug)]
struct BoundedQueue<T>(Mutex<QueueState<T>>);

/// A number of items, and their bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    items: usize,
    bytes: usize,
}

impl Held {
    fn add(&mut self, size: usize) {
        self.items += 1;
        self.bytes += size;
    }
}

#[derive(Debug)]
struct QueueState<T> {
    items: VecDeque<(T, usize)>,
    /// The items that were sent and not read: those here, and those that the receiver has taken out.
    held: Held,
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
pub(crate) struct QueueSender<T> {
    queue: Arc<BoundedQueue<T>>,
    /// The size of the last item, in bytes.
    last_size: usize,
}

/// The end where items come out. Dropping it ends the queue and drops the items in it.
///
/// It takes out all items that are there at a time, and counts them as read one by one.
#[derive(Debug)]
pub(crate) struct QueueReceiver<T> {
    queue: Arc<BoundedQueue<T>>,
    /// The next items.
    taken: VecDeque<(T, usize)>,
}

impl<T> BoundedQueue<T> {
    fn lock(&self) -> MutexGuard<'_, QueueState<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> QueueState<T> {
    fn has_room(&self, size: usize) -> bool {
        self.held.items == 0 || (self.held.items < ITEMS && size <= BYTES.saturating_sub(self.held.bytes))
    }

    /// Whether there is enough room to wake a waiting sender: half of the queue, or both ends would take turns item by
    /// item.
    fn is_half_empty(&self) -> bool {
        self.held.items <= ITEMS / 2 && self.held.bytes <= BYTES / 2
    }

    /// Appends an item for which there is room. Without room for its charge, the queue ends.
    fn push(&mut self, item: T, size: usize) -> Result<(), StreamClosed> {
        let bytes = self.held.bytes + size;
        if let Err(exceeded) = self.charge.cover(bytes) {
            self.charge.exceeded = Some(exceeded);
            self.ended = true;
            return Err(StreamClosed);
        }
        self.items.push_back((item, size));
        self.held.add(size);
        Ok(())
    }

    /// Takes items that were read off the count. Returns the sender that waits for that.
    fn release(&mut self, read: Held) -> Option<Waker> {
        debug_assert!(read.items <= self.held.items && read.bytes <= self.held.bytes, "what is read was sent");
        self.held.items = self.held.items.saturating_sub(read.items);
        self.held.bytes = self.held.bytes.saturating_sub(read.bytes);
        if self.held.items == 0 {
            self.charge.charge = None;
        }
        if self.is_half_empty() { self.waiting.take() } else { None }
    }

    fn wait(&mut self, cx: &Context<'_>) {
        match &mut self.waiting {
            Some(waker) => waker.clone_from(cx.waker()),
            None => self.waiting = Some(cx.waker().clone()),
        }
    }
}

/// The outcome of sending an item without a wait.
#[derive(Debug)]
pub(crate) enum TrySend<T> {
    /// It is in the queue.
    Sent,
    /// There is no room for it.
    Full(T),
}

impl<T> QueueSender<T> {
    /// Waits until the queue has room for an item of `size` bytes, and appends it.
    ///
    /// # Cancellation
    /// The item is in the queue, or dropped.
    pub(crate) async fn send(&mut self, item: T, size: usize) -> Result<(), StreamClosed> {
        self.send_all(std::iter::once((item, size))).await
    }

    /// Waits until the queue has room for items, each with its size in bytes, and appends them in their order. Items that
    /// have room go at once, and leave together.
    ///
    /// # Cancellation
    /// Each item is in the queue, or dropped: those in the queue are the first ones.
    pub(crate) async fn send_all(&mut self, items: impl IntoIterator<Item = (T, usize)>) -> Result<(), StreamClosed> {
        let mut items = items.into_iter();
        let mut next = items.next();
        let last_size = &mut self.last_size;
        poll_fn(|cx| {
            let mut state = self.queue.lock();
            let mut sent = false;
            let polled = loop {
                let Some((item, size)) = next.take() else { break Poll::Ready(Ok(())) };
                if state.ended {
                    break Poll::Ready(Err(StreamClosed));
                }
                if !state.has_room(size + ITEM_BYTES) {
                    next = Some((item, size));
                    break Poll::Pending;
                }
                if let Err(closed) = state.push(item, size + ITEM_BYTES) {
                    sent = true;
                    break Poll::Ready(Err(closed));
                }
                (sent, *last_size) = (true, size);
                next = items.next();
            };
            let receiver = if sent { state.waiting.take() } else { None };
            if polled.is_pending() {
                state.wait(cx);
            }
            drop(state);
            receiver.into_iter().for_each(Waker::wake);
            polled
        })
        .await
    }

    /// Whether there is room for an item as large as the last one; for a small one, perhaps. Asked before an item is made.
    pub(crate) fn may_have_room(&self) -> bool {
        self.last_size <= FREE_BYTES || self.queue.lock().has_room(self.last_size + ITEM_BYTES)
    }

    /// Appends an item of `size` bytes if the queue has room for it.
    ///
    /// # Errors
    /// When the other end was dropped.
    pub(crate) fn try_send(&mut self, item: T, size: usize) -> Result<TrySend<T>, StreamClosed> {
        let mut state = self.queue.lock();
        if state.ended {
            return Err(StreamClosed);
        }
        if !state.has_room(size + ITEM_BYTES) {
            return Ok(TrySend::Full(item));
        }
        self.last_size = size;
        let pushed = state.push(item, size + ITEM_BYTES);
        let receiver = state.waiting.take();
        drop(state);
        receiver.into_iter().for_each(Waker::wake);
        pushed.map(|()| TrySend::Sent)
    }

    /// Returns the budget that had no room for an item, which has ended the queue.
    pub(crate) fn exceeded(&self) -> Option<BudgetExceeded> {
        self.queue.lock().charge.exceeded
    }
}

impl<T> QueueReceiver<T> {
    /// Returns the next item if there is one already.
    pub(crate) fn try_next(&mut self) -> Option<T> {
        if self.taken.is_empty() {
            let mut state = self.queue.lock();
            std::mem::swap(&mut self.taken, &mut state.items);
        }
        self.next_taken()
    }

    /// Returns the budget that had no room for an item, which has ended the queue.
    pub(crate) fn exceeded(&self) -> Option<BudgetExceeded> {
        self.queue.lock().charge.exceeded
    }

    /// Returns the next of the items that were taken out.
    fn next_taken(&mut self) -> Option<T> {
        let (item, size) = self.taken.pop_front()?;
        let sender = self.queue.lock().release(Held { items: 1, bytes: size });
        sender.into_iter().for_each(Waker::wake);
        Some(item)
    }
}

/// Ends when the queue is empty and the sender was dropped.
impl<T: Unpin> Stream for QueueReceiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = &mut *self;
        if this.taken.is_empty() {
            let mut state = this.queue.lock();
            std::mem::swap(&mut this.taken, &mut state.items);
            if this.taken.is_empty() && !state.ended {
                state.wait(cx);
                return Poll::Pending;
            }
        }
        Poll::Ready(this.next_taken())
    }
}

impl<T> Drop for QueueSender<T> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.ended = true;
        let waiting = state.waiting.take();
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl<T> Drop for QueueReceiver<T> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.ended = true;
        let (items, waiting) = (std::mem::take(&mut state.items), state.waiting.take());
        (state.held, state.charge.charge) = (Held::default(), None);
        drop(state);
        drop(items);
        waiting.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use futures_util::{StreamExt as _, poll};

    use super::*;

    #[tokio::test]
    async fn items_that_have_no_room_wait_until_others_are_read() {
        let (mut sender, mut receiver) = queue(None);
        {
            let mut sending = std::pin::pin!(sender.send_all((0..ITEMS * 2).map(|number| (number, 0))));
            for number in 0..ITEMS / 2 {
                assert!(poll!(&mut sending).is_pending());
                assert_eq!(receiver.next().await, Some(number));
            }
        }
        drop(sender);
        // The last turn had no room any more.
        assert_eq!(receiver.collect::<Vec<_>>().await, (ITEMS / 2..ITEMS + ITEMS / 2 - 1).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn an_item_that_is_not_waited_with_is_sent_while_there_is_room() {
        let (mut sender, mut receiver) = queue(None);
        let mut sent = 0;
        while let TrySend::Sent = sender.try_send(sent, BYTES / 8).unwrap() {
            assert!(sender.may_have_room() || sent == 6);
            sent += 1;
        }
        assert_eq!(sent, 7);
        assert!(!sender.may_have_room());
        for number in 0..sent {
            assert_eq!(receiver.try_next(), Some(number));
        }
        assert!(sender.may_have_room());
        assert!(matches!(sender.try_send(0, BYTES * 2), Ok(TrySend::Sent)));
        drop(receiver);
        assert_eq!(sender.try_send(1, 0).unwrap_err(), StreamClosed);
    }

    #[tokio::test]
    async fn items_count_until_they_are_read_one_by_one() {
        let budget = ByteBudget::of_process(1 << 20);
        let (mut sender, mut receiver) = queue(Some(budget.clone()));
        sender.send_all((0..3).map(|number| (number, 60 << 10))).await.unwrap();
        assert_eq!(receiver.next().await, Some(0));
        assert_eq!(budget.used(), 192 << 10);
        assert!(sender.try_send(3, 60 << 10).is_ok_and(|sent| matches!(sent, TrySend::Sent)));
        assert!(sender.try_send(4, 60 << 10).is_ok_and(|sent| matches!(sent, TrySend::Sent)));
        assert!(sender.try_send(5, 60 << 10).is_ok_and(|sent| matches!(sent, TrySend::Full(5))));
        while receiver.try_next().is_some() {}
        assert_eq!(budget.used(), 0);
    }
}
