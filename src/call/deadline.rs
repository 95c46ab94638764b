//! When a call must end, and the one place that ends it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{BoxFuture, OptionFuture};
use tokio::time::Instant;

use crate::call::{CallChain, CallFailure, Cancellation, Code, Context, Status};

/// The moment at which a call must be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The timeout that the caller sent; `None` when the deadline is not the caller's.
    pub timeout: Option<Duration>,
    /// The moment itself.
    pub at: Instant,
}

impl Deadline {
    /// Returns the deadline `timeout` from now, or `None` when that is too far away for the clock.
    pub fn after(timeout: Duration) -> Option<Self> {
        Instant::now().checked_add(timeout).map(|at| Self { timeout: Some(timeout), at })
    }

    /// Returns the sooner of `deadline` and the moment `longest` from now.
    pub fn within(deadline: Option<Self>, longest: Duration) -> Option<Self> {
        Self::within_from(Instant::now(), deadline, longest)
    }

    /// As [`within`](Self::within), where the caller knows what time it is.
    pub(crate) fn within_from(now: Instant, deadline: Option<Self>, longest: Duration) -> Option<Self> {
        let timeout = deadline.and_then(|deadline| deadline.timeout);
        let at = [deadline.map(|deadline| deadline.at), now.checked_add(longest)];
        at.into_iter().flatten().min().map(|at| Self { timeout, at })
    }

    /// Returns the sooner of two deadlines.
    pub fn sooner(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(if other.at < one.at { other } else { one }),
            (one, other) => one.or(other),
        }
    }

    /// Returns the time that is left, zero when the deadline has passed.
    pub fn remaining(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Whether the deadline has passed.
    pub fn has_passed(&self) -> bool {
        self.at <= Instant::now()
    }
}

/// The bounds of one call: its deadline, its cancellation and, at the gateway, the end of the server.
pub(crate) struct CallDeadline {
    service: Arc<str>,
    chain: Arc<[Arc<str>]>,
    deadline: Option<Deadline>,
    cancellation: Cancellation,
    shutdown: Option<Cancellation>,
    now: Instant,
}

impl CallDeadline {
    /// Takes the deadline and the cancellation of a call that begins now.
    pub(crate) fn new(context: &Context) -> Self {
        Self::from(Instant::now(), context)
    }

    /// As [`new`](Self::new), where the caller knows what time it is.
    pub(crate) fn from(now: Instant, context: &Context) -> Self {
        Self {
            now,
            service: context.service.clone(),
            chain: context.chain.clone(),
            deadline: context.deadline,
            cancellation: context.cancellation.clone(),
            shutdown: None,
        }
    }

    /// Ends the call with UNAVAILABLE when `shutdown` is cancelled, too.
    pub(crate) fn with_shutdown(self, shutdown: Cancellation) -> Self {
        Self { shutdown: Some(shutdown), ..self }
    }

    /// Runs the work of a call until one of the bounds ends it.
    ///
    /// The caller pins the work: given by value, it would be kept in this future twice.
    ///
    /// # Errors
    /// DEADLINE_EXCEEDED, CANCELLED or UNAVAILABLE when a bound ended the work, else the failure of the work itself.
    ///
    /// # Cancellation
    /// Dropping the future drops nothing of the work, which belongs to the caller.
    pub(crate) async fn run<T, W>(self, work: Pin<&mut W>) -> Result<T, CallFailure>
    where
        W: Future<Output = Result<T, CallFailure>>,
    {
        if self.deadline.is_some_and(|deadline| deadline.at <= self.now) {
            return Err(Self::expired(format!("the deadline had passed when the call{} arrived", self.callee())));
        }
        let mut work = work;
        // Most calls end without waiting for anything.
        let mut exceeded: Option<BoxFuture<'_, CallFailure>> = None;
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(done),
            Poll::Pending => {
                let exceeded = exceeded.get_or_insert_with(|| Box::pin(self.exceeded()));
                exceeded.as_mut().poll(cx).map(Err)
            }
        })
        .await
    }

    /// Waits until one of the bounds is exceeded.
    async fn exceeded(&self) -> CallFailure {
        tokio::select! {
            biased;
            Some(()) = OptionFuture::from(self.deadline.map(|deadline| tokio::time::sleep_until(deadline.at))) => {
                Self::expired(format!("the deadline passed before the call{} was over", self.callee()))
            }
            Some(()) = OptionFuture::from(self.shutdown.as_ref().map(Cancellation::cancelled)) => {
                Status::new(Code::Unavailable, "the server shut down before the call was over").into()
            }
            () = self.cancellation.cancelled() => Status::new(Code::Cancelled, "the call was cancelled").into(),
        }
    }

    fn expired(message: String) -> CallFailure {
        Status::new(Code::DeadlineExceeded, message).into()
    }

    /// Names the callee for errors. A client knows what it has called; of a nested call the error names the way to it.
    fn callee(&self) -> String {
        match self.chain.is_empty() {
            true => String::new(),
            false => format!(" of {}", CallChain::new(&self.chain, &self.service)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::pin::pin;

    use super::*;

    async fn run(context: &Context, shutdown: Cancellation) -> CallFailure {
        let work = pin!(std::future::pending::<Result<(), CallFailure>>());
        CallDeadline::new(context).with_shutdown(shutdown).run(work).await.unwrap_err()
    }

    #[tokio::test]
    async fn a_call_ends_at_its_deadline_at_its_cancellation_and_at_the_end_of_the_server() {
        let context = Context::new("a.A", "Do").with_chain(["b.B".into()].into());
        let soon = Deadline::after(Duration::from_millis(1));
        let failure = run(&context.clone().with_deadline(soon), Cancellation::new()).await;
        assert_eq!(failure.status.code, Code::DeadlineExceeded);
        assert_eq!(
            failure.status.message,
            "the deadline passed before the call of `a.A` (called through b.B) was over"
        );

        let shutdown = Cancellation::new();
        shutdown.cancel();
        assert_eq!(run(&context, shutdown).await.status.code, Code::Unavailable);

        context.cancellation.cancel();
        assert_eq!(run(&context, Cancellation::new()).await.status.code, Code::Cancelled);
    }

    #[tokio::test]
    async fn the_work_of_a_call_whose_deadline_has_passed_does_not_begin() {
        let context = Context::new("a.A", "Do").with_deadline(Deadline::after(Duration::ZERO));
        let work = pin!(async { unreachable!("the work began") });
        let outcome: Result<(), _> = CallDeadline::new(&context).run(work).await;
        assert_eq!(outcome.unwrap_err().status.code, Code::DeadlineExceeded);
    }
}
