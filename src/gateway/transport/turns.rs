//! The turns of connections: which of them works next while all processors are at work.
//!
//! tokio runs tasks in the order in which they are woken, so one connection would wait for a turn of each other one. Here
//! the connection that has worked least goes first, as in the
//! [scheduler of Linux](https://docs.kernel.org/scheduler/sched-design-CFS.html): tokio is handed few connections at a time,
//! and the others wait here.

use std::cell::Cell;
use std::cmp::Ordering as Order;
use std::collections::BinaryHeap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use tokio::runtime::Handle;
use tokio::task::coop;

/// How long a connection works in a turn if others wait. The piece of work in which that time passes is done to its end.
const TURN: Duration = Duration::from_micros(200);

/// How much less than those at work a connection has worked at most: what it has not used before is forgotten.
const CREDIT: u64 = 1_000_000;

thread_local! {
    /// When the turn that this thread runs began.
    static TURN_BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Marks that this thread runs a turn, until it is dropped, also when the work panics.
struct RunningTurn;

impl RunningTurn {
    fn begin(began: Instant) -> Self {
        TURN_BEGAN.set(Some(began));
        Self
    }
}

impl Drop for RunningTurn {
    fn drop(&mut self) {
        TURN_BEGAN.set(None);
    }
}

/// Whether this thread runs a turn whose time is over: what can go on later should.
pub(crate) fn is_turn_over() -> bool {
    TURN_BEGAN.get().is_some_and(|began| began.elapsed() >= TURN)
}

/// The turns of all connections.
#[derive(Debug)]
pub(crate) struct Turns(Mutex<TurnQueue>);

#[derive(Debug)]
struct TurnQueue {
    /// The connections that have a turn, and the most that may: tokio runs as many as it has threads, and finds the next ones at
    /// once.
    with_turn: usize,
    limit: usize,
    /// The nanoseconds that the connection which had a turn last had worked before.
    worked: u64,
    waiting: BinaryHeap<Waiting>,
    /// The number of the next one that waits.
    next: u64,
}

/// A connection that waits for its turn.
#[derive(Debug)]
struct Waiting {
    worked: u64,
    number: u64,
    account: Arc<Account>,
}

impl Ord for Waiting {
    /// The greatest is the next: the one that has worked least.
    fn cmp(&self, other: &Self) -> Order {
        (other.worked, other.number).cmp(&(self.worked, self.number))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Order> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}

/// Nothing is to be done.
const IDLE: u8 = 0;
/// It is to work, and waits for a turn.
const WAITING: u8 = 1;
/// It has a turn, and tokio is to run it.
const GRANTED: u8 = 2;
const WORKING: u8 = 3;
/// It was woken while it worked.
const WOKEN: u8 = 4;
const OVER: u8 = 5;

/// The work of a connection so far, and its state.
#[derive(Debug)]
struct Account {
    turns: Arc<Turns>,
    state: AtomicU8,
    /// Nanoseconds.
    worked: AtomicU64,
    /// The task of the connection.
    task: AtomicWaker,
}

impl Turns {
    /// Makes the turns of the connections of the current runtime.
    pub(crate) fn new() -> Arc<Self> {
        let threads = Handle::try_current().map_or(1, |runtime| runtime.metrics().num_workers());
        Self::with_limit(threads * 2)
    }

    fn with_limit(limit: usize) -> Arc<Self> {
        let queue = TurnQueue { with_turn: 0, limit, worked: 0, waiting: BinaryHeap::new(), next: 0 };
        Arc::new(Self(Mutex::new(queue)))
    }

    fn lock(&self) -> MutexGuard<'_, TurnQueue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TurnQueue {
    /// Lets a connection wait, and returns the one that has a turn now.
    fn wait(&mut self, account: &Arc<Account>) -> Option<Arc<Account>> {
        let worked = account.worked.load(Ordering::Relaxed).max(self.worked.saturating_sub(CREDIT));
        account.worked.store(worked, Ordering::Relaxed);
        if self.with_turn < self.limit && self.waiting.is_empty() {
            return self.grant(account.clone());
        }
        self.waiting.push(Waiting { worked, number: self.next, account: account.clone() });
        self.next += 1;
        self.grant_next()
    }

    fn end_turn(&mut self) {
        debug_assert!(self.with_turn > 0, "a turn that ends was granted");
        self.with_turn = self.with_turn.saturating_sub(1);
    }

    fn grant_next(&mut self) -> Option<Arc<Account>> {
        while self.with_turn < self.limit {
            let next = self.waiting.pop()?;
            if let Some(account) = self.grant(next.account) {
                return Some(account);
            }
        }
        None
    }

    /// Grants a turn to a connection, unless it has ended.
    fn grant(&mut self, account: Arc<Account>) -> Option<Arc<Account>> {
        account.state.compare_exchange(WAITING, GRANTED, Ordering::AcqRel, Ordering::Relaxed).ok()?;
        self.with_turn += 1;
        self.worked = self.worked.max(account.worked.load(Ordering::Relaxed));
        Some(account)
    }
}

impl Account {
    /// Lets tokio run the connections that have a turn.
    fn run(granted: Option<Arc<Self>>) {
        if let Some(account) = granted {
            account.task.wake();
        }
    }

    /// Ends a turn after which the connection is to go on, or not.
    fn end_turn(self: &Arc<Self>, worked: Duration) {
        let nanoseconds = u64::try_from(worked.as_nanos()).unwrap_or(u64::MAX);
        let before = self.worked.load(Ordering::Relaxed);
        self.worked.store(before.saturating_add(nanoseconds), Ordering::Relaxed);
        let goes_on = self.state.compare_exchange(WORKING, IDLE, Ordering::AcqRel, Ordering::Acquire).is_err();
        if goes_on {
            self.state.store(WAITING, Ordering::Release);
        }
        let mut queue = self.turns.lock();
        queue.end_turn();
        let granted = if goes_on { queue.wait(self) } else { queue.grant_next() };
        drop(queue);
        Self::run(granted);
    }
}

impl Wake for Account {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let woken = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| match state {
            IDLE => Some(WAITING),
            WORKING => Some(WOKEN),
            _ => None,
        });
        if woken == Ok(IDLE) {
            let granted = self.turns.lock().wait(self);
            Self::run(granted);
        }
    }
}

/// A future that takes turns with others: the work of a connection.
pub(crate) struct TakingTurns<F> {
    work: Pin<Box<F>>,
    account: Arc<Account>,
    waker: Waker,
}

impl<F: Future> TakingTurns<F> {
    /// Makes a future that waits for its first turn.
    pub(crate) fn new(turns: &Arc<Turns>, work: F) -> Self {
        let worked = AtomicU64::new(turns.lock().worked);
        let account =
            Arc::new(Account { turns: turns.clone(), state: AtomicU8::new(IDLE), worked, task: AtomicWaker::new() });
        let waker = Waker::from(account.clone());
        waker.wake_by_ref();
        Self { work: Box::pin(work), account, waker }
    }
}

impl<F: Future> Future for TakingTurns<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let state = &this.account.state;
        this.account.task.register(cx.waker());
        if state.compare_exchange(GRANTED, WORKING, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            return Poll::Pending;
        }
        let began = Instant::now();
        let mut inner = Context::from_waker(&this.waker);
        loop {
            let running = RunningTurn::begin(began);
            let polled = this.work.as_mut().poll(&mut inner);
            drop(running);
            if let Poll::Ready(output) = polled {
                return Poll::Ready(output);
            }
            let worked = began.elapsed();
            let is_over = worked >= TURN || !coop::has_budget_remaining();
            // What woke itself goes on without a detour through tokio, which would wake another thread for it.
            if is_over || state.compare_exchange(WOKEN, WORKING, Ordering::AcqRel, Ordering::Relaxed).is_err() {
                this.account.end_turn(worked);
                return Poll::Pending;
            }
        }
    }
}

impl<F> Drop for TakingTurns<F> {
    fn drop(&mut self) {
        let had_turn = matches!(self.account.state.swap(OVER, Ordering::AcqRel), GRANTED | WORKING | WOKEN);
        if had_turn {
            let mut queue = self.account.turns.lock();
            queue.end_turn();
            let granted = queue.grant_next();
            drop(queue);
            Account::run(granted);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use std::future::poll_fn;

    use tokio::task::{JoinSet, yield_now};

    use super::*;

    /// Works for so long without a pause.
    fn work(time: Duration) {
        let began = Instant::now();
        while began.elapsed() < time {}
    }

    fn poll_all<F: Future>(all: &mut [TakingTurns<F>]) {
        let mut cx = Context::from_waker(Waker::noop());
        all.iter_mut().for_each(|work| assert!(Pin::new(work).poll(&mut cx).is_pending()));
    }

    #[test]
    fn the_one_that_has_worked_least_goes_first() {
        let turns = Turns::with_limit(1);
        let order = Arc::new(Mutex::new(Vec::new()));
        let worker = |number: usize, is_busy: bool| {
            let order = order.clone();
            TakingTurns::new(
                &turns,
                poll_fn(move |cx| -> Poll<()> {
                    order.lock().unwrap().push(number);
                    if is_busy {
                        work(TURN);
                        cx.waker().wake_by_ref();
                    }
                    Poll::Pending
                }),
            )
        };
        let mut all: Vec<_> = (0..50).map(|number| worker(number, number > 0)).collect();
        for _ in 0..4 {
            poll_all(&mut all);
        }
        let mut worked = std::mem::take(&mut *order.lock().unwrap());
        worked.sort_unstable();
        worked.dedup();
        assert_eq!(worked.len(), 50);
        all[0].waker.wake_by_ref();
        for _ in 0..2 {
            poll_all(&mut all);
        }
        // The one that has the turn ends it first.
        assert_eq!(order.lock().unwrap().iter().position(|number| *number == 0), Some(1));
    }

    #[tokio::test]
    async fn a_turn_that_is_not_used_any_more_goes_to_the_next() {
        let turns = Turns::with_limit(1);
        for _ in 0..10 {
            let (one, two, three) = (
                TakingTurns::new(&turns, yield_now()),
                TakingTurns::new(&turns, yield_now()),
                TakingTurns::new(&turns, yield_now()),
            );
            // The first has a turn, the second waits for it.
            drop((two, one));
            three.await;
        }
        assert_eq!(turns.lock().with_turn, 0);
    }

    #[tokio::test]
    async fn what_panics_leaves_its_turn() {
        let turns = Turns::with_limit(1);
        let panics = TakingTurns::new(&turns, poll_fn(|_| -> Poll<()> { panic!("expected in this test") }));
        assert!(tokio::spawn(panics).await.is_err());
        assert!(TURN_BEGAN.get().is_none());
        TakingTurns::new(&turns, yield_now()).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_wake_is_lost() {
        let turns = Turns::with_limit(2);
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let (sender, mut receiver) = tokio::sync::mpsc::channel::<u32>(1);
            tasks.spawn(TakingTurns::new(&turns, async move {
                for number in 0..10_000 {
                    sender.send(number).await.unwrap();
                }
            }));
            tasks.spawn(TakingTurns::new(&turns, async move { while receiver.recv().await.is_some() {} }));
        }
        while let Some(task) = tasks.join_next().await {
            task.unwrap();
        }
        let queue = turns.lock();
        assert_eq!((queue.with_turn, queue.waiting.len()), (0, 0));
    }
}
