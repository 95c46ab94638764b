//! The link of one component: its exports as functions to call, its imports as functions of the host.

use std::collections::HashMap;
use std::sync::Arc;

use okra_codegen::contract::RAW_STREAMS_INTERFACE;
use okra_codegen::schema::{Kind, Method, Scalar, Schema, Service, StreamId};
use wasmtime::Engine;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Linker};

use crate::link::abi::ExportedMethod;
use crate::link::error::LinkMismatch;
use crate::link::function::{ComponentFunction, ResourceId};
use crate::link::imports;
use crate::link::matching::{Resources, compare_function};
use crate::link::operation::{HostOperation, ImportHost, ImportTarget, ImportedMethod};
use crate::link::plan::SchemaPlan;
use crate::link::quirks::ToolchainQuirks;

/// The resource of the requests of a call on encoded messages. Those of the schema count from 0.
pub(crate) const RAW_REQUESTS: ResourceId = ResourceId::MAX - 1;
/// The resource of the responses of such a call.
pub(crate) const RAW_RESPONSES: ResourceId = ResourceId::MAX;

/// The functions by which the host calls a component, and those by which it is called.
pub(crate) struct ComponentLink {
    /// The functions that serve methods, and their numbers by service and method.
    exports: Vec<ExportedMethod>,
    export_numbers: MethodNumbers,
    /// Full names of the services that the component calls.
    calls: Vec<Arc<str>>,
    interfaces: Vec<ImportInterface>,
}

/// Numbers of methods, by the full names of their services and their own names.
type MethodNumbers = HashMap<Arc<str>, HashMap<Arc<str>, usize>>;

/// An interface that the component imports and the host answers by its descriptors.
struct ImportInterface {
    name: String,
    resources: Vec<(String, ResourceId)>,
    functions: Vec<(Arc<ComponentFunction>, ImportTarget)>,
}

impl ComponentLink {
    /// Plans the schema and compares it with the component.
    ///
    /// `serves` and `calls` are full names of services of the schema.
    ///
    /// # Errors
    /// Every way in which the component is not what the schema says.
    pub(crate) fn new(
        engine: &Engine,
        component: &Component,
        schema: &Schema,
        serves: &[String],
        calls: &[String],
        quirks: ToolchainQuirks,
    ) -> Result<Self, Vec<LinkMismatch>> {
        let plan = Arc::new(SchemaPlan::new(schema, quirks));
        let mut linking =
            LinkBuilder { engine, component, schema, plan, resources: Resources::new(), mismatches: Vec::new() };
        let mut interfaces = linking.streams();
        interfaces.extend(linking.raw_streams());
        let named = |names: &[String]| {
            schema.services.iter().enumerate().filter(|(_, service)| names.contains(&service.full_name)).collect()
        };
        let (called, served): (Vec<_>, Vec<_>) = (named(calls), named(serves));
        let mut calls = Vec::new();
        for (index, service) in called {
            if let Some(interface) = linking.import(index, service) {
                interfaces.push(interface);
                calls.push(service.full_name.as_str().into());
            }
        }
        let (mut exports, mut export_numbers) = (Vec::new(), MethodNumbers::new());
        for (_, service) in served {
            let numbers: &mut HashMap<_, _> = export_numbers.entry(service.full_name.as_str().into()).or_default();
            for (method, export) in linking.export(service) {
                numbers.insert(method, exports.len());
                exports.push(export);
            }
        }
        match linking.mismatches {
            none if none.is_empty() => Ok(Self { exports, export_numbers, calls, interfaces }),
            mismatches => Err(mismatches),
        }
    }

    /// Returns the number of the function that serves a method, such as `GetUser` of `shop.users.v1.Users`.
    pub(crate) fn export_number(&self, service: &str, method: &str) -> Option<usize> {
        self.export_numbers.get(service)?.get(method).copied()
    }

    /// Returns the function with this number.
    pub(crate) fn export(&self, number: usize) -> Option<&ExportedMethod> {
        self.exports.get(number)
    }

    /// Returns how many functions serve methods. Their numbers are below that.
    pub(crate) fn export_count(&self) -> usize {
        self.exports.len()
    }

    /// Returns the full names of the services that the component calls.
    pub(crate) fn calls(&self) -> &[Arc<str>] {
        &self.calls
    }

    /// Iterates over the interfaces that [`define`](Self::define) defines.
    pub(crate) fn interfaces(&self) -> impl Iterator<Item = &str> {
        self.interfaces.iter().map(|interface| interface.name.as_str())
    }

    /// Defines what the component imports by its descriptors: calls of services and their streams go to [`ImportHost`].
    ///
    /// # Errors
    /// When a name is defined already.
    pub(crate) fn define<T: ImportHost>(&self, linker: &mut Linker<T>) -> wasmtime::Result<()> {
        for interface in &self.interfaces {
            let mut instance = linker.instance(&interface.name)?;
            for (name, resource) in &interface.resources {
                imports::add_resource(&mut instance, name, *resource)?;
            }
            for (function, destination) in &interface.functions {
                imports::add(&mut instance, function.clone(), destination.clone())?;
            }
        }
        Ok(())
    }
}

/// The schema being compared with the component.
struct LinkBuilder<'a> {
    engine: &'a Engine,
    component: &'a Component,
    schema: &'a Schema,
    plan: Arc<SchemaPlan>,
    resources: Resources,
    mismatches: Vec<LinkMismatch>,
}

/// A function that an interface may have.
type Candidate = (ComponentFunction, ImportTarget);

impl LinkBuilder<'_> {
    fn imported(&self, interface: &str) -> Option<ComponentInstance> {
        match self.component.component_type().get_import(self.engine, interface)?.ty {
            ComponentItem::ComponentInstance(instance) => Some(instance),
            _ => None,
        }
    }

    /// An interface with those of its possible resources and functions that the component has imported: of what it makes
    /// no use there is nothing in it.
    fn interface(
        &mut self,
        name: String,
        resources: Vec<(String, ResourceId)>,
        functions: Vec<Candidate>,
    ) -> Option<ImportInterface> {
        let instance = self.imported(&name)?;
        let mut interface = ImportInterface { name, resources: Vec::new(), functions: Vec::new() };
        for (resource, id) in resources {
            if let Some(ComponentItem::Resource(ty)) =
                instance.get_export(self.engine, &resource).map(|export| export.ty)
            {
                self.resources.insert(id, ty);
                interface.resources.push((resource, id));
            }
        }
        for (function, destination) in functions {
            match compare_function(self.engine, &interface.name, &instance, &function, &self.resources) {
                Ok(()) => interface.functions.push((Arc::new(function), destination)),
                Err(mismatch) => self.mismatches.extend(mismatch),
            }
        }
        Some(interface)
    }

    /// The interface with the readers and writers of each package.
    fn streams(&mut self) -> Vec<ImportInterface> {
        let schema = self.schema;
        let mut interfaces = Vec::new();
        for (index, package) in schema.packages.iter().enumerate() {
            let (mut resources, mut functions) = (Vec::new(), Vec::new());
            let streams = schema.streams.iter().enumerate().filter(|(_, stream)| stream.package == index);
            for (id, stream) in streams {
                let (reader, writer) = (reader(StreamId(id)), writer(StreamId(id)));
                resources.extend([(stream.reader.clone(), reader), (stream.writer.clone(), writer)]);
                functions.extend(self.reading(&stream.reader, reader, &stream.item));
                functions.extend(self.writing(&stream.writer, writer, &stream.item));
            }
            interfaces.extend(self.interface(package.interface(&package.streams_interface), resources, functions));
        }
        interfaces
    }

    /// The interface with the streams of services on encoded messages.
    fn raw_streams(&mut self) -> Option<ImportInterface> {
        let item = Kind::Scalar(Scalar::Bytes);
        let resources =
            vec![("request-reader".to_owned(), RAW_REQUESTS), ("response-writer".to_owned(), RAW_RESPONSES)];
        let mut functions = self.reading("request-reader", RAW_REQUESTS, &item);
        functions.extend(self.writing("response-writer", RAW_RESPONSES, &item));
        self.interface(RAW_STREAMS_INTERFACE.to_owned(), resources, functions)
    }

    /// The functions of a resource from which messages are read.
    fn reading(&self, resource: &str, id: ResourceId, item: &Kind) -> Vec<Candidate> {
        let read = ComponentFunction::read(&self.plan, resource, id, item);
        let read_batch = ComponentFunction::read_batch(&self.plan, resource, id, item);
        let targets = [(read, ImportTarget::Stream(HostOperation::Read)), (read_batch, ImportTarget::ReadBatch)];
        targets.into_iter().filter_map(|(function, target)| Some((function?, target))).collect()
    }

    /// The functions of a resource to which messages are written.
    fn writing(&self, resource: &str, id: ResourceId, item: &Kind) -> Vec<Candidate> {
        let write = ComponentFunction::write(&self.plan, resource, id, item);
        let try_write = ComponentFunction::try_write(&self.plan, resource, id, item);
        let write_all = ComponentFunction::write_all(&self.plan, resource, id, item);
        let targets = [
            (write, ImportTarget::Stream(HostOperation::Write)),
            (try_write, ImportTarget::TryWrite),
            (write_all, ImportTarget::WriteAll),
        ];
        targets.into_iter().filter_map(|(function, target)| Some((function?, target))).collect()
    }

    /// The interface by which a service is called.
    fn import(&mut self, index: usize, service: &Service) -> Option<ImportInterface> {
        let (mut resources, mut functions) = (Vec::new(), Vec::new());
        let service_name: Arc<str> = service.full_name.as_str().into();
        for (number, method) in service.methods.iter().enumerate() {
            let imported = ImportedMethod { service: service_name.clone(), name: method.proto_name.as_str().into() };
            if method.is_unary() {
                functions.push((ComponentFunction::method(&self.plan, method), ImportTarget::Method(imported)));
                continue;
            }
            let open = match (&method.call, method.responses) {
                (Some(name), _) => {
                    let id = self.call(index, number);
                    resources.push((name.clone(), id));
                    functions.extend(self.call_methods(method, name, id));
                    ComponentFunction::open(&self.plan, method, id)
                }
                (None, Some(responses)) => ComponentFunction::open(&self.plan, method, reader(responses)),
                (None, None) => continue,
            };
            functions.push((open, ImportTarget::Open { method: imported, request: method.requests.is_none() }));
        }
        self.interface(self.schema.client_interface(service), resources, functions)
    }

    /// Returns the methods of a call that the component has begun.
    fn call_methods(&self, method: &Method, name: &str, id: ResourceId) -> Vec<Candidate> {
        let item = |stream: Option<StreamId>| -> Option<&Kind> { Some(&self.schema.streams.get(stream?.0)?.item) };
        let mut methods = item(method.requests).map(|item| self.writing(name, id, item)).unwrap_or_default();
        match item(method.responses) {
            Some(item) => {
                let done = ComponentFunction::done_writing(&self.plan, name, id);
                methods.push((done, ImportTarget::Stream(HostOperation::DoneWriting)));
                methods.extend(self.reading(name, id, item));
            }
            None => {
                let finish = ComponentFunction::finish(&self.plan, name, id, method.output.as_ref());
                methods.push((finish, ImportTarget::Stream(HostOperation::Finish)));
            }
        }
        methods
    }

    /// The functions that serve a service, with the names of their methods.
    fn export(&mut self, service: &Service) -> Vec<(Arc<str>, ExportedMethod)> {
        let mut exports = Vec::new();
        let interface = self.schema.service_interface(service);
        let ty = self.component.component_type();
        let Some(ComponentItem::ComponentInstance(instance)) =
            ty.get_export(self.engine, &interface).map(|item| item.ty)
        else {
            self.mismatches.push(LinkMismatch::MissingService {
                service: service.full_name.clone(),
                interface,
                found: list(ty.exports(self.engine).map(|(name, _)| name)),
            });
            return exports;
        };
        let parent = self.component.get_export_index(None, &interface);
        for method in &service.methods {
            let (requests, responses) = (method.requests.map(reader), method.responses.map(writer));
            let function = ComponentFunction::served(&self.plan, method, requests, responses);
            if let Err(mismatch) = compare_function(self.engine, &interface, &instance, &function, &self.resources) {
                self.mismatches.push(mismatch.unwrap_or_else(|| LinkMismatch::MissingMethod {
                    service: service.full_name.clone(),
                    method: method.proto_name.clone(),
                    function: method.wit_name.clone(),
                    interface: interface.clone(),
                }));
                continue;
            }
            if let Some(index) = self.component.get_export_index(parent.as_ref(), &function.name) {
                let export = ExportedMethod::new(Arc::new(function), index, requests, responses);
                exports.push((method.proto_name.as_str().into(), export));
            }
        }
        exports
    }

    /// The resource of calls of a method: numbers behind those of all streams.
    fn call(&self, service: usize, method: usize) -> ResourceId {
        let before: usize = self.schema.services.iter().take(service).map(|service| service.methods.len()).sum();
        (2 * self.schema.streams.len() + before + method) as ResourceId
    }
}

fn reader(stream: StreamId) -> ResourceId {
    2 * stream.0 as ResourceId
}

fn writer(stream: StreamId) -> ResourceId {
    2 * stream.0 as ResourceId + 1
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
