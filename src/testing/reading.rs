//! The message that prost-reflect reads in wire bytes, as text in which equal messages are equal: maps in the order of their keys, NaN
//! like any other number.

use okra_codegen::editions::is_open_enum;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _, Value};

/// Returns the text of an encoded message; `None` when it is to be refused. prost-reflect itself does not look for required
/// fields, nor for values that have no JSON form.
pub(crate) fn reading(descriptor: &MessageDescriptor, wire: &[u8]) -> Option<String> {
    let message = DynamicMessage::decode(descriptor.clone(), wire).ok()?;
    is_whole(&message).then(|| canonical(&message))
}

fn is_whole(message: &DynamicMessage) -> bool {
    let has_required = message.descriptor().fields().all(|field| !field.is_required() || message.has_field(&field));
    let has_json = match message.descriptor().full_name() {
        "google.protobuf.Value" => match message.fields().next() {
            Some((_, Value::F64(number))) => number.is_finite(),
            kind => kind.is_some(),
        },
        _ => true,
    };
    has_required && has_json && message.fields().all(|(_, value)| is_whole_value(value))
}

fn is_whole_value(value: &Value) -> bool {
    match value {
        Value::Message(message) => is_whole(message),
        Value::List(values) => values.iter().all(is_whole_value),
        Value::Map(entries) => entries.values().all(is_whole_value),
        _ => true,
    }
}

fn canonical(message: &DynamicMessage) -> String {
    // Any number of NullValue means null.
    if message.has_field_by_name("null_value") && message.descriptor().full_name() == "google.protobuf.Value" {
        return "null".to_owned();
    }
    let fields: Vec<_> = message.fields().map(|(field, value)| format!("{}: {}", field.name(), text(value))).collect();
    format!("{{{}}}", fields.join(", "))
}

/// Whether a message has numbers that a closed enum lacks: prost-reflect takes them for values, and they are unknown fields.
pub(crate) fn has_unknown_number(descriptor: &MessageDescriptor, wire: &[u8]) -> bool {
    fn is_unknown(field: &FieldDescriptor, value: &Value) -> bool {
        match value {
            Value::EnumNumber(number) => matches!(field.kind(), Kind::Enum(definition)
                if !is_open_enum(&definition) && definition.get_value(*number).is_none()),
            Value::Message(message) => message.fields().any(|(field, value)| is_unknown(&field, value)),
            Value::List(values) => values.iter().any(|value| is_unknown(field, value)),
            Value::Map(entries) => {
                let Kind::Message(entry) = field.kind() else { return false };
                entries.values().any(|value| is_unknown(&entry.map_entry_value_field(), value))
            }
            _ => false,
        }
    }
    let message = DynamicMessage::decode(descriptor.clone(), wire);
    message.is_ok_and(|message| message.fields().any(|(field, value)| is_unknown(&field, value)))
}

fn text(value: &Value) -> String {
    match value {
        Value::Message(message) => canonical(message),
        // Nothing is escaped anew at each level.
        Value::List(values) => format!("[{}]", values.iter().map(text).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let mut entries: Vec<_> = entries.iter().map(|(key, value)| format!("{key:?}: {}", text(value))).collect();
            entries.sort();
            format!("[{}]", entries.join(", "))
        }
        other => format!("{other:?}"),
    }
}
