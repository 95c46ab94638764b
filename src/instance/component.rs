//! A component that is compiled and linked.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use okra_codegen::contract::RAW_INTERFACE;
use okra_codegen::schema::Schema;
use wasmtime::Store;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime_wasi::WasiCtxBuilder;

use crate::call::{
    BudgetExceeded, ByteBudget, CallHandler, Code, Context, MethodLayouts, Status, TypedMessage, check_request_bytes,
    check_request_size,
};
use crate::config::{Language, Run, ServiceName};
use crate::host::{self, CallLabel, HostState, LogQuota};
use crate::instance::busy::BusyThreads;
use crate::instance::call::{CallParams, Instance};
use crate::instance::contract::check_contract;
use crate::instance::limits::ResourceBudget;
use crate::instance::output::GuestOutput;
use crate::instance::raw::RawFunctions;
use crate::instance::slice::{MethodPace, run_in_slices};
use crate::instance::slots::PackageSlots;
use crate::instance::store::StoreData;
use crate::instance::streams::StreamTable;
use crate::instance::ticker::Ticker;
use crate::instance::{CompileCache, ComponentEngine, InstanceError};
use crate::link::{ComponentLink, ExportedMethod, LinkMismatch, MessageLimits, ToolchainQuirks};
use crate::package::Package;

/// The most bytes of random numbers that a guest gets at once: a millisecond of work.
const MAX_RANDOM: u64 = 1 << 20;

/// The messages of the largest size that the host holds for an instance, at least.
const HELD_MESSAGES: u64 = 4;

/// The least that a guest may pass to one function of the host, in bytes, lists of lists included.
const LEAST_PARAMS: usize = 8 << 20;

/// The most memory that a message may take in a guest, as a multiple of the size that is allowed on the wire.
const EXPANSION: u64 = 16;

/// A component, compiled and linked: what instances are made of.
pub(crate) struct CompiledComponent {
    name: Arc<str>,
    engine: ComponentEngine,
    pre: InstancePre<StoreData>,
    pub(crate) link: ComponentLink,
    /// The methods of the services on encoded messages, by path. Their numbers are behind those of the link.
    raw_methods: HashMap<String, StreamShape>,
    /// How long the calls of each method took lately, by its number.
    paces: Vec<MethodPace>,
    run: Arc<Run>,
    pub(crate) limits: MessageLimits,
    /// Answers the calls that the component makes.
    handler: Arc<dyn CallHandler>,
    instances_made: AtomicU64,
    /// The lines that all instances together may log.
    log_quota: Arc<LogQuota>,
    /// The share of the package in the instances of the engine.
    slots: Arc<PackageSlots>,
    /// The bytes that the process holds for all instances together.
    memory: Arc<ByteBudget>,
}

/// Which sides of a method are streams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamShape {
    /// The number of the method in its component.
    pub(crate) method: usize,
    pub(crate) requests: bool,
    pub(crate) responses: bool,
}

impl CompiledComponent {
    /// Compiles a package's component, compares it with its schema and links it. `run` has the limits that the package gets;
    /// `handler` answers the calls that the component makes.
    ///
    /// # Errors
    /// Everything that keeps the component from running.
    pub(crate) async fn new(
        engine: &ComponentEngine,
        cache: &CompileCache,
        package: &Package,
        run: Arc<Run>,
        schema: &Schema,
        handler: Arc<dyn CallHandler>,
    ) -> Result<Self, InstanceError> {
        let manifest = package.manifest();
        let component = cache.compile(engine, &manifest.name, package.component()).await?;
        check_contract(engine.wasmtime(), &component, schema, &manifest.name)?;
        let names = |services: &[ServiceName]| services.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (serves, calls, raw) = (names(&manifest.serves), names(&manifest.calls), names(&manifest.raw));
        let quirks = match manifest.language {
            Language::Rust => ToolchainQuirks::None,
            Language::Python => ToolchainQuirks::NullBytes,
            Language::Go => ToolchainQuirks::NullAll,
            Language::Component => ToolchainQuirks::detect(package.component()),
        };
        let link = ComponentLink::new(engine.wasmtime(), &component, schema, &serves, &calls, quirks)
            .map_err(InstanceError::Mismatch)?;
        check_world(engine.wasmtime(), &component, &link, &raw)?;
        // Not known of a component that imports modules, which the linker refuses.
        let memories = component.resources_required().map_or(1, |required| required.num_memories);
        let pre = make_linker(engine, &link).and_then(|linker| linker.instantiate_pre(&component));
        let limits = MessageLimits {
            request: run.max_request_bytes(),
            response: run.max_response_bytes(),
            lowered: run.max_request.as_u64().saturating_mul(EXPANSION),
        };
        let raw_methods = raw_methods(package, &raw, link.export_count());
        let paces = (0..link.export_count() + raw_methods.len()).map(|_| MethodPace::default()).collect();
        Ok(Self {
            name: manifest.name.to_string().into(),
            engine: engine.clone(),
            pre: pre.map_err(InstanceError::Link)?,
            link,
            raw_methods,
            paces,
            run,
            limits,
            handler,
            instances_made: AtomicU64::new(0),
            log_quota: Arc::default(),
            slots: engine.slots().of_package(memories),
            memory: engine.memory().child("the package", u64::MAX),
        })
    }

    /// Returns the services that the component calls.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &Arc<str>> {
        self.link.calls().iter()
    }

    /// Returns how the component is to be run.
    pub(crate) fn run(&self) -> &Run {
        &self.run
    }

    /// Checks a request before an instance is leased for it.
    ///
    /// # Errors
    /// UNIMPLEMENTED when the component has no such method, else what is wrong with the message.
    pub(crate) fn check_params(&self, context: &Context, request: Bytes) -> Result<CallParams, Status> {
        check_request_size(&request, self.limits.request).map_err(|status| *status)?;
        if let Some(shape) = self.raw_shape(context) {
            return Ok(CallParams::Raw { method: shape.method, request });
        }
        let (method, export) = self.exported_method(&context.service, &context.method)?;
        let params = export.function().check_params(request, self.limits.lowered)?;
        Ok(CallParams::Typed { method, params, is_typed: false })
    }

    /// As [`check_params`](Self::check_params), with a request of the method with this number, as typed values of its layout.
    ///
    /// # Errors
    /// As [`check_params`](Self::check_params).
    pub(crate) fn check_typed_params(&self, method: usize, request: TypedMessage) -> Result<CallParams, Status> {
        check_request_bytes(request.wire_bytes, self.limits.request).map_err(|status| *status)?;
        let export = self.link.export(method);
        let export = export.ok_or_else(|| Status::new(Code::Unimplemented, format!("there is no method {method}")))?;
        let params = export.function().check_typed_params(request, self.limits.lowered)?;
        Ok(CallParams::Typed { method, params, is_typed: true })
    }

    /// Whether the messages of a method can be copied from component to component.
    #[cfg(test)]
    pub(crate) fn has_typed_values(&self, service: &str, method: &str) -> bool {
        let number = self.link.export_number(service, method);
        number.and_then(|number| self.link.export(number)).is_some_and(|export| export.function().layouts().is_some())
    }

    /// Returns the number of a method if its messages have these layouts.
    pub(crate) fn typed_method(&self, service: &str, method: &str, layouts: &MethodLayouts) -> Option<usize> {
        let number = self.link.export_number(service, method)?;
        (self.link.export(number)?.function().layouts() == Some(layouts)).then_some(number)
    }

    /// As [`check_params`](Self::check_params), on the threads for long calls.
    ///
    /// # Errors
    /// As [`check_params`](Self::check_params).
    pub(crate) async fn check_large_params(
        self: &Arc<Self>,
        context: &Context,
        request: Bytes,
    ) -> Result<CallParams, Status> {
        let (component, context) = (self.clone(), context.clone());
        let check = Box::pin(async move { component.check_params(&context, request) });
        match self.busy_threads().spawn(check) {
            Ok(task) => task.await.unwrap_or_else(|error| {
                tracing::error!(service = %self.name, %error, "the check of a request broke off");
                Err(Status::new(Code::Internal, "the check of the request broke off"))
            }),
            Err(check) => check.await,
        }
    }

    /// Returns which sides of a method are streams.
    ///
    /// # Errors
    /// UNIMPLEMENTED when the component has no such method.
    pub(crate) fn stream_shape(&self, context: &Context) -> Result<StreamShape, Status> {
        if let Some(shape) = self.raw_shape(context) {
            return Ok(shape);
        }
        let (method, export) = self.exported_method(&context.service, &context.method)?;
        Ok(StreamShape { method, requests: export.requests().is_some(), responses: export.responses().is_some() })
    }

    /// Returns which sides of a method are streams, if it is served on encoded messages.
    pub(crate) fn raw_shape(&self, context: &Context) -> Option<StreamShape> {
        if self.raw_methods.is_empty() { None } else { self.raw_methods.get(&context.path()).copied() }
    }

    /// Returns how long the calls of the method with this number took lately.
    pub(crate) fn pace(&self, method: usize) -> &MethodPace {
        static UNKNOWN: MethodPace = MethodPace::new();
        debug_assert!(method < self.paces.len(), "numbers of methods are those of this component");
        self.paces.get(method).unwrap_or(&UNKNOWN)
    }

    /// Returns the ticker of its engine.
    pub(crate) fn ticker(&self) -> &Ticker {
        self.engine.ticker()
    }

    /// Returns the threads on which its long calls go on.
    pub(crate) fn busy_threads(&self) -> &BusyThreads {
        self.engine.busy_threads()
    }

    /// Returns the number of a method, and the function that serves it.
    fn exported_method(&self, service: &str, method: &str) -> Result<(usize, &ExportedMethod), Status> {
        let number = self.link.export_number(service, method);
        number.and_then(|number| Some((number, self.link.export(number)?))).ok_or_else(|| {
            let message = format!("service `{service}` has no method `{method}`");
            Status::new(Code::Unimplemented, message)
        })
    }

    /// Makes an instance.
    ///
    /// # Errors
    /// When the process has no room for it, or the start of the component fails.
    pub(crate) async fn instantiate(self: &Arc<Self>) -> Result<Instance, InstanceError> {
        let permit = self.slots.take().await;
        let permit = permit.map_err(|error| InstanceError::Instantiate(wasmtime::Error::new(error)))?;
        let number = self.instances_made.fetch_add(1, Ordering::Relaxed);
        let call_label = CallLabel::default();
        let quota = &self.log_quota;
        let output = |stream| GuestOutput::new(stream, self.name.clone(), number, call_label.clone(), quota.clone());
        let wasi = WasiCtxBuilder::new()
            .stdout(output("stdout"))
            .stderr(output("stderr"))
            .max_random_size(MAX_RANDOM)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        let no_room = |exceeded: BudgetExceeded| InstanceError::Instantiate(wasmtime::Error::new(exceeded));
        // What the host holds for the guest beside its memory: metadata, and messages of the calls that it makes.
        let largest_messages = (self.limits.request.max(self.limits.response) as u64).saturating_mul(HELD_MESSAGES);
        let held = self.memory.child("the instance", self.run.memory.as_u64().max(largest_messages));
        let data = StoreData {
            host: HostState::new(self.name.clone(), number, call_label, quota.clone(), held.clone()),
            budget: ResourceBudget::new(
                self.run.memory.as_u64(),
                self.run.cpu,
                self.memory.charge(0).map_err(no_room)?,
            ),
            limits: self.limits,
            handler: self.handler.clone(),
            wasi,
            streams: StreamTable::new(held),
        };
        let mut store = Store::new(self.engine.wasmtime(), data);
        store.limiter(|data| &mut data.budget);
        store.set_hostcall_fuel(self.limits.request.max(self.limits.response).saturating_mul(2).max(LEAST_PARAMS));
        store.set_epoch_deadline(1);
        let ticker = self.engine.ticker().clone();
        store.epoch_deadline_callback(move |mut store| store.data_mut().budget.tick(ticker.ticks()));
        let started = run_in_slices(self.ticker(), self.pre.instantiate_async(&mut store)).await;
        let instance = started.map_err(|ended| InstanceError::Engine(wasmtime::Error::new(ended)))?;
        let instance = instance.map_err(InstanceError::Instantiate)?;
        Ok(Instance {
            component: self.clone(),
            store,
            instance,
            exports: (0..self.link.export_count()).map(|_| None).collect(),
            raw_functions: RawFunctions::default(),
            calls: 0,
            created: Instant::now(),
            _permit: permit,
        })
    }
}

/// Returns the methods of the services that a package serves on encoded messages. Their numbers begin with `first`.
fn raw_methods(package: &Package, services: &[String], first: usize) -> HashMap<String, StreamShape> {
    let services = services.iter().filter_map(|service| package.pool().get_service_by_name(service));
    let methods = services.flat_map(|service| service.methods().collect::<Vec<_>>());
    let shapes = methods.zip(first..).map(|(method, number)| {
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let (requests, responses) = (method.is_client_streaming(), method.is_server_streaming());
        (path, StreamShape { method: number, requests, responses })
    });
    shapes.collect()
}

/// Makes the linker of a component: WASI, the host's interfaces, and the component's own imports.
fn make_linker(engine: &ComponentEngine, link: &ComponentLink) -> wasmtime::Result<Linker<StoreData>> {
    let mut linker = Linker::new(engine.wasmtime());
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    for interface in host::interfaces() {
        (interface.add_to_linker)(&mut linker)?;
    }
    link.define(&mut linker)?;
    Ok(linker)
}

/// Checks that the host has everything that the component imports, and the component exports everything that its manifest
/// names. wasmtime itself would name only the first thing that is missing.
///
/// # Errors
/// All differences.
fn check_world(
    engine: &wasmtime::Engine,
    component: &Component,
    link: &ComponentLink,
    raw: &[String],
) -> Result<(), InstanceError> {
    let ty = component.component_type();
    let mut mismatches = Vec::new();
    for (import, item) in ty.imports(engine) {
        let is_known = import.starts_with("wasi:")
            || host::interface_names::<StoreData>().any(|name| name == import)
            || link.interfaces().any(|interface| interface == import);
        // An interface with nothing but types needs nothing of the host.
        let types_only = match item.ty {
            ComponentItem::ComponentInstance(instance) => {
                instance.exports(engine).all(|(_, item)| matches!(item.ty, ComponentItem::Type(_)))
            }
            _ => false,
        };
        if !is_known && !types_only {
            mismatches.push(LinkMismatch::UnknownImport {
                import: import.to_owned(),
                advice: "if it is a service, name it in `calls` in okra.toml and build again".to_owned(),
            });
        }
    }
    if !raw.is_empty() && ty.get_export(engine, RAW_INTERFACE).is_none() {
        mismatches.push(LinkMismatch::MissingService {
            service: raw.join(", "),
            interface: RAW_INTERFACE.to_owned(),
            found: ty.exports(engine).map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        });
    }
    if mismatches.is_empty() { Ok(()) } else { Err(InstanceError::Mismatch(mismatches)) }
}
