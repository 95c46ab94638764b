//! What no `.proto` file is compiled to, though a descriptor may say it.
//!
//! The pool has checked already that full names and numbers are unique and that references lead somewhere. It checks
//! neither how names are spelled nor what entries of maps are.

use std::collections::BTreeSet;

use prost_reflect::{Cardinality, DescriptorPool, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};
use prost_types::EnumDescriptorProto;

use super::descriptors::entry;
use super::{MAX_NAME, SchemaError, limits};

/// The files whose messages the mapping and JSON know by their names.
const WELL_KNOWN_FILES: [&str; 7] = [
    "google/protobuf/any.proto",
    "google/protobuf/duration.proto",
    "google/protobuf/empty.proto",
    "google/protobuf/field_mask.proto",
    "google/protobuf/struct.proto",
    "google/protobuf/timestamp.proto",
    "google/protobuf/wrappers.proto",
];

/// A name from outside for a message to people: what would change the line it stands in is escaped, and it is cut.
pub(super) fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(4 * MAX_NAME).flat_map(char::escape_debug).collect();
    if name.chars().nth(4 * MAX_NAME).is_some() {
        shown.push_str("...");
    }
    shown
}

/// Checks all names of a pool, whatever services are asked for: the pool's own methods panic when types have names with
/// dots in them.
pub(super) fn names(pool: &DescriptorPool) -> Result<(), SchemaError> {
    for file in pool.file_descriptor_protos() {
        let package = file.package();
        if !package.is_empty() {
            package.split('.').try_for_each(|part| name("package", "", package, part))?;
        }
        for service in &file.service {
            name("service", package, service.name(), service.name())?;
            let methods = service.method.iter().map(|method| method.name());
            members("method", &join(package, service.name()), methods)?;
        }
        file.enum_type.iter().try_for_each(|definition| enumeration(package, definition))?;
        let mut open: Vec<_> = file.message_type.iter().map(|message| (package.to_owned(), message)).collect();
        while let Some((scope, message)) = open.pop() {
            name("message", &scope, message.name(), message.name())?;
            let full_name = join(&scope, message.name());
            members("field", &full_name, message.field.iter().map(|field| field.name()))?;
            members("oneof", &full_name, message.oneof_decl.iter().map(|oneof| oneof.name()))?;
            message.enum_type.iter().try_for_each(|definition| enumeration(&full_name, definition))?;
            open.extend(message.nested_type.iter().map(|nested| (full_name.clone(), nested)));
        }
    }
    Ok(())
}

fn enumeration(scope: &str, definition: &EnumDescriptorProto) -> Result<(), SchemaError> {
    name("enum", scope, definition.name(), definition.name())?;
    members("value", &join(scope, definition.name()), definition.value.iter().map(|value| value.name()))
}

fn members<'a>(element: &str, scope: &str, mut names: impl Iterator<Item = &'a str>) -> Result<(), SchemaError> {
    names.try_for_each(|found| name(element, scope, found, found))
}

/// Checks a part of the name of what is in a scope.
fn name(element: &str, scope: &str, whole: &str, part: &str) -> Result<(), SchemaError> {
    let begins = part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if !begins || !part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(invalid(element, &join(scope, whole), "has a name that no .proto file can have".to_owned()));
    }
    limits::name(|| format!("{element} `{}`", shown(&join(scope, whole))), part)
}

fn join(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}

/// Checks that each message with the full name of a well-known type has the fields of that type: the mapping and JSON
/// encode these types by name, without a look at their fields.
pub(super) fn well_known(pool: &DescriptorPool) -> Result<(), SchemaError> {
    let known = DescriptorPool::global();
    for expected in known.all_messages().filter(|message| WELL_KNOWN_FILES.contains(&message.parent_file().name())) {
        let Some(found) = pool.get_message_by_name(expected.full_name()) else { continue };
        if shape(&found) != shape(&expected) {
            let reason = format!("has other fields than in `{}` of protobuf", expected.parent_file().name());
            return Err(invalid("message", found.full_name(), reason));
        }
    }
    Ok(())
}

/// Returns the number, name, repetition and kind of each field. Encodings depend on these and nothing else.
fn shape(message: &MessageDescriptor) -> BTreeSet<(u32, String, bool, String)> {
    let kind = |field: &FieldDescriptor| match field.kind() {
        Kind::Message(kind) => kind.full_name().to_owned(),
        Kind::Enum(kind) => kind.full_name().to_owned(),
        scalar => format!("{scalar:?}"),
    };
    let shape = |field: FieldDescriptor| {
        (field.number(), field.name().to_owned(), field.cardinality() == Cardinality::Repeated, kind(&field))
    };
    message.fields().map(shape).collect()
}

/// Checks what a method takes and returns.
pub(super) fn method(method: &MethodDescriptor) -> Result<(), SchemaError> {
    match method.input().is_map_entry() || method.output().is_map_entry() {
        true => Err(invalid("method", method.full_name(), "takes or returns the entry of a map".to_owned())),
        false => Ok(()),
    }
}

/// Checks a field of a message.
pub(super) fn field(field: &FieldDescriptor) -> Result<(), SchemaError> {
    let in_oneof = field.containing_oneof().is_some_and(|oneof| !oneof.is_synthetic());
    if in_oneof && field.cardinality() != Cardinality::Optional {
        return Err(invalid("field", field.full_name(), "is in a oneof, but repeated or required".to_owned()));
    }
    match field.kind() {
        Kind::Message(message) if message.is_map_entry() && entry(field).is_none() => {
            let reason = format!("has the map entry `{}`, which no `map` has", message.full_name());
            Err(invalid("field", field.full_name(), reason))
        }
        _ => Ok(()),
    }
}

fn invalid(element: &str, full_name: &str, reason: String) -> SchemaError {
    SchemaError::Invalid { element: format!("{element} `{}`", shown(full_name)), reason }
}
