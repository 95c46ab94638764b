//! What the types are called of which wit-bindgen makes its bindings, by their index in the [`Schema`](crate::schema::Schema).
//! Members and cases count from 0, in their order.

use crate::contract;
use crate::schema::Package;

/// The record of a message.
pub fn message(index: usize) -> String {
    format!("m{index}")
}

/// The variant of a oneof, by the index of the member of its message.
pub fn oneof(message: usize, member: usize) -> String {
    format!("m{message}o{member}")
}

/// The type of an enum.
pub fn enumeration(index: usize) -> String {
    format!("e{index}")
}

/// A member of a record.
pub fn member(index: usize) -> String {
    format!("f{index}")
}

/// A case of an enum or a variant.
pub fn case(index: usize) -> String {
    format!("c{index}")
}

/// Whatever else has a name in an interface of types or functions: what it uses of others.
pub fn used(index: usize) -> String {
    format!("okra-u{index}")
}

/// A name of the WIT as wit-bindgen writes it in Go.
pub(super) fn camel(name: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|first| first.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
    };
    name.split('-').map(word).collect()
}

/// The Go package that wit-bindgen makes of an interface.
pub(super) fn package(package: &Package, interface: &str) -> String {
    let version = package.version.replace(['.', '-', '+'], "_");
    format!("{}_{}_{version}_{interface}", package.namespace, package.name).replace('-', "_")
}

/// The Go package of an interface of `okra:service`.
pub(super) fn okra_service(interface: &str) -> String {
    format!("okra_service_{}_{}", contract::VERSION.replace('.', "_"), interface.replace('-', "_"))
}
