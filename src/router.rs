//! Calls that leave an instance or come in from the gateway, and who answers them: the only room that calls services.
//!
//! All services live in this process so far; the way of a call to another node or to a server outside begins here too.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sync_wrapper::SyncWrapper;
use tokio::time::Instant;

use crate::actor::{Dispatcher, Refused};
use crate::call::{Code, Context, Deadline, Failure, Reply, Status};
use crate::instance::{Callee, Instance, Template};

/// A deployed package: immutable, with its pool.
pub(crate) struct Revision {
    name: String,
    template: Arc<Template>,
    dispatcher: Arc<Dispatcher<SyncWrapper<Instance>>>,
}

impl Revision {
    pub(crate) fn new(
        name: String,
        template: Arc<Template>,
        dispatcher: Arc<Dispatcher<SyncWrapper<Instance>>>,
    ) -> Self {
        Self { name, template, dispatcher }
    }

    /// The pool in numbers.
    pub(crate) async fn counts(&self) -> crate::pool::Counts {
        self.dispatcher.counts().await
    }

    /// Answers a unary call within its deadline.
    async fn call(&self, mut context: Context, request: Bytes) -> Result<Reply, Failure> {
        let longest = Deadline::after(self.template.run().deadline);
        context.deadline = match (context.deadline, longest) {
            (Some(own), Some(longest)) if own.at <= longest.at => Some(own),
            (_, longest) => longest,
        };
        let deadline = context.deadline.map_or_else(Instant::now, |deadline| deadline.at);
        let cancellation = context.cancellation.clone();
        let service = context.service.clone();
        // Pinned, because `select!` would keep a future that it is given by value twice; first, because most calls need
        // no timer then.
        let serve = pin!(self.serve(context, request, deadline));
        tokio::select! {
            biased;
            answer = serve => answer,
            () = tokio::time::sleep_until(deadline) => {
                let message = format!("the deadline passed while `{service}` was at work");
                Err(Status::new(Code::DeadlineExceeded, message).into())
            }
            () = cancellation.cancelled() => Err(Status::new(Code::Cancelled, "the call was cancelled").into()),
        }
    }

    /// Dropped before its end, this leaves nothing behind but a free place in the pool.
    async fn serve(&self, context: Context, request: Bytes, deadline: Instant) -> Result<Reply, Failure> {
        let request = self.template.prepare(&context, request)?;
        let nested = !context.chain.is_empty();
        let mut lease = self.dispatcher.lease(deadline, nested).await.map_err(|refused| refusal(&context, refused))?;
        // One that grew too old while it was idle goes.
        let idle = lease.take().and_then(|mut instance| (!instance.get_mut().is_spent()).then_some(instance));
        let mut instance = match idle {
            Some(instance) => instance,
            None => {
                let instance = self.template.instantiate().await.map_err(|error| {
                    tracing::error!(service = %context.service, %error, "cannot make an instance");
                    let message = format!("no instance of `{}` can be made: {error}", context.service);
                    Status::new(Code::ResourceExhausted, message)
                })?;
                Box::new(SyncWrapper::new(instance))
            }
        };
        let (answer, usable) = instance.get_mut().call(context, request).await;
        if usable && !instance.get_mut().is_spent() {
            lease.give_back(instance);
        }
        answer
    }
}

fn refusal(context: &Context, refused: Refused) -> Status {
    let code = match refused {
        Refused::Full { .. } => Code::ResourceExhausted,
        Refused::Restarted => Code::Unavailable,
    };
    Status::new(code, format!("`{}`: {refused}", context.service))
}

/// From service to revision.
#[derive(Default)]
pub(crate) struct Router {
    routes: RwLock<HashMap<Arc<str>, Arc<Revision>>>,
}

impl Router {
    /// Points a service at a revision.
    pub(crate) fn route(&self, service: Arc<str>, revision: Arc<Revision>) {
        self.routes.write().unwrap_or_else(PoisonError::into_inner).insert(service, revision);
    }

    /// Services that are called and not served, each with the package that calls it.
    pub(crate) fn missing(&self) -> Vec<(String, String)> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let calls =
            routes.values().flat_map(|revision| revision.template.calls().map(|service| (service, &revision.name)));
        let missing = calls.filter(|(service, _)| !routes.contains_key(*service));
        let mut missing: Vec<_> = missing.map(|(service, by)| (service.to_string(), format!("`{by}`"))).collect();
        missing.sort();
        missing.dedup();
        missing
    }

    /// Who answers calls of a service.
    pub(crate) fn revision(&self, service: &str) -> Option<Arc<Revision>> {
        self.routes.read().unwrap_or_else(PoisonError::into_inner).get(service).cloned()
    }

    /// Answers a unary call.
    ///
    /// # Cancellation
    /// Dropping the future drops the call with all that it had called in turn.
    pub(crate) async fn unary(&self, context: Context, request: Bytes) -> Result<Reply, Failure> {
        match self.revision(&context.service) {
            Some(revision) => revision.call(context, request).await,
            None => {
                let message = format!("nobody serves `{}` here", context.service);
                Err(Status::new(Code::Unavailable, message).into())
            }
        }
    }
}

impl Callee for Router {
    fn call(self: Arc<Self>, context: Context, request: Bytes) -> BoxFuture<'static, Result<Reply, Failure>> {
        async move { self.unary(context, request).await }.boxed()
    }
}
