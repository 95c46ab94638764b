//! The readers of streams as iterators.

use heck::ToUpperCamelCase as _;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use wit_bindgen_core::wit_parser::{InterfaceId, Type, TypeDefKind, TypeId};

use crate::modules::path;
use crate::project::Project;

/// For each resource with a method `read`: that it is read, by the trait and as an iterator.
pub(crate) fn readers(project: &Project) -> TokenStream {
    let interfaces = project.imports().filter(|id| !project.is_hosts(*id));
    interfaces.flat_map(|id| of_interface(project, id)).collect()
}

fn of_interface(project: &Project, id: InterfaceId) -> Vec<TokenStream> {
    let interface = project.interface(id);
    let mut readers = Vec::new();
    for (name, ty) in &interface.types {
        if !matches!(project.resolve.types[*ty].kind, TypeDefKind::Resource) {
            continue;
        }
        let read = interface.functions.get(&format!("[method]{name}.read"));
        let Some(message) = read.and_then(|read| read.result).and_then(|ty| message(project, ty)) else { continue };
        let module = path(project, id, false, 1);
        let reader = Ident::new(&name.to_upper_camel_case(), Span::call_site());
        let message = rust_type(project, id, message);
        readers.push(quote! {
            impl ::okra_guest::stream::Read for #module::#reader {
                type Message = #message;

                fn next_message(&self) -> Result<Option<Self::Message>, ::okra_guest::Error> {
                    self.read()
                }
            }

            impl<'a> IntoIterator for &'a #module::#reader {
                type Item = Result<#message, ::okra_guest::Error>;
                type IntoIter = ::okra_guest::stream::Messages<'a, #module::#reader>;

                fn into_iter(self) -> Self::IntoIter {
                    ::okra_guest::stream::Read::messages(self)
                }
            }
        });
    }
    readers
}

/// `T` of `result<option<T>, error>`.
fn message(project: &Project, ty: Type) -> Option<Type> {
    let kind = |ty| match ty {
        Type::Id(id) => Some(&project.resolve.types[id].kind),
        _ => None,
    };
    match kind(ty)? {
        TypeDefKind::Result(result) => match kind(result.ok?)? {
            TypeDefKind::Option(message) => Some(*message),
            _ => None,
        },
        _ => None,
    }
}

/// The Rust type of a message, as wit-bindgen has it in an interface that uses it.
fn rust_type(project: &Project, interface: InterfaceId, ty: Type) -> TokenStream {
    match ty {
        Type::Id(id) => match named(project, interface, id) {
            Some(name) => {
                let module = path(project, interface, false, 1);
                let name = Ident::new(&name.to_upper_camel_case(), Span::call_site());
                quote!(#module::#name)
            }
            None => match &project.resolve.types[id].kind {
                TypeDefKind::List(element) => {
                    let element = rust_type(project, interface, *element);
                    quote!(::std::vec::Vec<#element>)
                }
                TypeDefKind::Type(ty) => rust_type(project, interface, *ty),
                _ => quote!(()),
            },
        },
        Type::Bool => quote!(bool),
        Type::U8 => quote!(u8),
        Type::S32 => quote!(i32),
        Type::U32 => quote!(u32),
        Type::S64 => quote!(i64),
        Type::U64 => quote!(u64),
        Type::F32 => quote!(f32),
        Type::F64 => quote!(f64),
        // A message without a type of its own is one of those above, or text.
        _ => quote!(::std::string::String),
    }
}

fn named(project: &Project, interface: InterfaceId, id: TypeId) -> Option<&str> {
    let types = &project.interface(interface).types;
    types.iter().find(|(_, found)| **found == id).map(|(name, _)| name.as_str())
}
