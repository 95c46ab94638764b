//! What no `.proto` file is compiled to, though a descriptor may say it.
//!
//! The pool has checked already that full names and numbers are unique and that references lead somewhere. It checks
//! neither how names are spelled nor what entries of maps are.

use prost_reflect::{
    Cardinality, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, ServiceDescriptor,
};

use super::descriptors::{entry, fields};
use super::{MAX_NAME, SchemaError};

/// A name from outside for a message to people: what would change the line it stands in is escaped, and it is cut.
pub(super) fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(4 * MAX_NAME).flat_map(char::escape_debug).collect();
    if name.chars().nth(4 * MAX_NAME).is_some() {
        shown.push_str("...");
    }
    shown
}

pub(super) fn service(service: &ServiceDescriptor) -> Result<(), SchemaError> {
    name("service", service.full_name(), service.full_name())?;
    for method in service.methods() {
        name("method", method.full_name(), method.name())?;
        payload(&method, &method.input())?;
        payload(&method, &method.output())?;
    }
    Ok(())
}

fn payload(method: &MethodDescriptor, message: &MessageDescriptor) -> Result<(), SchemaError> {
    match message.is_map_entry() {
        true => Err(invalid("method", method.full_name(), "takes or returns the entry of a map".to_owned())),
        false => Ok(()),
    }
}

pub(super) fn message(message: &MessageDescriptor) -> Result<(), SchemaError> {
    name("message", message.full_name(), message.full_name())?;
    for oneof in message.oneofs() {
        name("oneof", oneof.full_name(), oneof.name())?;
    }
    fields(message).iter().try_for_each(field)
}

fn field(field: &FieldDescriptor) -> Result<(), SchemaError> {
    name("field", field.full_name(), field.name())?;
    let in_oneof = field.containing_oneof().is_some_and(|oneof| !oneof.is_synthetic());
    if in_oneof && field.cardinality() != Cardinality::Optional {
        return Err(invalid("field", field.full_name(), "is in a oneof, but repeated or required".to_owned()));
    }
    match field.kind() {
        Kind::Message(message) if message.is_map_entry() && entry(field).is_none() => {
            let reason = format!("has the map entry `{}`, which no `map` has", shown(message.full_name()));
            Err(invalid("field", field.full_name(), reason))
        }
        _ => Ok(()),
    }
}

pub(super) fn enumeration(definition: &EnumDescriptor) -> Result<(), SchemaError> {
    name("enum", definition.full_name(), definition.full_name())?;
    definition.values().try_for_each(|value| name("value", value.full_name(), value.name()))
}

/// Checks a name, or the parts of a full name.
fn name(element: &'static str, full_name: &str, checked: &str) -> Result<(), SchemaError> {
    let is_identifier = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if !checked.split('.').all(is_identifier) {
        return Err(invalid(element, full_name, "has a name that no .proto file can have".to_owned()));
    }
    match checked.split('.').map(str::len).max() {
        Some(length) if length > MAX_NAME => {
            Err(SchemaError::LongName { element: format!("{element} `{}`", shown(full_name)), length, limit: MAX_NAME })
        }
        _ => Ok(()),
    }
}

fn invalid(element: &str, full_name: &str, reason: String) -> SchemaError {
    SchemaError::Invalid { element: format!("{element} `{}`", shown(full_name)), reason }
}
