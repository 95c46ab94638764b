//! What prost-reflect reads in wire bytes, as text in which equal messages are equal: maps in the order of their keys, NaN
//! like any other number.

use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage as _, Value};

/// What is read in an encoded message; `None` when it is to be refused. prost-reflect itself does not look for required
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
    let fields: Vec<_> = message.fields().map(|(field, value)| format!("{}: {}", field.name(), text(value))).collect();
    format!("{{{}}}", fields.join(", "))
}

fn text(value: &Value) -> String {
    match value {
        Value::Message(message) => canonical(message),
        Value::List(values) => format!("{:?}", values.iter().map(text).collect::<Vec<_>>()),
        Value::Map(entries) => {
            let mut entries: Vec<_> = entries.iter().map(|(key, value)| format!("{key:?}: {}", text(value))).collect();
            entries.sort();
            format!("{entries:?}")
        }
        other => format!("{other:?}"),
    }
}
