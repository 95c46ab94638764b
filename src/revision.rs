//! A revision: one deployed package, immutable, with the pool of its instances.
//!
//! A revision answers the calls of the services that its package serves. It knows nothing of the router: the calls of its
//! own components go to the handler that its component was compiled with.

mod access;
pub(crate) mod dispatcher;
mod idle;
pub(crate) mod pool;
mod shares;
mod singleton;

pub use dispatcher::LeaseError;
pub use pool::PoolCounts;

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use sync_wrapper::SyncWrapper;
use tokio::time::Instant;

use crate::call::guest_thread::LARGE_MESSAGE;
use crate::call::{
    CallDeadline, CallFailure, CallFuture, CallHandler, Code, Context, Deadline, LocalResponse, Metadata,
    MethodLayouts, RequestStream, ResponseSink, Status, StreamActivity, TypedCallee, TypedMessage, TypedMethod,
    UnaryResponse, read_single_request, refuse, response_channel,
};
use crate::config::{AllowedCallers, Isolation};
use crate::instance::{
    CallParams, CallStreams, CompiledComponent, IdleOwner, Instance, SlicedCall, StreamShape, TickerEnded,
};
use crate::link::CheckedMessage;
use crate::revision::access::AccessRules;
use crate::revision::dispatcher::{Dispatcher, InstanceLease};
use crate::revision::singleton::Singleton;

/// The dispatcher of a revision's instances.
pub(crate) type InstanceDispatcher = Dispatcher<SyncWrapper<Instance>>;

/// How often a stream without a first request looks for a free instance, if its handler may send first.
const FIRST_REQUEST_PATIENCE: Duration = Duration::from_millis(500);

/// One deployed package.
pub(crate) struct Revision {
    name: String,
    component: Arc<CompiledComponent>,
    dispatcher: Arc<InstanceDispatcher>,
    /// Services that the component calls in this process.
    local_imports: Vec<Arc<str>>,
    access_rules: AccessRules,
    singleton: Option<Singleton>,
}

/// The request of a unary call.
enum UnaryRequest {
    Encoded(Bytes),
    /// Typed values, with the number of the method.
    Typed(usize, TypedMessage),
}

impl Revision {
    pub(crate) fn new(
        name: String,
        component: Arc<CompiledComponent>,
        dispatcher: Arc<InstanceDispatcher>,
        services: Vec<Arc<str>>,
        local_imports: Vec<Arc<str>>,
        allowed_callers: &AllowedCallers,
    ) -> Self {
        let access_rules = AccessRules::new(&name, allowed_callers);
        let run = component.run();
        let singleton =
            (run.isolation == Isolation::Singleton).then(|| Singleton::new(name.clone(), services, run.deadline));
        Self { name, component, dispatcher, local_imports, access_rules, singleton }
    }

    /// Checks that a call may be made.
    fn check_call(&self, context: &Context) -> Result<(), Status> {
        self.access_rules.check(context)?;
        self.singleton.as_ref().map_or(Ok(()), |singleton| singleton.check_chain(context))
    }

    /// Returns the name of its package.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the services that its component calls in this process.
    pub(crate) fn local_imports(&self) -> &[Arc<str>] {
        &self.local_imports
    }

    /// Returns how many instances and waiting calls there are.
    pub(crate) async fn counts(&self) -> PoolCounts {
        self.dispatcher.counts().await
    }

    async fn run_unary(&self, mut context: Context, request: UnaryRequest) -> Result<LocalResponse, CallFailure> {
        let now = Instant::now();
        context.deadline = Deadline::within_from(now, context.deadline, self.component.run().deadline);
        let call_deadline = CallDeadline::from(now, &context);
        // Boxed: it is handed on many times.
        let context = Box::new(context);
        let work = pin!(async {
            let params = match request {
                UnaryRequest::Encoded(request) => self.check_params(&context, request).await?,
                UnaryRequest::Typed(method, request) => self.component.check_typed_params(method, request)?,
            };
            Ok(self.run_on_instance(context, params, None).await?.0)
        });
        call_deadline.run(work).await
    }

    async fn check_params(&self, context: &Context, request: Bytes) -> Result<CallParams, Status> {
        if request.len() <= LARGE_MESSAGE {
            return self.component.check_params(context, request);
        }
        // Boxed: most requests are small.
        Box::pin(self.component.check_large_params(context, request)).await
    }

    /// Runs a streaming call. Only the caller sets its deadline: a stream may live as long as both sides wish.
    async fn run_streaming(
        &self,
        context: Context,
        requests: RequestStream,
        responses: ResponseSink,
    ) -> Result<Metadata, CallFailure> {
        let requests = requests.with_limit(self.component.limits.request);
        let call_deadline = CallDeadline::new(&context);
        let Some(longest) = self.component.run().stream_idle else {
            return call_deadline.run(pin!(self.stream_on_instance(context, requests, responses))).await;
        };
        let path = context.path();
        let activity = Arc::new(StreamActivity::new());
        let (requests, responses) =
            (requests.with_activity(activity.clone()), responses.with_activity(activity.clone()));
        let stream = pin!(async {
            tokio::select! {
                biased;
                outcome = self.stream_on_instance(context, requests, responses) => outcome,
                () = activity.wait_until_idle(longest) => {
                    let longest = humantime::format_duration(longest);
                    let message = format!("`{path}`: no message came or went for {longest}, which is `stream-idle` of [run]");
                    Err(Status::new(Code::DeadlineExceeded, message).into())
                }
            }
        });
        call_deadline.run(stream).await
    }

    async fn stream_on_instance(
        &self,
        context: Context,
        mut requests: RequestStream,
        responses: ResponseSink,
    ) -> Result<Metadata, CallFailure> {
        let (shape, context) = (self.component.stream_shape(&context)?, Box::new(context));
        if shape.requests {
            self.wait_for_request(&context, &mut requests, shape.responses).await;
        }
        if self.component.raw_shape(&context).is_some() && (shape.requests || shape.responses) {
            return self.stream_raw(context, shape, requests, responses).await;
        }
        let (params, requests) = if shape.requests {
            (
                CallParams::Typed { method: shape.method, params: CheckedMessage::Nothing, is_typed: false },
                Some(requests),
            )
        } else {
            let request = read_single_request(&context, &mut requests).await?;
            (self.check_params(&context, request).await?, None)
        };
        if shape.responses {
            let streams = CallStreams { requests, responses: Some(responses) };
            let (outcome, sink) = self.run_on_instance(context, params, Some(Box::new(streams))).await?;
            return Ok(send_last_headers(outcome.into_unary()?, sink).await);
        }
        let streams = requests.map(|requests| Box::new(CallStreams { requests: Some(requests), responses: None }));
        let (outcome, _) = self.run_on_instance(context, params, streams).await?;
        Ok(send_single(outcome.into_unary()?, responses).await)
    }

    /// Waits for the first request, so that a silent stream holds no instance. A handler that also sends messages may be the
    /// one that begins: it gets an instance at once while many are free, and waits for that otherwise.
    async fn wait_for_request(&self, context: &Context, requests: &mut RequestStream, can_begin: bool) {
        if !can_begin {
            return requests.wait_for_first().await;
        }
        // The caller in this process holds an instance while it waits.
        let is_outside = context.chain.is_empty();
        while is_outside && !self.dispatcher.has_spare() {
            if tokio::time::timeout(FIRST_REQUEST_PATIENCE, requests.wait_for_first()).await.is_ok() {
                return;
            }
        }
    }

    /// Runs a call with streams on encoded messages. The handler has a stream on both sides; on a side where the method has
    /// none, it holds one message.
    async fn stream_raw(
        &self,
        context: Box<Context>,
        shape: StreamShape,
        mut requests: RequestStream,
        responses: ResponseSink,
    ) -> Result<Metadata, CallFailure> {
        if !shape.requests {
            requests = RequestStream::one(read_single_request(&context, &mut requests).await?);
        }
        let (params, path) = (CallParams::RawStream { method: shape.method }, context.path());
        if shape.responses {
            let streams = CallStreams { requests: Some(requests), responses: Some(responses) };
            let (outcome, sink) = self.run_on_instance(context, params, Some(Box::new(streams))).await?;
            return Ok(send_last_headers(outcome.into_unary()?, sink).await);
        }
        let (sink, mut written) = response_channel();
        let streams = CallStreams { requests: Some(requests), responses: Some(sink) };
        let running = self.run_on_instance(context, params, Some(Box::new(streams)));
        // The queue has an end: it is read while the handler runs. Its sink, if it comes back, is dropped with the result.
        let running = async { running.await.map(|(outcome, _)| outcome) };
        let (outcome, response) = tokio::join!(running, written.read_single());
        let mut outcome = outcome?.into_unary()?;
        let (headers, message) = response.map_err(|count| count.of_responses(&path))?;
        if !headers.is_empty() {
            outcome.headers = headers;
        }
        Ok(send_single(UnaryResponse { message, ..outcome }, responses).await)
    }

    /// Leases an instance and runs the call on it.
    ///
    /// # Cancellation
    /// Dropping the future leaves nothing behind but a free slot in the pool; a call that has begun on a singleton goes on, and
    /// other unary calls do for some milliseconds.
    async fn run_on_instance(
        &self,
        context: Box<Context>,
        params: CallParams,
        streams: Option<Box<CallStreams>>,
    ) -> Result<(LocalResponse, Option<ResponseSink>), CallFailure> {
        let lease_deadline = context.deadline.or_else(|| Deadline::after(self.component.run().deadline));
        let lease_deadline = lease_deadline.map_or_else(Instant::now, |deadline| deadline.at);
        // A call from another service counts for that service's own caller already.
        let client = context.client().filter(|_| context.chain.is_empty());
        let lease = self.dispatcher.lease(lease_deadline, context.chain.len(), client).await;
        let lease = lease.map_err(|error| lease_status(&context, error))?;
        match client.filter(|_| streams.is_some()) {
            None => self.run_to_end(lease, context, params, streams).await,
            // Boxed: most calls have no streams.
            Some(client) => Box::pin(self.run_within_share(client, lease, context, params, streams)).await,
        }
    }

    /// Runs a call with streams of a client until it ends, or the client has to make room for others.
    async fn run_within_share(
        &self,
        client: IpAddr,
        lease: InstanceLease<SyncWrapper<Instance>>,
        context: Box<Context>,
        params: CallParams,
        streams: Option<Box<CallStreams>>,
    ) -> Result<(LocalResponse, Option<ResponseSink>), CallFailure> {
        let stream = self.dispatcher.shares().hold(client);
        let path = context.path();
        tokio::select! {
            biased;
            outcome = self.run_to_end(lease, context, params, streams) => outcome,
            () = stream.ended() => {
                let message = format!(
                    "`{path}`: the stream ended because a call of another client waits for an instance, and streams of \
                     this client hold more than three quarters of them"
                );
                Err(Status::new(Code::ResourceExhausted, message).into())
            }
        }
    }

    /// Runs a call on a leased instance.
    async fn run_to_end(
        &self,
        lease: InstanceLease<SyncWrapper<Instance>>,
        context: Box<Context>,
        params: CallParams,
        streams: Option<Box<CallStreams>>,
    ) -> Result<(LocalResponse, Option<ResponseSink>), CallFailure> {
        let (component, method, is_large) = (self.component.clone(), params.method(), params.is_large());
        // A singleton has its own way to let calls go on.
        let may_finish = streams.is_none() && self.singleton.is_none();
        let begin = |context| {
            let call = run_on_lease(component.clone(), lease, context, params, streams);
            SlicedCall::new(component, method, is_large, may_finish, Box::pin(call))
        };
        let ended = |ended: TickerEnded| Err(Status::new(Code::Internal, ended.to_string()).into());
        match &self.singleton {
            None => begin(context).await.unwrap_or_else(ended),
            Some(singleton) => {
                let work = |context| {
                    let call = begin(context);
                    async move { call.await.unwrap_or_else(ended) }
                };
                Box::pin(singleton.run_to_end(context, work)).await
            }
        }
    }
}

impl IdleOwner for InstanceDispatcher {
    fn idle_count(&self) -> usize {
        Dispatcher::idle_count(self)
    }

    fn drop_idle(&self) {
        Dispatcher::drop_idle(self);
    }
}

/// Sends the headers of a handler that wrote no message, and returns the trailers.
async fn send_last_headers(outcome: UnaryResponse, sink: Option<ResponseSink>) -> Metadata {
    if let Some(mut sink) = sink
        && !outcome.headers.is_empty()
    {
        // When the caller has gone, the headers have no reader.
        let _ = sink.headers(outcome.headers).await;
    }
    outcome.trailers
}

/// Sends the one response of a call, and returns the trailers.
async fn send_single(outcome: UnaryResponse, mut responses: ResponseSink) -> Metadata {
    // When the caller has gone, they have no reader.
    if !outcome.headers.is_empty() {
        let _ = responses.headers(outcome.headers).await;
    }
    let _ = responses.send(outcome.message).await;
    outcome.trailers
}

/// Runs a call on a leased instance, which is made first if the lease came without one.
async fn run_on_lease(
    component: Arc<CompiledComponent>,
    mut lease: InstanceLease<SyncWrapper<Instance>>,
    context: Box<Context>,
    params: CallParams,
    streams: Option<Box<CallStreams>>,
) -> Result<(LocalResponse, Option<ResponseSink>), CallFailure> {
    // An instance that grew too old while it was idle is replaced.
    let idle = lease.take_instance().and_then(|mut instance| (!instance.get_mut().is_spent()).then_some(instance));
    let mut instance = match idle {
        Some(instance) => instance,
        None => {
            // Boxed: most calls find an instance and have no need of so large a future.
            let instance = Box::pin(component.instantiate()).await.map_err(|error| {
                tracing::error!(service = %context.service, chain = context.trail(), %error, "cannot make an instance");
                let message = format!("no instance of {} can be made: {error}", context.call_chain());
                let code = if error.is_start_trap() { Code::Internal } else { Code::ResourceExhausted };
                Status::new(code, message)
            })?;
            Box::new(SyncWrapper::new(instance))
        }
    };
    let result = instance.get_mut().call(context, params, streams).await;
    if result.is_reusable && !instance.get_mut().is_spent() {
        lease.give_back(instance);
    }
    Ok((result.outcome?, result.responses))
}

impl CallHandler for Revision {
    fn unary(self: Arc<Self>, context: Context, request: Bytes) -> CallFuture<UnaryResponse> {
        match self.check_call(&context) {
            Ok(()) => {
                async move { self.run_unary(context, UnaryRequest::Encoded(request)).await?.into_unary() }.boxed()
            }
            Err(status) => refuse(status),
        }
    }

    fn streaming(
        self: Arc<Self>,
        context: Context,
        requests: RequestStream,
        responses: ResponseSink,
    ) -> CallFuture<Metadata> {
        match self.check_call(&context) {
            Ok(()) => async move { self.run_streaming(context, requests, responses).await }.boxed(),
            Err(status) => refuse(status),
        }
    }

    fn typed_callee(self: Arc<Self>, service: &str, method: &str, layouts: &MethodLayouts) -> Option<TypedMethod> {
        let number = self.component.typed_method(service, method, layouts)?;
        Some((self, number))
    }
}

impl TypedCallee for Revision {
    fn unary_typed(
        self: Arc<Self>,
        context: Context,
        method: usize,
        request: TypedMessage,
    ) -> CallFuture<LocalResponse> {
        match self.check_call(&context) {
            Ok(()) => async move { self.run_unary(context, UnaryRequest::Typed(method, request)).await }.boxed(),
            Err(status) => refuse(status),
        }
    }
}

fn lease_status(context: &Context, error: LeaseError) -> Status {
    let code = match error {
        LeaseError::Full { .. } | LeaseError::ClientFull { .. } => Code::ResourceExhausted,
        LeaseError::Expired => Code::DeadlineExceeded,
        LeaseError::Restarted => Code::Unavailable,
    };
    Status::new(code, format!("{}: {error}", context.call_chain()))
}
