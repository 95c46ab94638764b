//! The modules under which a project finds what wit-bindgen made: `proto` with a module for each protobuf package, and a module for
//! each service. The functions that encode recursive messages are in the module of their package and have no module of their own.

use std::collections::BTreeMap;

use heck::ToUpperCamelCase as _;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use wit_bindgen_core::name_package_module;
use wit_bindgen_core::wit_parser::{InterfaceId, PackageId, PackageName};

use crate::keywords::rust_name;
use crate::project::Project;

/// The module that holds the modules of all protobuf packages.
const ROOT: &str = "proto";

pub(crate) fn modules(project: &Project) -> TokenStream {
    let root = package_modules(project).tokens(ROOT);
    let services = service_modules(project);
    let mut taken = BTreeMap::from([(ROOT, 1)]);
    for module in &services {
        *taken.entry(&module.short).or_default() += 1;
    }
    let services = services.iter().map(|module| {
        let is_unique = taken.get(module.short.as_str()) == Some(&1);
        let name = ident(if is_unique { &module.short } else { &module.long });
        let ServiceModule { docs, items, .. } = module;
        quote! {
            #[doc = #docs]
            #[allow(unused_imports)]
            pub mod #name {
                #items
            }
        }
    });
    quote!(#root #(#services)*)
}

/// The module of a service, with all that its handlers and callers need.
struct ServiceModule {
    /// Its name unless another module would have it too.
    short: String,
    /// Its name then.
    long: String,
    docs: String,
    items: TokenStream,
}

fn service_modules(project: &Project) -> Vec<ServiceModule> {
    let mut services = BTreeMap::<InterfaceId, TokenStream>::new();
    for id in service_imports(project) {
        services.entry(project.service_of(id)).or_default().extend(client_items(project, id, 1));
    }
    for id in project.exports() {
        services.entry(id).or_default().extend(trait_item(project, id, 1));
    }
    let modules = services.into_iter().map(|(id, mut items)| {
        let interface = project.interface(id);
        let types = type_imports(project).filter(|types| project.interface(*types).package == interface.package);
        items.extend(types.map(|types| type_items(project, types, 1)));
        let short = rust_name(interface_name(project, id));
        let long = project.package(id).map(|package| format!("{}_{short}", package_name(package))).unwrap_or_default();
        ServiceModule { short, long, docs: interface.docs.contents.clone().unwrap_or_default(), items }
    });
    modules.collect()
}

/// A module of `proto`: a protobuf package, a service that is called, or a part of the names of packages.
#[derive(Default)]
struct PackageModule {
    docs: String,
    items: TokenStream,
    children: BTreeMap<String, PackageModule>,
}

impl PackageModule {
    /// Returns the module with this path below, which is made if there is none.
    fn child(&mut self, path: &[String]) -> &mut Self {
        path.iter().fold(self, |module, part| module.children.entry(part.clone()).or_default())
    }

    fn tokens(&self, name: &str) -> TokenStream {
        let (name, Self { docs, items, .. }) = (ident(name), self);
        let children = self.children.iter().map(|(name, child)| child.tokens(name));
        quote! {
            #[doc = #docs]
            #[allow(unused_imports)]
            pub mod #name {
                #items
                #(#children)*
            }
        }
    }
}

fn package_modules(project: &Project) -> PackageModule {
    let mut root = PackageModule {
        docs: "The protobuf packages, each under its own name.".to_owned(),
        ..PackageModule::default()
    };
    let mut add = |id: InterfaceId, service: Option<String>, items: &dyn Fn(usize) -> TokenStream| {
        let Some(package) = project.interface(id).package else { return };
        let mut path = package_path(project, package);
        path.extend(service);
        let module = root.child(&path);
        module.items.extend(items(path.len() + 1));
        if module.docs.is_empty() {
            module.docs = format!("Protobuf package `{}`.", project.proto_name(package));
        }
    };
    for id in type_imports(project) {
        add(id, None, &|depth| type_items(project, id, depth));
    }
    for id in codec_imports(project) {
        add(id, None, &|depth| function_items(project, id, depth));
    }
    for id in project.exports().filter(|id| !project.is_hosts(*id)) {
        add(id, None, &|depth| trait_item(project, id, depth));
    }
    for id in service_imports(project) {
        let service = rust_name(interface_name(project, project.service_of(id)));
        add(id, Some(service), &|depth| client_items(project, id, depth));
    }
    root
}

/// The path of a package below `proto`: its protobuf name, each part in snake case, keywords with a `_` behind them.
fn package_path(project: &Project, id: PackageId) -> Vec<String> {
    let name = project.proto_name(id);
    let name = if name.is_empty() { "default" } else { &name };
    name.split('.').map(rust_name).collect()
}

/// The imports that hold types or streams only.
fn type_imports(project: &Project) -> impl Iterator<Item = InterfaceId> {
    guest_imports(project).filter(|id| project.functions(*id).next().is_none())
}

fn codec_imports(project: &Project) -> impl Iterator<Item = InterfaceId> {
    guest_imports(project).filter(|id| project.is_codec(*id))
}

fn service_imports(project: &Project) -> impl Iterator<Item = InterfaceId> {
    guest_imports(project).filter(|id| project.functions(*id).next().is_some() && !project.is_codec(*id))
}

fn guest_imports(project: &Project) -> impl Iterator<Item = InterfaceId> {
    project.imports().filter(|id| !project.is_hosts(*id))
}

/// What an interface of types or of streams defines. The types that an interface of streams uses are those of others.
fn type_items(project: &Project, id: InterfaceId, depth: usize) -> TokenStream {
    let (path, resources) = (path(project, id, false, depth), resources(project, id));
    if resources.is_empty() { quote!(pub use #path::*;) } else { quote!(pub use #path::{#(#resources),*};) }
}

fn function_items(project: &Project, id: InterfaceId, depth: usize) -> TokenStream {
    let path = path(project, id, false, depth);
    let functions = project.functions(id).map(|name| ident(&rust_name(name)));
    quote!(pub use #path::{#(#functions),*};)
}

/// The functions by which a service is called, and the types of calls with streams.
fn client_items(project: &Project, id: InterfaceId, depth: usize) -> TokenStream {
    let (path, calls) = (path(project, id, false, depth), resources(project, id));
    let functions = function_items(project, id, depth);
    quote!(#functions pub use #path::{#(#calls),*};)
}

/// The trait by which a service is served, or the SDK's module for services on encoded messages.
fn trait_item(project: &Project, id: InterfaceId, depth: usize) -> TokenStream {
    if project.is_hosts(id) {
        return quote!(
            pub use ::okra_guest::raw::*;
        );
    }
    let path = path(project, id, true, depth);
    let service = ident(&interface_name(project, id).to_upper_camel_case());
    quote!(pub use #path::Guest as #service;)
}

fn resources(project: &Project, id: InterfaceId) -> Vec<Ident> {
    let types = project.interface(id).types.iter().filter(|(_, ty)| project.is_resource(**ty));
    types.map(|(name, _)| ident(&name.to_upper_camel_case())).collect()
}

fn interface_name(project: &Project, id: InterfaceId) -> &str {
    project.interface(id).name.as_deref().unwrap_or_default()
}

/// `shop_users_v1` for `shop:users@1.0.0`.
fn package_name(package: &PackageName) -> String {
    let mut name = rust_name(&package.name);
    if package.namespace != "proto" {
        name = format!("{}_{name}", rust_name(&package.namespace));
    }
    match &package.version {
        Some(version) if version.major > 0 => format!("{name}_v{}{}", version.major, version.pre),
        _ => name,
    }
}

/// Where wit-bindgen puts an interface, as a module `depth` modules below the macro names it.
pub(crate) fn path(project: &Project, id: InterfaceId, exported: bool, depth: usize) -> TokenStream {
    let exports = exported.then(|| quote!(exports::));
    let root = (0..depth).map(|_| quote!(super::));
    let root = quote!(#(#root)* __okra::#exports);
    let interface = ident(&rust_name(interface_name(project, id)));
    let Some(package) = project.interface(id).package else { return quote!(#root #interface) };
    let namespace = ident(&rust_name(&project.resolve.packages[package].name.namespace));
    let package = ident(&rust_name(&name_package_module(&project.resolve, package)));
    quote!(#root #namespace::#package::#interface)
}

fn ident(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}
