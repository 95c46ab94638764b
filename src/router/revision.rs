//! A deployed package, and how calls run on it.

use std::collections::{BTreeSet, HashMap};
use std::pin::{Pin, pin};
use std::sync::Arc;

use bytes::Bytes;
use sync_wrapper::SyncWrapper;
use tokio::time::Instant;

use super::Importer;
use crate::actor::{Dispatcher, Refused};
use crate::call::{
    Cancellation, Code, Context, Deadline, Failure, Metadata, Reply, Requests, ResponseSink, Status, Way,
};
use crate::config::{AllowedCallers, Caller};
use crate::instance::{Instance, Request, Template};
use crate::link::Prepared;

/// A deployed package: immutable, with its pool.
pub(crate) struct Revision {
    name: String,
    template: Arc<Template>,
    dispatcher: Arc<Dispatcher<SyncWrapper<Instance>>>,
    importer: Arc<Importer>,
    /// By service, or service and method.
    allowed_callers: HashMap<String, BTreeSet<Caller>>,
}

impl Revision {
    pub(crate) fn new(
        name: String,
        template: Arc<Template>,
        dispatcher: Arc<Dispatcher<SyncWrapper<Instance>>>,
        importer: Arc<Importer>,
        allowed_callers: &AllowedCallers,
    ) -> Self {
        let allowed_callers =
            allowed_callers.iter().map(|(callable, callers)| (callable.to_string(), callers.clone())).collect();
        Self { name, template, dispatcher, importer, allowed_callers }
    }

    /// Services that it calls and that nobody serves outside, each with its own name.
    pub(super) fn calls(&self) -> impl Iterator<Item = (&Arc<str>, &str)> {
        let calls = self.template.calls().filter(|service| !self.importer.is_outside(service));
        calls.map(|service| (service, &*self.name))
    }

    /// Whether its rules let this call in.
    ///
    /// # Errors
    /// PERMISSION_DENIED, with the line that would allow it.
    pub(super) fn admit(&self, context: &Context) -> Result<(), Status> {
        if self.allowed_callers.is_empty() {
            return Ok(());
        }
        let method = [&context.service, "/", &context.method].concat();
        let rule = self.allowed_callers.get_key_value(&method);
        let Some((about, callers)) = rule.or_else(|| self.allowed_callers.get_key_value(&*context.service)) else {
            return Ok(());
        };
        let caller = context.chain.last();
        let allowed = callers.iter().any(|allowed| match (allowed, caller) {
            (Caller::Clients, None) => true,
            (Caller::Service(service), Some(caller)) => **service == **caller,
            _ => false,
        });
        if allowed {
            return Ok(());
        }
        let caller = caller.map_or_else(|| Caller::Clients.to_string(), ToString::to_string);
        let callers: Vec<_> = callers.iter().map(ToString::to_string).chain([caller.clone()]).collect();
        let message = format!(
            "`{method}` may not be called by `{caller}`; this line in [allowed-callers] of `{}` would allow it: \
             \"{about}\" = {callers:?}",
            self.name
        );
        Err(Status::new(Code::PermissionDenied, message))
    }

    /// The pool in numbers.
    pub(crate) async fn counts(&self) -> crate::pool::Counts {
        self.dispatcher.counts().await
    }

    /// Answers a unary call within its deadline.
    pub(super) async fn call(self: Arc<Self>, mut context: Context, request: Bytes) -> Result<Reply, Failure> {
        context.deadline = Deadline::within(context.deadline, self.template.run().deadline);
        let patience = Patience::of(&context);
        let work = pin!(async {
            let request = self.template.prepare(&context, request)?;
            Ok(self.serve(context, request, None, None).await?.0)
        });
        patience.within(work).await
    }

    /// Answers a call with streams. Only its caller sets a deadline: a stream may live as long as both sides wish.
    pub(super) async fn streaming(
        self: Arc<Self>,
        context: Context,
        requests: Requests,
        responses: ResponseSink,
    ) -> Result<Metadata, Failure> {
        let patience = Patience::of(&context);
        patience.within(pin!(self.serve_streams(context, requests, responses))).await
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
        let mut lease =
            self.dispatcher.lease(patience, context.chain.len()).await.map_err(|refused| refusal(&context, refused))?;
        // One that grew too old while it was idle goes.
        let idle = lease.take().and_then(|mut instance| (!instance.get_mut().is_spent()).then_some(instance));
        let mut instance = match idle {
            Some(instance) => instance,
            None => {
                // Boxed: most calls find an instance, and have no need of so large a future.
                let instance = Box::pin(self.template.instantiate()).await.map_err(|error| {
                    tracing::error!(service = %context.service, chain = context.trail(), %error, "cannot make an instance");
                    let message = format!("no instance of {} can be made: {error}", context.way());
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
pub(super) struct Patience {
    service: Arc<str>,
    chain: Arc<[Arc<str>]>,
    deadline: Option<Deadline>,
    cancellation: Cancellation,
}

impl Patience {
    pub(super) fn of(context: &Context) -> Self {
        Self {
            service: context.service.clone(),
            chain: context.chain.clone(),
            deadline: context.deadline,
            cancellation: context.cancellation.clone(),
        }
    }

    /// Gives the call up when its deadline passes or it is cancelled.
    ///
    /// The work is pinned by who calls: given by value, it would be kept twice, and calls are many.
    pub(super) async fn within<T, W>(self, work: Pin<&mut W>) -> Result<T, Failure>
    where
        W: Future<Output = Result<T, Failure>>,
    {
        let deadline = async {
            match self.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // Most calls need no timer then.
            biased;
            done = work => done,
            () = deadline => {
                let message = format!("the deadline passed while {} was at work", Way(&self.chain, &self.service));
                Err(Status::new(Code::DeadlineExceeded, message).into())
            }
            () = self.cancellation.cancelled() => {
                Err(Status::new(Code::Cancelled, "the call was cancelled").into())
            }
        }
    }
}

/// The one request of a method that takes one.
pub(super) async fn one(context: &Context, requests: &mut Requests) -> Result<Bytes, Status> {
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
    Status::new(code, format!("{}: {refused}", context.way()))
}
