//! Names for the interfaces that wit-bindgen made modules of, so that generated code finds them whatever these are called.

use std::collections::BTreeMap;

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use wit_bindgen_core::name_package_module;
use wit_bindgen_core::wit_parser::{InterfaceId, PackageId};

use crate::keywords::rust_name;
use crate::project::Project;

/// A module for each WIT package, with its interfaces: `__okra_wit::shop__users__1_0_0::types`. Those that are exported are in
/// `__okra_wit_exports`.
pub(crate) fn interfaces(project: &Project) -> TokenStream {
    let imports = project.imports().filter(|id| !project.is_hosts(*id));
    let imports = packages(project, imports, "__okra_wit", quote!());
    let exports = packages(project, project.exports(), "__okra_wit_exports", quote!(exports::));
    quote!(#imports #exports)
}

fn packages(
    project: &Project,
    interfaces: impl Iterator<Item = InterfaceId>,
    root: &str,
    exports: TokenStream,
) -> TokenStream {
    let mut packages = BTreeMap::<PackageId, TokenStream>::new();
    for id in interfaces {
        let interface = project.interface(id);
        let (Some(package), Some(name)) = (interface.package, interface.name.as_deref()) else { continue };
        let namespace = ident(&rust_name(&project.resolve.packages[package].name.namespace));
        let module = ident(&rust_name(&name_package_module(&project.resolve, package)));
        let interface = ident(&rust_name(name));
        let path = quote!(super::super::__okra::#exports #namespace::#module::#interface);
        packages.entry(package).or_default().extend(quote!(pub use #path;));
    }
    let root = ident(root);
    let modules = packages.into_iter().map(|(id, items)| {
        let name = ident(&package_module(project, id));
        quote!(pub mod #name { #items })
    });
    quote! {
        #[doc(hidden)]
        #[allow(warnings)]
        mod #root {
            #(#modules)*
        }
    }
}

/// `shop__users__1_0_0` for `shop:users@1.0.0`.
pub(crate) fn package_module(project: &Project, id: PackageId) -> String {
    let name = &project.resolve.packages[id].name;
    let version = name.version.as_ref().map(ToString::to_string).unwrap_or_default();
    [name.namespace.as_str(), &name.name, &version].map(|part| part.replace(['-', '.'], "_")).join("__")
}

fn ident(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}
