//! The data of a store: the call being served, and the host's answers to what the fixed world imports.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::bindings::okra::service::{context, log, outgoing, status};
use super::limits::Budget;
use super::output::Serving;
use super::streams::{Streams, Writer};
use crate::call::{Code, Codec, Context, Deadline, Failure, Metadata, Protocol, Reply, Requests, ResponseSink, Status};
use crate::link::{Answer, Host, Limits, Operation, Outcome};

/// Who answers the calls that components make: the router.
pub(crate) trait Callee: Send + Sync + 'static {
    /// Answers a unary call.
    fn call(self: Arc<Self>, context: Context, request: Bytes) -> BoxFuture<'static, Result<Reply, Failure>>;

    /// Answers a call with streams. What comes back are the trailers.
    fn streaming(
        self: Arc<Self>,
        context: Context,
        requests: Requests,
        responses: ResponseSink,
    ) -> BoxFuture<'static, Result<Metadata, Failure>>;
}

/// A call being served, with what its handler has said so far.
pub(super) struct Served {
    pub(super) context: Context,
    pub(super) headers: Metadata,
    pub(super) trailers: Metadata,
}

/// The data of a store.
pub(super) struct State {
    pub(super) service: Arc<str>,
    pub(super) instance: u64,
    pub(super) budget: Budget,
    pub(super) limits: Limits,
    pub(super) callee: Arc<dyn Callee>,
    pub(super) call: Option<Served>,
    pub(super) serving: Serving,
    pub(super) wasi: WasiCtx,
    pub(super) table: ResourceTable,
    /// Scopes that live, the newest last.
    pub(super) scopes: Vec<u32>,
    pub(super) streams: Streams,
}

/// Settings of the calls that a guest makes, and what the last of them brought back.
#[derive(Default)]
#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Scope {
    timeout: Option<Duration>,
    metadata: Metadata,
    headers: Metadata,
    trailers: Metadata,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// How many services a call may pass through.
const MAX_CHAIN: usize = 32;

/// What a call hands on to those that it makes, unless the guest says otherwise: <https://www.w3.org/TR/trace-context/>
const TRACE_CONTEXT: [&str; 2] = ["traceparent", "tracestate"];

impl State {
    /// A call begins. What an earlier one left behind counts for nothing.
    pub(super) fn begin(&mut self, context: Context) {
        self.budget.reset();
        self.serving.begin(&context);
        self.scopes.clear();
        self.streams.clear();
        self.call = Some(Served { context, headers: Metadata::default(), trailers: Metadata::default() });
    }

    fn call(&self) -> Result<&Served> {
        self.call.as_ref().ok_or_else(|| wasmtime::Error::msg("there is no call in progress"))
    }

    fn call_mut(&mut self) -> Result<&mut Served> {
        self.call.as_mut().ok_or_else(|| wasmtime::Error::msg("there is no call in progress"))
    }

    fn scope(&mut self) -> Option<&mut Scope> {
        let rep = *self.scopes.last()?;
        self.scope_of(rep)
    }

    fn scope_of(&mut self, rep: u32) -> Option<&mut Scope> {
        self.table.get_mut(&Resource::<Scope>::new_borrow(rep)).ok()
    }

    /// Hands what a call with streams has brought back to the scope in which it began.
    fn hear(&mut self, number: u32) {
        let said = self.streams.call_mut(number).ok().and_then(|call| call.said());
        if let Some((scope, headers, trailers)) = said
            && let Some(scope) = self.scope_of(scope)
        {
            (scope.headers, scope.trailers) = (headers, trailers);
        }
    }

    /// The context of a call that the guest makes, from that of the call being served.
    fn onward(&mut self, path: &str) -> Result<Context, Status> {
        let (service, method) = path.strip_prefix('/').and_then(|path| path.split_once('/')).unwrap_or((path, ""));
        let (timeout, mut metadata) =
            self.scope().map(|scope| (scope.timeout, scope.metadata.clone())).unwrap_or_default();
        let Some(served) = &self.call else {
            return Err(Status::new(
                Code::FailedPrecondition,
                "a component may call services only while it serves a call",
            ));
        };
        let parent = &served.context;
        let chain: Arc<[Arc<str>]> = parent.chain.iter().chain([&parent.service]).cloned().collect();
        if chain.len() > MAX_CHAIN {
            let message =
                format!("the call has passed through {MAX_CHAIN} services: {} -> {service}", chain.join(" -> "));
            return Err(Status::new(Code::ResourceExhausted, message));
        }
        for name in TRACE_CONTEXT {
            if let (None, Some(value)) = (metadata.get(name), parent.metadata.get(name)) {
                // What came in can go out.
                let _ = metadata.add(name, value);
            }
        }
        Ok(Context {
            service: service.into(),
            method: method.into(),
            protocol: Protocol::Local,
            codec: Codec::Proto,
            get_query: None,
            metadata,
            deadline: Deadline::sooner(timeout.and_then(Deadline::after), parent.deadline),
            peer: None,
            identity: None,
            authority: None,
            chain,
            cancellation: parent.cancellation.child_token(),
        })
    }
}

impl Host for State {
    fn limits(&self) -> Limits {
        self.limits
    }

    async fn answer(
        mut store: StoreContextMut<'_, Self>,
        operation: Operation,
        message: Bytes,
    ) -> Result<Answer<Outcome>> {
        let state = store.data_mut();
        let answer = match operation {
            Operation::Call(path) => return Ok(state.unary(&path, message).await.map(Outcome::Message)),
            Operation::Open { path, request } => {
                let context = match state.onward(&path) {
                    Ok(context) => context,
                    Err(status) => return Ok(Err(Box::new(status))),
                };
                let (callee, scope) = (state.callee.clone(), state.scopes.last().copied());
                let opened = state.streams.call(callee, context, request.then_some(message), scope)?;
                return Ok(opened.map(Outcome::Stream));
            }
            Operation::Read(number) => {
                let read = state.streams.reader(number)?.read().await;
                state.hear(number);
                read.map(|message| message.map_or(Outcome::Nothing, Outcome::Message))
            }
            Operation::Write(number) => {
                let writer = state.streams.writer(number)?;
                let headers = match (&writer, &mut state.call) {
                    (Writer::Responses(_), Some(served)) => std::mem::take(&mut served.headers),
                    _ => Metadata::default(),
                };
                writer.write(headers, message).await.map(|()| Outcome::Nothing)
            }
            Operation::DoneWriting(number) => {
                state.streams.call_mut(number)?.done_writing();
                Ok(Outcome::Nothing)
            }
            Operation::Finish(number) => {
                let finished = state.streams.call_mut(number)?.finish().await;
                state.hear(number);
                finished.map(Outcome::Message)
            }
        };
        // A stream may live long: its CPU time is counted from message to message.
        state.budget.reset();
        Ok(answer)
    }

    fn dropped(&mut self, number: u32) {
        self.streams.dropped(number);
    }
}

impl State {
    /// Makes a unary call.
    async fn unary(&mut self, path: &str, request: Bytes) -> Answer<Bytes> {
        let context = self.onward(path).map_err(Box::new)?;
        let answer = self.callee.clone().call(context, request).await;
        let (headers, trailers, answer) = match answer {
            Ok(reply) => (reply.headers, reply.trailers, Ok(reply.message)),
            Err(failure) => (failure.headers, failure.status.metadata.clone(), Err(failure.status)),
        };
        if let Some(scope) = self.scope() {
            (scope.headers, scope.trailers) = (headers, trailers);
        }
        answer
    }
}

fn entries(metadata: &Metadata) -> Vec<status::Entry> {
    metadata.iter().map(|(name, value)| status::Entry { name: name.to_owned(), value: value.to_vec() }).collect()
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl status::Host for State {}

impl context::Host for State {
    fn service(&mut self) -> Result<String> {
        Ok(self.call()?.context.service.to_string())
    }

    fn method(&mut self) -> Result<String> {
        Ok(self.call()?.context.method.to_string())
    }

    fn protocol(&mut self) -> Result<String> {
        let protocol = match self.call()?.context.protocol {
            Protocol::Grpc => "grpc",
            Protocol::GrpcWeb => "grpc-web",
            Protocol::Connect => "connect",
            Protocol::Rest => "rest",
            Protocol::Local => "local",
        };
        Ok(protocol.to_owned())
    }

    fn codec(&mut self) -> Result<String> {
        let codec = match self.call()?.context.codec {
            Codec::Proto => "proto",
            Codec::Json => "json",
        };
        Ok(codec.to_owned())
    }

    fn get_query(&mut self) -> Result<Option<String>> {
        Ok(self.call()?.context.get_query.clone())
    }

    fn metadata(&mut self) -> Result<Vec<status::Entry>> {
        Ok(entries(&self.call()?.context.metadata))
    }

    fn timeout(&mut self) -> Result<Option<u64>> {
        Ok(self.call()?.context.deadline.and_then(|deadline| deadline.timeout).map(nanoseconds))
    }

    fn remaining(&mut self) -> Result<Option<u64>> {
        Ok(self.call()?.context.deadline.map(|deadline| nanoseconds(deadline.remaining())))
    }

    fn peer(&mut self) -> Result<Option<String>> {
        Ok(self.call()?.context.peer.map(|peer| peer.to_string()))
    }

    fn caller(&mut self) -> Result<Option<String>> {
        Ok(self.call()?.context.identity.as_ref().map(|identity| identity.name.clone()))
    }

    fn client_certificate(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(self.call()?.context.identity.as_ref().map(|identity| identity.certificate.clone()))
    }

    fn authority(&mut self) -> Result<Option<String>> {
        Ok(self.call()?.context.authority.clone())
    }

    fn chain(&mut self) -> Result<Vec<String>> {
        Ok(self.call()?.context.chain.iter().map(|service| service.to_string()).collect())
    }

    fn cancelled(&mut self) -> Result<bool> {
        Ok(self.call()?.context.cancellation.is_cancelled())
    }

    fn add_header(&mut self, name: String, value: Vec<u8>) -> Result<Result<(), String>> {
        if self.streams.have_begun() {
            return Ok(Err("the headers have left with the first message".to_owned()));
        }
        Ok(self.call_mut()?.headers.add(&name, &value).map_err(|error| error.to_string()))
    }

    fn add_trailer(&mut self, name: String, value: Vec<u8>) -> Result<Result<(), String>> {
        Ok(self.call_mut()?.trailers.add(&name, &value).map_err(|error| error.to_string()))
    }
}

impl outgoing::Host for State {}

impl outgoing::HostScope for State {
    fn new(&mut self) -> Result<Resource<Scope>> {
        let scope = self.table.push(Scope::default())?;
        self.scopes.push(scope.rep());
        Ok(scope)
    }

    fn set_timeout(&mut self, scope: Resource<Scope>, nanoseconds: u64) -> Result<()> {
        self.table.get_mut(&scope)?.timeout = Some(Duration::from_nanos(nanoseconds));
        Ok(())
    }

    fn add_metadata(&mut self, scope: Resource<Scope>, name: String, value: Vec<u8>) -> Result<Result<(), String>> {
        Ok(self.table.get_mut(&scope)?.metadata.add(&name, &value).map_err(|error| error.to_string()))
    }

    fn headers(&mut self, scope: Resource<Scope>) -> Result<Vec<status::Entry>> {
        Ok(entries(&self.table.get(&scope)?.headers))
    }

    fn trailers(&mut self, scope: Resource<Scope>) -> Result<Vec<status::Entry>> {
        Ok(entries(&self.table.get(&scope)?.trailers))
    }

    fn drop(&mut self, scope: Resource<Scope>) -> Result<()> {
        self.scopes.retain(|rep| *rep != scope.rep());
        self.table.delete(scope)?;
        Ok(())
    }
}

impl log::Host for State {
    fn write(&mut self, level: log::Level, message: String, fields: Vec<log::Field>) -> Result<()> {
        let fields: Vec<_> = fields.iter().map(|field| format!("{}={:?}", field.name, field.value)).collect();
        let (service, instance, fields) = (&self.service, self.instance, fields.join(" "));
        let chain = self.call.as_ref().and_then(|served| served.context.trail());
        let (method, peer) = self.serving.fields();
        let peer = peer.map(tracing::field::display);
        macro_rules! write {
            ($level:ident) => {
                tracing::$level!(target: "okra::guest", %service, instance, method, peer, chain, fields, "{message}")
            };
        }
        match level {
            log::Level::Trace => write!(trace),
            log::Level::Debug => write!(debug),
            log::Level::Info => write!(info),
            log::Level::Warn => write!(warn),
            log::Level::Error => write!(error),
        }
        Ok(())
    }

    fn enabled(&mut self, level: log::Level) -> Result<bool> {
        Ok(match level {
            log::Level::Trace => tracing::enabled!(target: "okra::guest", tracing::Level::TRACE),
            log::Level::Debug => tracing::enabled!(target: "okra::guest", tracing::Level::DEBUG),
            log::Level::Info => tracing::enabled!(target: "okra::guest", tracing::Level::INFO),
            log::Level::Warn => tracing::enabled!(target: "okra::guest", tracing::Level::WARN),
            log::Level::Error => tracing::enabled!(target: "okra::guest", tracing::Level::ERROR),
        })
    }
}
