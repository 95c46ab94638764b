//! The modules under which people find what is generated: `proto` with a module for each protobuf package, and a module for each
//! service.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::docs;
use super::names::{camel, long_package_name, package_path, snake};
use super::types::Types;
use crate::schema::{Schema, Service};
use crate::wit::World;

/// The module that holds the modules of all protobuf packages.
const ROOT: &str = "proto";

/// Prints all modules.
pub(super) fn text(types: &Types<'_>, world: &World) -> String {
    let mut text = "\n".to_owned();
    package_modules(types.schema, world).print(ROOT, 0, &mut text);
    let services = service_modules(types.schema, world);
    let mut taken = BTreeMap::from([(ROOT, 1)]);
    for module in &services {
        *taken.entry(module.short.as_str()).or_default() += 1;
    }
    for service in &services {
        let is_unique = taken.get(service.short.as_str()) == Some(&1);
        let name = if is_unique { &service.short } else { &service.long };
        service.module.print(name, 0, &mut text);
    }
    text
}

/// A module: a protobuf package, a service, or a part of the names of packages.
#[derive(Default)]
struct Module {
    docs: String,
    /// Paths below the hidden module, with what is used of them.
    uses: Vec<String>,
    children: BTreeMap<String, Module>,
}

impl Module {
    fn print(&self, name: &str, depth: usize, text: &mut String) {
        let pad = depth * 4;
        docs(&self.docs, pad, text);
        let _ = writeln!(text, "{:pad$}#[allow(unused_imports)]\n{:pad$}pub mod {name} {{", "", "");
        for item in &self.uses {
            let _ = writeln!(text, "{:pad$}    pub use {}{item};", "", "super::".repeat(depth + 1));
        }
        for (name, child) in &self.children {
            child.print(name, depth + 1, text);
        }
        let _ = writeln!(text, "{:pad$}}}", "");
    }
}

/// The module of a service, with all that its handlers and callers need.
struct ServiceModule {
    /// Its name unless another module would have it too.
    short: String,
    /// Its name then.
    long: String,
    module: Module,
}

fn hidden(path: &str) -> String {
    format!("__okra_messages::{path}")
}

/// The types of a package, and its readers and writers.
fn type_uses(schema: &Schema, package: usize) -> Vec<String> {
    let has_types = schema.messages.iter().any(|message| message.package == package)
        || schema.enums.iter().any(|definition| definition.package == package);
    let mut uses: Vec<_> = has_types.then(|| hidden(&format!("p{package}::*"))).into_iter().collect();
    let streams = schema.streams.iter().filter(|stream| stream.package == package);
    let resources: Vec<_> = streams.flat_map(|stream| [camel(&stream.reader), camel(&stream.writer)]).collect();
    if !resources.is_empty() {
        uses.push(hidden(&format!("r{package}::{{{}}}", resources.join(", "))));
    }
    uses
}

fn trait_use(index: usize, service: &Service) -> String {
    hidden(&format!("s{index}::{}", camel(&service.wit_name)))
}

fn service_modules(schema: &Schema, world: &World) -> Vec<ServiceModule> {
    let mut modules = Vec::new();
    for (index, service) in schema.services.iter().enumerate() {
        let is_served = world.exports.contains(&service.full_name);
        let is_called = world.imports.contains(&service.full_name);
        let Some(package) = schema.packages.get(service.package).filter(|_| is_served || is_called) else { continue };
        let mut uses = type_uses(schema, service.package);
        uses.extend(is_served.then(|| trait_use(index, service)));
        uses.extend(is_called.then(|| hidden(&format!("c{index}::*"))));
        let short = snake(&service.wit_name);
        let long = format!("{}_{short}", long_package_name(package));
        modules.push(ServiceModule {
            short,
            long,
            module: Module { docs: service.docs.clone(), uses, ..Module::default() },
        });
    }
    if world.raw {
        // The macro `generate!` makes it: what implements the SDK's trait `Raw` implements that of wit-bindgen.
        let uses = vec!["__okra_raw::*".to_owned()];
        let docs = "Services that get and answer encoded messages.".to_owned();
        let module = Module { docs, uses, ..Module::default() };
        modules.push(ServiceModule { short: "raw".to_owned(), long: "okra_service_raw".to_owned(), module });
    }
    modules
}

fn package_modules(schema: &Schema, world: &World) -> Module {
    let mut root = Module { docs: "The protobuf packages, each under its own name.".to_owned(), ..Module::default() };
    let mut add = |package: usize, service: Option<String>, uses: Vec<String>| {
        let Some(found) = schema.packages.get(package).filter(|_| !uses.is_empty()) else { return };
        let path = package_path(found).into_iter().chain(service);
        let module = path.fold(&mut root, |module, part| module.children.entry(part).or_default());
        module.uses.extend(uses);
        if module.docs.is_empty() {
            module.docs = format!("Protobuf package `{}`.", found.proto);
        }
    };
    for package in 0..schema.packages.len() {
        add(package, None, type_uses(schema, package));
    }
    for (index, service) in schema.services.iter().enumerate() {
        if world.exports.contains(&service.full_name) {
            add(service.package, None, vec![trait_use(index, service)]);
        }
        if world.imports.contains(&service.full_name) {
            add(service.package, Some(snake(&service.wit_name)), vec![hidden(&format!("c{index}::*"))]);
        }
    }
    root
}
