//! A component that is compiled and linked, and the instances that are made of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use okra_codegen::contract::RAW_INTERFACE;
use okra_codegen::schema::Schema;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, HasSelf, InstancePre, Linker, TypedFunc};
use wasmtime::{Store, Trap};
use wasmtime_wasi::WasiCtxBuilder;

use super::bindings::{Service, okra::service::status};
use super::contract::check_contract;
use super::limits::{Budget, Exceeded};
use super::output::{Output, Serving};
use super::state::{Callee, State};
use super::streams::Streams;
use super::{Cache, Engine, InstanceError};
use crate::call::{Code, Context, Detail, Failure, Metadata, Reply, Requests, ResponseSink, Status};
use crate::config::{Isolation, Run};
use crate::link::{Answer, Bound, Export, Limits, Link, LinkError, Mismatch, Prepared, Quirks};
use crate::registry::Package;

/// A message in a guest's memory may take this many times the size that is allowed on the wire.
const EXPANSION: u64 = 16;

/// Resources of the host (scopes, and what WASI has) that an instance may hold: more is a leak of its own.
const MAX_RESOURCES: usize = 10_000;

/// A component, compiled and linked: what instances are made of.
pub(crate) struct Template {
    name: Arc<str>,
    engine: Engine,
    pre: InstancePre<State>,
    link: Link,
    raw: Vec<String>,
    run: Run,
    limits: Limits,
    callee: Arc<dyn Callee>,
    instances: AtomicU64,
}

/// Which sides of a method are streams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) requests: bool,
    pub(crate) responses: bool,
}

/// What the handler of a method is called with.
pub(crate) enum Request {
    /// A message that was checked.
    Typed(Prepared),
    /// An encoded message.
    Raw(Bytes),
}

impl Template {
    /// Compiles a package's component, compares it with its schema and links it.
    ///
    /// # Errors
    /// Everything that keeps the component from running.
    pub(crate) fn new(
        engine: &Engine,
        cache: &Cache,
        package: &Package,
        schema: &Schema,
        callee: Arc<dyn Callee>,
    ) -> Result<Self, InstanceError> {
        let manifest = package.manifest();
        let component = cache.compile(engine, package.component())?;
        check_contract(engine.wasmtime(), &component, schema, &manifest.name)?;
        let names =
            |services: &[crate::config::ServiceName]| services.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        let (serves, calls, raw) = (names(&manifest.serves), names(&manifest.calls), names(&manifest.raw));
        let quirks = Quirks::of(package.component());
        let link = Link::new(engine.wasmtime(), &component, schema, &serves, &calls, quirks)
            .map_err(InstanceError::Mismatch)?;
        check_world(engine.wasmtime(), &component, &link, &raw)?;
        let mut linker = Linker::new(engine.wasmtime());
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(InstanceError::Link)?;
        Service::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut State| state).map_err(InstanceError::Link)?;
        link.define(&mut linker).map_err(InstanceError::Link)?;
        let pre = linker.instantiate_pre(&component).map_err(InstanceError::Link)?;
        let run = manifest.run.clone();
        let size = |size: bytesize::ByteSize| usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
        let limits = Limits {
            request: size(run.max_request),
            response: size(run.max_response),
            lowered: run.max_request.as_u64().saturating_mul(EXPANSION),
        };
        Ok(Self {
            name: manifest.name.to_string().into(),
            engine: engine.clone(),
            pre,
            link,
            raw,
            run,
            limits,
            callee,
            instances: AtomicU64::new(0),
        })
    }

    /// The services that the component calls.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &Arc<str>> {
        self.link.calls().iter()
    }

    pub(crate) fn run(&self) -> &Run {
        &self.run
    }

    /// Checks a request before an instance is taken for it.
    ///
    /// # Errors
    /// UNIMPLEMENTED when the component has no such method, else what is wrong with the message.
    pub(crate) fn prepare(&self, context: &Context, request: Bytes) -> Result<Request, Status> {
        if self.raw.iter().any(|service| **service == *context.service) {
            return Ok(Request::Raw(request));
        }
        let export = self.export(context)?;
        Ok(Request::Typed(export.function().prepare_request(request, self.limits.lowered)?))
    }

    /// What a method streams.
    ///
    /// # Errors
    /// UNIMPLEMENTED when the component has no such method, or serves it on encoded messages, without streams.
    pub(crate) fn shape(&self, context: &Context) -> Result<Shape, Status> {
        if self.raw.iter().any(|service| **service == *context.service) {
            let message = format!("`{}` is served on encoded messages, which cannot stream", context.service);
            return Err(Status::new(Code::Unimplemented, message));
        }
        let export = self.export(context)?;
        Ok(Shape { requests: export.requests().is_some(), responses: export.responses().is_some() })
    }

    fn export(&self, context: &Context) -> Result<&Export, Status> {
        self.link.export_of(&context.path()).ok_or_else(|| {
            Status::new(
                Code::Unimplemented,
                format!("service `{}` has no method `{}`", context.service, context.method),
            )
        })
    }

    /// Makes an instance.
    ///
    /// # Errors
    /// When the process has no room for it, or its own start fails.
    pub(crate) async fn instantiate(self: &Arc<Self>) -> Result<Instance, InstanceError> {
        let id = self.instances.fetch_add(1, Ordering::Relaxed);
        let serving = Serving::default();
        let output = |stream| Output::new(stream, self.name.clone(), id, serving.clone());
        let wasi = WasiCtxBuilder::new()
            .stdout(output("stdout"))
            .stderr(output("stderr"))
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        let mut table = wasmtime::component::ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        let state = State {
            service: self.name.clone(),
            instance: id,
            budget: Budget::new(self.run.memory.as_u64(), self.run.cpu),
            limits: self.limits,
            callee: self.callee.clone(),
            call: None,
            serving,
            wasi,
            table,
            scopes: Vec::new(),
            streams: Streams::default(),
        };
        let mut store = Store::new(self.engine.wasmtime(), state);
        store.limiter(|state| &mut state.budget);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| store.data_mut().budget.tick());
        let instance = self.pre.instantiate_async(&mut store).await.map_err(InstanceError::Instantiate)?;
        Ok(Instance {
            template: self.clone(),
            store,
            instance,
            bound: HashMap::new(),
            raw: None,
            calls: 0,
            born: Instant::now(),
        })
    }
}

/// Everything imported must be offered, everything in the manifest exported: said here in our words, because wasmtime
/// names only the first thing that is missing.
fn check_world(
    engine: &wasmtime::Engine,
    component: &Component,
    link: &Link,
    raw: &[String],
) -> Result<(), InstanceError> {
    let ty = component.component_type();
    let mut mismatches = Vec::new();
    for (import, item) in ty.imports(engine) {
        let offered = import.starts_with("wasi:")
            || import.starts_with("okra:service/")
            || link.interfaces().any(|interface| interface == import);
        // An interface with nothing but types asks for nothing.
        let types_only = match item.ty {
            ComponentItem::ComponentInstance(instance) => {
                instance.exports(engine).all(|(_, item)| matches!(item.ty, ComponentItem::Type(_)))
            }
            _ => false,
        };
        if !offered && !types_only {
            mismatches.push(Mismatch::UnknownImport {
                import: import.to_owned(),
                advice: "if it is a service, name it in `calls` in okra.toml and build again".to_owned(),
            });
        }
    }
    if !raw.is_empty() && ty.get_export(engine, RAW_INTERFACE).is_none() {
        mismatches.push(Mismatch::MissingService {
            service: raw.join(", "),
            interface: RAW_INTERFACE.to_owned(),
            found: ty.exports(engine).map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        });
    }
    if mismatches.is_empty() { Ok(()) } else { Err(InstanceError::Mismatch(mismatches)) }
}

type RawHandle = TypedFunc<(String, Vec<u8>), (Result<Vec<u8>, status::Error>,)>;

/// How an instance served a call.
pub(crate) struct Served {
    /// Headers in it are those that have not left yet.
    pub(crate) answer: Result<Reply, Failure>,
    /// Where the responses of a stream go, when it is whole.
    pub(crate) responses: Option<ResponseSink>,
    /// Whether the instance may serve again: after a trap, a broken limit or an answer that is no value it may not.
    pub(crate) usable: bool,
}

/// One instance of a component.
pub(crate) struct Instance {
    template: Arc<Template>,
    store: Store<State>,
    instance: wasmtime::component::Instance,
    bound: HashMap<String, Bound<State>>,
    raw: Option<RawHandle>,
    calls: u64,
    born: Instant,
}

impl Instance {
    /// Whether its time has come: it is replaced between two calls.
    pub(crate) fn is_spent(&self) -> bool {
        let run = self.template.run();
        (run.isolation == Isolation::Request && self.calls > 0)
            || run.max_calls.is_some_and(|most| self.calls >= most.get())
            || run.max_age.is_some_and(|most| self.born.elapsed() >= most)
    }

    /// Serves a call. `requests` and `responses` are what it streams; of the one without the other, the method has one
    /// message on that side.
    ///
    /// # Cancellation
    /// When the future is dropped before its end, the instance must be dropped too.
    pub(crate) fn call(
        &mut self,
        context: Context,
        request: Request,
        requests: Option<Requests>,
        responses: Option<ResponseSink>,
    ) -> impl Future<Output = Served> + Send {
        self.calls += 1;
        let path = context.path();
        self.store.data_mut().begin(context);
        async move {
            let outcome = match request {
                Request::Typed(request) => self.typed(path, request, requests, responses).await,
                Request::Raw(request) => self.raw(path, request).await.map(|answer| (answer, None)),
            };
            self.served(outcome)
        }
    }

    /// What a call came to, and whether the instance outlives it.
    fn served(&mut self, outcome: wasmtime::Result<(Answer<Bytes>, Option<ResponseSink>)>) -> Served {
        let state = self.store.data_mut();
        let served = state.call.take();
        let chain = served.as_ref().and_then(|served| served.context.trail());
        let (headers, trailers) = served.map(|served| (served.headers, served.trailers)).unwrap_or_default();
        match outcome {
            Ok((answer, responses)) => {
                let answer = match answer {
                    Ok(message) => Ok(Reply { headers, message, trailers }),
                    Err(mut status) => {
                        let said = std::mem::replace(&mut status.metadata, trailers);
                        status.metadata.extend(said);
                        Err(Failure { headers, status })
                    }
                };
                Served { answer, responses, usable: true }
            }
            Err(error) => {
                tracing::warn!(service = %state.service, instance = state.instance, chain, error = format!("{error:?}"), "a call ended its instance");
                let answer = Err(Failure { headers, status: Box::new(broken(&error)) });
                Served { answer, responses: None, usable: false }
            }
        }
    }

    async fn typed(
        &mut self,
        path: String,
        request: Prepared,
        requests: Option<Requests>,
        responses: Option<ResponseSink>,
    ) -> wasmtime::Result<(Answer<Bytes>, Option<ResponseSink>)> {
        let limit = self.template.limits.response;
        let template = self.template.clone();
        let export =
            template.link.export_of(&path).ok_or_else(|| wasmtime::Error::msg("the method is not exported"))?;
        let bound = match self.bound.get(&path) {
            Some(bound) => bound.clone(),
            None => {
                let bound = export.bind(&mut self.store, &self.instance)?;
                self.bound.insert(path, bound.clone());
                bound
            }
        };
        let streams = &mut self.store.data_mut().streams;
        let mut lent = Vec::new();
        if let (Some(resource), Some(requests)) = (export.requests(), requests) {
            lent.push((resource, streams.requests(requests)?));
        }
        let mut writer = None;
        if let (Some(resource), Some(responses)) = (export.responses(), responses) {
            let number = streams.responses(responses)?;
            lent.push((resource, number));
            writer = Some(number);
        }
        let answer = bound.call(&mut self.store, request, &lent, limit).await?;
        let streams = &mut self.store.data_mut().streams;
        let responses = writer.and_then(|number| streams.take_responses(number));
        // What the handler has not read of its requests is not wanted any more; calls that it left open end.
        streams.clear();
        Ok((answer, responses))
    }

    async fn raw(&mut self, path: String, request: Bytes) -> wasmtime::Result<Answer<Bytes>> {
        let limit = self.template.limits.response;
        let handle = match &self.raw {
            Some(handle) => *handle,
            None => {
                let interface = self.instance.get_export_index(&mut self.store, None, RAW_INTERFACE);
                let index = self.instance.get_export_index(&mut self.store, interface.as_ref(), "handle");
                let index = index.ok_or_else(|| wasmtime::Error::msg("`handle` is not exported"))?;
                *self.raw.insert(self.instance.get_typed_func(&mut self.store, index)?)
            }
        };
        let (answer,) = handle.call_async(&mut self.store, (path, request.to_vec())).await?;
        Ok(match answer {
            Ok(message) if message.len() > limit => {
                let message = format!("the response is larger than {limit} bytes");
                Err(Box::new(Status::new(Code::ResourceExhausted, message)))
            }
            Ok(message) => Ok(message.into()),
            Err(error) => Err(Box::new(error.into())),
        })
    }
}

impl From<status::Error> for Status {
    fn from(error: status::Error) -> Self {
        let mut metadata = Metadata::default();
        for entry in &error.metadata {
            if let Err(invalid) = metadata.add(&entry.name, &entry.value) {
                tracing::warn!(error = %invalid, "the component's error carries metadata that cannot be sent");
            }
        }
        let details = error.details.into_iter();
        Status {
            code: Code::from_number(error.code as i32 + 1),
            message: error.message,
            details: details.map(|detail| Detail { type_url: detail.type_url, value: detail.value }).collect(),
            metadata,
        }
    }
}

/// The status of a call that broke its instance. The client learns what happened, not where: the log has that.
fn broken(error: &wasmtime::Error) -> Status {
    if let Some(exceeded) = error.downcast_ref::<Exceeded>() {
        return Status::new(Code::ResourceExhausted, exceeded.to_string());
    }
    if let Some(LinkError::Lift(lift)) = error.downcast_ref::<LinkError>() {
        return lift.into();
    }
    let message = match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => "the component overflowed its stack".to_owned(),
        Some(trap) => format!("the component trapped: {trap}"),
        None => format!("the component broke off: {}", error.root_cause()),
    };
    Status::new(Code::Internal, message)
}
