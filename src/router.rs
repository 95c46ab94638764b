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
use crate::call::{Cancellation, Code, Context, Deadline, Failure, Metadata, Reply, Requests, ResponseSink, Status};
use crate::instance::{Callee, Instance, Request, Template};
use crate::link::Prepared;

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
        context.deadline = Deadline::within(context.deadline, self.template.run().deadline);
        Patience::of(&context)
            .within(async {
                let request = self.template.prepare(&context, request)?;
                Ok(self.serve(context, request, None, None).await?.0)
            })
            .await
    }

    /// Answers a call with streams. Only its caller sets a deadline: a stream may live as long as both sides wish.
    async fn streaming(
        &self,
        context: Context,
        requests: Requests,
        responses: ResponseSink,
    ) -> Result<Metadata, Failure> {
        Patience::of(&context).within(self.serve_streams(context, requests, responses)).await
    }

    async fn serve_streams(
        &self,
        context: Context,
        mut requests: Requests,
        mut responses: ResponseSink,
    ) -> Result<Metadata, Failure> {
        let shape = self.template.shape(&context)?;
        let (request, requests) = if shape.requests {
            (Request::Typed(Prepared::Nothing), Some(requests))
        } else {
            let request = one(&context, &mut requests).await?;
            (self.template.prepare(&context, request)?, None)
        };
        if shape.responses {
            let (reply, sink) = self.serve(context, request, requests, Some(responses)).await?;
            if let Some(mut sink) = sink
                && !reply.headers.is_empty()
            {
                // Its caller may have gone: then nobody misses them.
                let _ = sink.headers(reply.headers).await;
            }
            return Ok(reply.trailers);
        }
        let (reply, _) = self.serve(context, request, requests, None).await?;
        if !reply.headers.is_empty() {
            let _ = responses.headers(reply.headers).await;
        }
        let _ = responses.send(reply.message).await;
        Ok(reply.trailers)
    }

    /// Leases an instance and has it serve the call. Dropped before its end, this leaves nothing behind but a free place
    /// in the pool.
    async fn serve(
        &self,
        context: Context,
        request: Request,
        requests: Option<Requests>,
        responses: Option<ResponseSink>,
    ) -> Result<(Reply, Option<ResponseSink>), Failure> {
        let patience = context.deadline.or_else(|| Deadline::after(self.template.run().deadline));
        let patience = patience.map_or_else(Instant::now, |deadline| deadline.at);
        let nested = !context.chain.is_empty();
        let mut lease = self.dispatcher.lease(patience, nested).await.map_err(|refused| refusal(&context, refused))?;
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
        let served = instance.get_mut().call(context, request, requests, responses).await;
        if served.usable && !instance.get_mut().is_spent() {
            lease.give_back(instance);
        }
        Ok((served.answer?, served.responses))
    }
}

/// How long a call is worked at.
struct Patience {
    service: Arc<str>,
    deadline: Option<Deadline>,
    cancellation: Cancellation,
}

impl Patience {
    fn of(context: &Context) -> Self {
        let (service, cancellation) = (context.service.clone(), context.cancellation.clone());
        Self { service, deadline: context.deadline, cancellation }
    }

    /// Gives the call up when its deadline passes or it is cancelled.
    async fn within<T>(self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let deadline = async {
            match self.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.at).await,
                None => std::future::pending().await,
            }
        };
        // Pinned, because `select!` would keep a future that it is given by value twice; first, because most calls need
        // no timer then.
        let work = pin!(work);
        tokio::select! {
            biased;
            done = work => done,
            () = deadline => {
                let message = format!("the deadline passed while `{}` was at work", self.service);
                Err(Status::new(Code::DeadlineExceeded, message).into())
            }
            () = self.cancellation.cancelled() => {
                Err(Status::new(Code::Cancelled, "the call was cancelled").into())
            }
        }
    }
}

/// The one request of a method that takes one.
async fn one(context: &Context, requests: &mut Requests) -> Result<Bytes, Status> {
    let wrong = |count: &str| {
        let message = format!("`{}` takes one request message, but {count} came", context.path());
        Status::new(Code::Unimplemented, message)
    };
    let request = requests.next().await.transpose().map_err(|status| *status)?.ok_or_else(|| wrong("none"))?;
    match requests.next().await.transpose().map_err(|status| *status)? {
        None => Ok(request),
        Some(_) => Err(wrong("more than one")),
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
            None => Err(unserved(&context).into()),
        }
    }
}

impl Router {
    /// Answers a call with streams.
    ///
    /// # Cancellation
    /// As of [`unary`](Self::unary).
    pub(crate) async fn streaming(
        &self,
        context: Context,
        requests: Requests,
        responses: ResponseSink,
    ) -> Result<Metadata, Failure> {
        match self.revision(&context.service) {
            Some(revision) => revision.streaming(context, requests, responses).await,
            None => Err(unserved(&context).into()),
        }
    }
}

fn unserved(context: &Context) -> Status {
    Status::new(Code::Unavailable, format!("nobody serves `{}` here", context.service))
}

impl Callee for Router {
    fn call(self: Arc<Self>, context: Context, request: Bytes) -> BoxFuture<'static, Result<Reply, Failure>> {
        async move { self.unary(context, request).await }.boxed()
    }

    fn streaming(
        self: Arc<Self>,
        context: Context,
        requests: Requests,
        responses: ResponseSink,
    ) -> BoxFuture<'static, Result<Metadata, Failure>> {
        async move { Router::streaming(&self, context, requests, responses).await }.boxed()
    }
}
