//! Where a call runs: for its first slice in its caller's task, then on [threads of its own](crate::instance::busy).
//!
//! A hop to another thread costs more than most calls take, so a call begins where its caller is. When the
//! [limits](crate::instance::limits) find that it has used up its slice, its guest yields, and the call moves. The next
//! calls of its method begin on the other threads.

use std::future::poll_fn;
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use crate::call::guest_thread::{change_slice, is_busy_thread, run_slice};
use crate::instance::component::CompiledComponent;
use crate::instance::ticker::{Ticker, TickerEnded};

/// Calls of a method that begin on the threads for long calls after one that took long.
const LONG_CALLS: u32 = 16;

/// How long a unary call may go on after its caller has left. Most end sooner, and their instance can serve again: to make
/// another one costs milliseconds in some languages.
const FINISH_TIME: Duration = Duration::from_millis(50);

/// How long it may if it computes: it keeps others from its instance's place.
const LONG_FINISH_TIME: Duration = Duration::from_millis(10);

/// The most calls of the process that go on after their callers have left.
const MAX_FINISHING: usize = 64;

/// Calls that go on after their callers have left.
static FINISHING: Semaphore = Semaphore::const_new(MAX_FINISHING);

/// How long the calls of a method took lately.
#[derive(Debug, Default)]
pub(crate) struct MethodPace {
    /// The number of calls that are taken to be long from now on.
    long_calls: AtomicU32,
}

impl MethodPace {
    pub(crate) const fn new() -> Self {
        Self { long_calls: AtomicU32::new(0) }
    }

    /// Whether the next call is taken to be long.
    #[inline]
    pub(crate) fn is_long(&self) -> bool {
        self.long_calls.load(Ordering::Relaxed) > 0
    }

    fn record_long(&self) {
        self.long_calls.store(LONG_CALLS, Ordering::Relaxed);
    }

    fn record_short(&self) {
        let _ = self.long_calls.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |calls| calls.checked_sub(1));
    }
}

/// A call that moves to other threads when it takes long.
///
/// # Cancellation
/// When it is dropped, a unary call goes on for a short time; other calls are dropped: at once where the caller is, at the
/// end of their slice elsewhere.
pub(crate) struct SlicedCall<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    place: CallPlace<F>,
    /// Whether the call may go on for a short time without its caller.
    may_finish: bool,
}

enum CallPlace<F: Future> {
    /// In the caller's task.
    Here(CallSlices<F>),
    /// On the threads for long calls.
    Moved(LongCallHandle<F::Output>),
    /// Nowhere: it is over.
    Over,
}

/// A call of a method on the threads for long calls. Dropped, it ends with its slice.
struct LongCallHandle<T> {
    task: AbortOnDropHandle<Result<T, TickerEnded>>,
    component: Arc<CompiledComponent>,
    method: usize,
}

impl<T> LongCallHandle<T> {
    /// Waits for the end of the call, for a short time.
    async fn finish(mut self) {
        // The outcome has no reader.
        let is_over = tokio::time::timeout(LONG_FINISH_TIME, &mut self.task).await.is_ok();
        if !is_over && !self.component.pace(self.method).is_long() {
            let _ = tokio::time::timeout(FINISH_TIME - LONG_FINISH_TIME, self.task).await;
        }
    }
}

impl<F> SlicedCall<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    /// Begins with a call of the method with this number. If `is_long`, it is known to take long; if `may_finish`, it may go on
    /// for a short time without its caller.
    pub(crate) fn new(
        component: Arc<CompiledComponent>,
        method: usize,
        is_long: bool,
        may_finish: bool,
        call: Pin<Box<F>>,
    ) -> Self {
        let begins_moved = (is_long || component.pace(method).is_long()) && !is_busy_thread();
        let slices =
            CallSlices { call, component, method, uncharged_cpu: Duration::ZERO, is_long: false, is_used_up: false };
        let place = if begins_moved { slices.into_moved() } else { CallPlace::Here(slices) };
        Self { place, may_finish }
    }

    /// Lets a call go on that has no caller any more.
    fn finish(place: CallPlace<F>) {
        let moved = match place {
            CallPlace::Here(slices) => slices.into_moved(),
            place => place,
        };
        let CallPlace::Moved(call) = moved else { return };
        if let (Ok(runtime), Ok(permit)) = (Handle::try_current(), FINISHING.try_acquire()) {
            runtime.spawn(async move {
                call.finish().await;
                drop(permit);
            });
        }
    }
}

impl<F> Drop for SlicedCall<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn drop(&mut self) {
        let is_over = matches!(self.place, CallPlace::Over);
        if self.may_finish && !is_over && FINISHING.available_permits() > 0 {
            Self::finish(std::mem::replace(&mut self.place, CallPlace::Over));
        }
    }
}

impl<F> Future for SlicedCall<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    type Output = Result<F::Output, TickerEnded>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let place = &mut self.place;
        if let CallPlace::Here(slices) = place {
            let polled = Pin::new(&mut *slices).poll(cx);
            if polled.is_ready() {
                *place = CallPlace::Over;
                return polled;
            }
            if !slices.is_used_up {
                return Poll::Pending;
            }
            if let CallPlace::Here(slices) = std::mem::replace(place, CallPlace::Over) {
                *place = slices.into_moved();
            }
        }
        match place {
            CallPlace::Moved(call) => match ready!(Pin::new(&mut call.task).poll(cx)) {
                Ok(outcome) => {
                    *place = CallPlace::Over;
                    Poll::Ready(outcome)
                }
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => resume_unwind(panic),
                    // The process ends, and its threads run no call any more.
                    Err(_) => Poll::Pending,
                },
            },
            // It could not be moved, and its guest has woken this task.
            CallPlace::Here(_) | CallPlace::Over => Poll::Pending,
        }
    }
}

/// The slices of a call, one in each poll.
struct CallSlices<F> {
    call: Pin<Box<F>>,
    component: Arc<CompiledComponent>,
    method: usize,
    /// CPU time that the call was not charged for yet.
    uncharged_cpu: Duration,
    /// Whether the call takes long.
    is_long: bool,
    /// Whether the last slice was used up.
    is_used_up: bool,
}

impl<F: Future> Future for CallSlices<F> {
    type Output = Result<F::Output, TickerEnded>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let ticker = this.component.ticker();
        let (polled, slice) = run_slice(ticker.ticks(), this.uncharged_cpu, || {
            ticker.wake()?;
            Ok(this.call.as_mut().poll(cx))
        });
        this.uncharged_cpu = slice.uncharged_cpu;
        this.is_used_up = slice.is_used_up;
        if slice.is_long && !this.is_long {
            this.is_long = true;
            this.component.pace(this.method).record_long();
        }
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(ended) => Poll::Ready(Err(ended)),
        }
    }
}

impl<F> CallSlices<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    /// Moves the call to the threads for long calls, or leaves it here if there are none.
    fn into_moved(self) -> CallPlace<F> {
        let (component, method) = (self.component.clone(), self.method);
        match component.busy_threads().spawn(MovedSlices(self)) {
            Ok(task) => CallPlace::Moved(LongCallHandle { task, component, method }),
            Err(MovedSlices(slices)) => CallPlace::Here(slices),
        }
    }
}

/// The slices of a call on the threads for long calls.
struct MovedSlices<F>(CallSlices<F>);

impl<F: Future> Future for MovedSlices<F> {
    type Output = Result<F::Output, TickerEnded>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let slices = &mut self.0;
        let outcome = ready!(Pin::new(&mut *slices).poll(cx));
        if !slices.is_long {
            slices.component.pace(slices.method).record_short();
        }
        Poll::Ready(outcome)
    }
}

/// Runs code of guests beside the calls, such as the start of an instance. In a call, it is a part of the call's slices.
///
/// # Errors
/// When guests cannot be interrupted any more.
pub(crate) async fn run_in_slices<F: Future>(ticker: &Ticker, work: F) -> Result<F::Output, TickerEnded> {
    let mut work = pin!(work);
    poll_fn(|cx| {
        let (polled, slice) = run_slice(ticker.ticks(), Duration::ZERO, || {
            ticker.wake()?;
            Ok(work.as_mut().poll(cx))
        });
        change_slice(|outer| {
            outer.is_used_up |= slice.is_used_up;
            outer.is_long |= slice.is_long;
        });
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(ended) => Poll::Ready(Err(ended)),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_taken_to_be_long_until_its_calls_are_short_again() {
        let pace = MethodPace::default();
        assert!(!pace.is_long());
        pace.record_short();
        pace.record_long();
        for _ in 0..LONG_CALLS {
            assert!(pace.is_long());
            pace.record_short();
        }
        assert!(!pace.is_long());
    }
}
