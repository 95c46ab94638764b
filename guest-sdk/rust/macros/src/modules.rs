//! The modules under which a project finds what wit-bindgen made.

use std::collections::BTreeMap;

use heck::ToUpperCamelCase as _;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use wit_bindgen_core::name_package_module;
use wit_bindgen_core::wit_parser::{InterfaceId, PackageId, PackageName};
use wit_bindgen_rust::to_rust_ident;

use crate::project::Project;

struct Module {
    /// The name it has unless another module would have it too.
    short: String,
    /// The name it has then.
    long: String,
    docs: String,
    items: TokenStream,
}

pub(crate) fn modules(project: &Project) -> TokenStream {
    let modules = collect(project);
    let mut taken = BTreeMap::<&str, usize>::new();
    for module in &modules {
        *taken.entry(&module.short).or_default() += 1;
    }
    let modules = modules.iter().map(|module| {
        let is_unique = taken.get(module.short.as_str()) == Some(&1);
        let name = ident(if is_unique { &module.short } else { &module.long });
        let Module { docs, items, .. } = module;
        quote! {
            #[doc = #docs]
            #[allow(unused_imports)]
            pub mod #name {
                #items
            }
        }
    });
    quote!(#(#modules)*)
}

fn collect(project: &Project) -> Vec<Module> {
    let mut services = BTreeMap::<InterfaceId, TokenStream>::new();
    let mut types = BTreeMap::<PackageId, Vec<InterfaceId>>::new();
    for id in project.imports().filter(|id| !project.is_hosts(*id)) {
        let interface = project.interface(id);
        let functions: Vec<_> = project.functions(id).map(|name| ident(&to_rust_ident(name))).collect();
        if functions.is_empty() {
            if let Some(package) = interface.package {
                types.entry(package).or_default().push(id);
            }
        } else {
            let path = path(project, id, false);
            let calls = resources(project, id);
            let service = project.service_of(id);
            services.entry(service).or_default().extend(quote!(pub use #path::{#(#functions,)* #(#calls),*};));
        }
    }
    for id in project.exports() {
        let path = path(project, id, true);
        let service = ident(&interface_name(project, id).to_upper_camel_case());
        services.entry(id).or_default().extend(quote!(pub use #path::Guest as #service;));
    }

    let mut modules = Vec::new();
    let mut with_services = Vec::new();
    for (id, mut items) in services {
        let interface = project.interface(id);
        for types in interface.package.iter().filter_map(|package| types.get(package)).flatten() {
            items.extend(all_types(project, *types));
        }
        with_services.extend(interface.package);
        let name = to_rust_ident(interface_name(project, id));
        let long = project.package(id).map(|package| format!("{}_{name}", package_name(package))).unwrap_or_default();
        modules.push(Module { short: name, long, docs: interface.docs.contents.clone().unwrap_or_default(), items });
    }
    for (id, interfaces) in types {
        if !with_services.contains(&id) {
            let name = &project.resolve.packages[id].name;
            let types = interfaces.iter().map(|types| all_types(project, *types));
            modules.push(Module {
                short: to_rust_ident(&name.name),
                long: package_name(name),
                docs: project.resolve.packages[id].docs.contents.clone().unwrap_or_default(),
                items: types.collect(),
            });
        }
    }
    modules
}

/// What an interface of types or of streams defines. The types that an interface of streams uses are those of others.
fn all_types(project: &Project, id: InterfaceId) -> TokenStream {
    let (path, resources) = (path(project, id, false), resources(project, id));
    if resources.is_empty() { quote!(pub use #path::*;) } else { quote!(pub use #path::{#(#resources),*};) }
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
    let mut name = to_rust_ident(&package.name);
    if package.namespace != "proto" {
        name = format!("{}_{name}", to_rust_ident(&package.namespace));
    }
    match &package.version {
        Some(version) if version.major > 0 => format!("{name}_v{}{}", version.major, version.pre),
        _ => name,
    }
}

/// Where wit-bindgen puts an interface.
pub(crate) fn path(project: &Project, id: InterfaceId, exported: bool) -> TokenStream {
    let exports = exported.then(|| quote!(exports::));
    let interface = ident(&to_rust_ident(interface_name(project, id)));
    let Some(package) = project.interface(id).package else { return quote!(super::__okra::#exports #interface) };
    let namespace = ident(&to_rust_ident(&project.resolve.packages[package].name.namespace));
    let package = ident(&name_package_module(&project.resolve, package));
    quote!(super::__okra::#exports #namespace::#package::#interface)
}

fn ident(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}
