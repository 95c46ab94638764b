//! What is different for a revision with one instance: calls that came through it are refused, and a call that has begun
//! runs to its end.
//!
//! The state of a singleton is worth more than one call. An instance on which a call was dropped in the middle cannot be
//! used again, so the caller's disconnect and deadline end only the caller's wait; the call goes on in a task of its own.

use std::sync::Arc;
use std::time::Duration;

use crate::call::{CallFailure, Code, Context, Status};

/// The services of a singleton, by which it recognizes calls that came through itself.
pub(crate) struct Singleton {
    package: String,
    services: Vec<Arc<str>>,
    /// Longest time for which a call goes on after its caller has left.
    grace: Duration,
}

impl Singleton {
    pub(crate) fn new(package: String, services: Vec<Arc<str>>, grace: Duration) -> Self {
        Self { package, services, grace }
    }

    /// Checks that a call did not come through the singleton itself, which would wait for the call and the call for it.
    ///
    /// # Errors
    /// FAILED_PRECONDITION with the chain of services.
    pub(crate) fn check_chain(&self, context: &Context) -> Result<(), Status> {
        let Some(own) = context.chain.iter().find(|caller| self.services.contains(caller)) else { return Ok(()) };
        let (trail, service) = (context.trail().unwrap_or_default(), &context.service);
        let message = format!(
            "`{service}/{}`: the call comes back to the singleton `{}`, whose one instance is busy with the call of \
             `{own}` that it is part of ({trail} -> {service}): pass in the request what the callee needs, or set \
             another `isolation` in [run] of its okra.toml",
            context.method, self.package,
        );
        Err(Status::new(Code::FailedPrecondition, message))
    }

    /// Runs a call on the instance in a task of its own, and waits for it. `work` gets the context of the call.
    ///
    /// # Errors
    /// The failure of the call; INTERNAL if its task panicked.
    ///
    /// # Cancellation
    /// When the future is dropped, the guest sees that its call is cancelled, and the calls that it makes end. The call
    /// itself goes on to its end; after `grace` it is dropped, and the instance with it.
    pub(crate) async fn run_to_end<T, W>(
        &self,
        mut context: Box<Context>,
        work: impl FnOnce(Box<Context>) -> W,
    ) -> Result<T, CallFailure>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, CallFailure>> + Send + 'static,
    {
        let cancellation = context.cancellation.child_token();
        context.cancellation = cancellation.clone();
        let (package, trail, grace) = (self.package.clone(), context.call_chain().to_string(), self.grace);
        let caller = cancellation.clone().drop_guard();
        let work = work(context);
        let task = tokio::spawn(async move {
            let abandoned = async {
                cancellation.cancelled().await;
                tokio::time::sleep(grace).await;
            };
            tokio::select! {
                biased;
                outcome = work => outcome,
                () = abandoned => {
                    tracing::warn!(
                        service = %package, call = %trail,
                        "a call went on for {grace:?} after its caller had left: the singleton is started again, without its memory"
                    );
                    Err(Status::new(Code::Cancelled, "the call was cancelled").into())
                }
            }
        });
        let outcome = task.await.unwrap_or_else(|error| {
            tracing::error!(service = %self.package, %error, "the task of a call broke off");
            Err(Status::new(Code::Internal, "the call broke off").into())
        });
        drop(caller);
        outcome
    }
}
