//! The link of one component: its exports as functions to call, its imports as functions that answer.

use std::collections::HashMap;
use std::sync::Arc;

use okra_codegen::schema::{Schema, Service};
use wasmtime::Engine;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Linker};

use super::abi::{self, Destination, Export, Host};
use super::error::Mismatch;
use super::function::Function;
use super::matching::compare_function;
use super::plan::Plan;

/// Everything the host needs to call a component and to be called by it.
pub(crate) struct Link {
    exports: HashMap<Arc<str>, Export>,
    imports: Vec<Import>,
    codecs: Vec<(String, Vec<Arc<Function>>)>,
}

/// A service that the component calls.
pub(crate) struct Import {
    /// Full name, such as `shop.users.v1.Users`.
    pub(crate) service: Arc<str>,
    interface: String,
    /// Path and function of each method that the component uses.
    methods: Vec<(Arc<str>, Arc<Function>)>,
}

impl Link {
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
    ) -> Result<Self, Vec<Mismatch>> {
        let plan = Arc::new(Plan::new(schema));
        let mut link = Self { exports: HashMap::new(), imports: Vec::new(), codecs: Vec::new() };
        let mut mismatches = Vec::new();
        let ty = component.component_type();
        let named = |names: &[String]| {
            schema.services.iter().filter(|service| names.contains(&service.full_name)).collect::<Vec<_>>()
        };
        for service in named(serves) {
            let interface = schema.service_interface(service);
            match ty.get_export(engine, &interface).map(|item| item.ty) {
                Some(ComponentItem::ComponentInstance(instance)) => {
                    link.export(engine, component, &plan, service, &interface, &instance, &mut mismatches);
                }
                _ => mismatches.push(Mismatch::MissingService {
                    service: service.full_name.clone(),
                    interface,
                    found: list(ty.exports(engine).map(|(name, _)| name)),
                }),
            }
        }
        for service in named(calls) {
            let interface = schema.service_interface(service);
            // A component that was built with the import and makes no use of it does not have it.
            if let Some(ComponentItem::ComponentInstance(instance)) =
                ty.get_import(engine, &interface).map(|item| item.ty)
            {
                link.import(engine, &plan, service, interface, &instance, &mut mismatches);
            }
        }
        for (index, package) in schema.packages.iter().enumerate() {
            let interface = package.interface(&package.codec_interface);
            let Some(ComponentItem::ComponentInstance(instance)) =
                ty.get_import(engine, &interface).map(|item| item.ty)
            else {
                continue;
            };
            let messages = schema.messages.iter().enumerate();
            let functions = messages.filter(|(_, message)| message.package == index && message.has_codec).flat_map(
                |(id, message)| {
                    let id = okra_codegen::schema::MessageId(id);
                    [Function::decode(&plan, id, &message.wit_name), Function::encode(&plan, id, &message.wit_name)]
                },
            );
            let mut used = Vec::new();
            for function in functions {
                match compare_function(engine, &interface, &instance, &function) {
                    Ok(()) => used.push(Arc::new(function)),
                    Err(mismatch) => mismatches.extend(mismatch),
                }
            }
            link.codecs.push((interface, used));
        }
        if mismatches.is_empty() { Ok(link) } else { Err(mismatches) }
    }

    #[allow(clippy::too_many_arguments, reason = "one step of `new`")]
    fn export(
        &mut self,
        engine: &Engine,
        component: &Component,
        plan: &Arc<Plan>,
        service: &Service,
        interface: &str,
        instance: &ComponentInstance,
        mismatches: &mut Vec<Mismatch>,
    ) {
        for method in &service.methods {
            let function = Function::method(plan, method);
            if let Err(mismatch) = compare_function(engine, interface, instance, &function) {
                mismatches.push(mismatch.unwrap_or_else(|| Mismatch::MissingMethod {
                    service: service.full_name.clone(),
                    method: method.proto_name.clone(),
                    function: method.wit_name.clone(),
                    interface: interface.to_owned(),
                }));
                continue;
            }
            let parent = component.get_export_index(None, interface);
            if let Some(index) = component.get_export_index(parent.as_ref(), &function.name) {
                let path = format!("/{}/{}", service.full_name, method.proto_name);
                self.exports.insert(path.into(), Export::new(Arc::new(function), index));
            }
        }
    }

    fn import(
        &mut self,
        engine: &Engine,
        plan: &Arc<Plan>,
        service: &Service,
        interface: String,
        instance: &ComponentInstance,
        mismatches: &mut Vec<Mismatch>,
    ) {
        let mut methods = Vec::new();
        for method in &service.methods {
            let function = Function::method(plan, method);
            match compare_function(engine, &interface, instance, &function) {
                Ok(()) => {
                    let path = format!("/{}/{}", service.full_name, method.proto_name);
                    methods.push((path.into(), Arc::new(function)));
                }
                // Methods that the component does not call are not in its type.
                Err(mismatch) => mismatches.extend(mismatch),
            }
        }
        self.imports.push(Import { service: service.full_name.as_str().into(), interface, methods });
    }

    /// The function that serves a path, such as `/shop.users.v1.Users/GetUser`.
    pub(crate) fn export_of(&self, path: &str) -> Option<&Export> {
        self.exports.get(path)
    }

    /// The services that the component calls.
    pub(crate) fn imports(&self) -> &[Import] {
        &self.imports
    }

    /// The interfaces that [`define`](Self::define) answers.
    pub(crate) fn interfaces(&self) -> impl Iterator<Item = &str> {
        let services = self.imports.iter().map(|import| import.interface.as_str());
        services.chain(self.codecs.iter().map(|(interface, _)| interface.as_str()))
    }

    /// Defines what the component imports by its descriptors: calls of services go to [`Host::call`], those of codec
    /// interfaces are answered here.
    ///
    /// # Errors
    /// When a name is defined already.
    pub(crate) fn define<T: Host>(&self, linker: &mut Linker<T>) -> wasmtime::Result<()> {
        for import in &self.imports {
            let mut instance = linker.instance(&import.interface)?;
            for (path, function) in &import.methods {
                abi::add(&mut instance, function.clone(), Destination::Method(path.clone()))?;
            }
        }
        for (interface, functions) in &self.codecs {
            let mut instance = linker.instance(interface)?;
            for function in functions {
                abi::add(&mut instance, function.clone(), Destination::Codec)?;
            }
        }
        Ok(())
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
