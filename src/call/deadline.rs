//! When a call must end, and the one place that ends it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::OptionFuture;
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
        let timeout = deadline.and_then(|deadline| deadline.timeout);
        let at = [deadline.map(|deadline| deadline.at), Instant::now().checked_add(longest)];
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
        self.remaining().is_zero()
    }
}

/// The bounds of one call: its deadline, its cancellation and, at the gateway, the end of the server.
pub(crate) struct CallDeadline {
    service: Arc<str>,
    chain: Arc<[Arc<str>]>,
    deadline: Option<Deadline>,
    cancellation: Cancellation,
    shutdown: Option<Cancellation>,
}

impl CallDeadline {
    /// Takes the deadline and the cancellation of a call.
    pub(crate) fn new(context: &Context) -> Self {
        Self {
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
        let Self { service, chain, deadline, cancellation, shutdown } = self;
        // A client knows what it has called; of a nested call the error names the way to it.
        let callee = || match chain.is_empty() {
            true => String::new(),
            false => format!(" of {}", CallChain::new(&chain, &service)),
        };
        let expired = |text: String| Status::new(Code::DeadlineExceeded, text).into();
        if deadline.is_some_and(|deadline| deadline.has_passed()) {
            return Err(expired(format!("the deadline had passed when the call{} arrived", callee())));
        }
        tokio::select! {
            // Most calls end before the timer is needed.
            biased;
            done = work => done,
            Some(()) = OptionFuture::from(deadline.map(|deadline| tokio::time::sleep_until(deadline.at))) => {
                Err(expired(format!("the deadline passed before the call{} was over", callee())))
            }
            Some(()) = OptionFuture::from(shutdown.as_ref().map(Cancellation::cancelled)) => {
                Err(Status::new(Code::Unavailable, "the server shut down before the call was over").into())
            }
            () = cancellation.cancelled() => Err(Status::new(Code::Cancelled, "the call was cancelled").into()),
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
