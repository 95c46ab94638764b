//! Messages as JSON, by the canonical mapping. <https://protobuf.dev/programming-guides/json/>

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, ReflectMessage as _, Value as Field};
use serde::de::DeserializeSeed as _;
use serde_json::Value;
use serde_path_to_error::{Path, Segment, Track};

use super::definition::type_of;
use super::{ClientError, Schema};
use crate::nearest::nearest;

/// How deep a `google.protobuf.Any` in a `google.protobuf.Any` is looked into.
const DEPTH: usize = 32;

/// A response for people to read.
#[derive(Clone, Debug)]
pub struct Shown {
    /// JSON; protobuf's text format where there is no JSON for it.
    pub text: String,
    /// Why it is not JSON.
    pub note: Option<String>,
}

/// How JSON is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Over many lines, for people.
    Pretty,
    /// In one line: one message of many.
    Line,
}

/// Encodes a request that is given as JSON.
///
/// # Errors
/// When it is no JSON, or does not fit the message; the error names the place, and what would fit there.
pub async fn parse_request(schema: &mut Schema, message: &MessageDescriptor, text: &str) -> Result<Bytes, ClientError> {
    let json = serde_json::from_str(text).map_err(|source| ClientError::Json { source })?;
    encode_request(schema, message, &json).await
}

/// Encodes a request.
///
/// # Errors
/// When it does not fit the message; the error names the place, and what would fit there.
pub async fn encode_request(
    schema: &mut Schema,
    message: &MessageDescriptor,
    json: &Value,
) -> Result<Bytes, ClientError> {
    let mut types = Vec::new();
    named_types(json, &mut types);
    for name in types {
        schema.message(name).await?;
    }
    let mut track = Track::new();
    let read = current(schema, message).deserialize(serde_path_to_error::Deserializer::new(json, &mut track));
    match read {
        Ok(request) => Ok(request.encode_to_vec().into()),
        Err(error) => Err(misfit(message, json, &track.path(), &error.to_string())),
    }
}

/// Shows an encoded response.
///
/// # Errors
/// When it is no such message.
pub async fn print_response(
    schema: &mut Schema,
    message: &MessageDescriptor,
    encoded: Bytes,
    layout: Layout,
) -> Result<Shown, ClientError> {
    loop {
        let response = DynamicMessage::decode(current(schema, message), encoded.clone())
            .map_err(|source| ClientError::Response { message: message.full_name().to_owned(), source })?;
        let mut unknown = Vec::new();
        unknown_types(&response, schema, DEPTH, &mut unknown);
        let mut learned = false;
        for name in unknown {
            learned |= schema.message(&name).await.is_ok_and(|found| found.is_some());
        }
        if learned {
            continue;
        }
        let json = match layout {
            Layout::Pretty => serde_json::to_string_pretty(&response),
            Layout::Line => serde_json::to_string(&response),
        };
        return Ok(match json {
            Ok(text) => Shown { text, note: None },
            Err(error) => {
                let note = format!("the response is shown in protobuf's text format; as JSON it is not valid: {error}");
                let text = match layout {
                    Layout::Pretty => format!("{response:#}"),
                    Layout::Line => response.to_string(),
                };
                Shown { text, note: Some(note) }
            }
        });
    }
}

/// The message as the grown schema knows it, along with all that a `google.protobuf.Any` in it may hold.
fn current(schema: &Schema, message: &MessageDescriptor) -> MessageDescriptor {
    schema.pool().get_message_by_name(message.full_name()).unwrap_or_else(|| message.clone())
}

/// The message type that a type URL names.
pub(super) fn type_name(url: &str) -> &str {
    url.rsplit_once('/').map_or(url, |(_, name)| name)
}

fn named_types<'a>(json: &'a Value, types: &mut Vec<&'a str>) {
    match json {
        Value::Object(members) => {
            types.extend(members.get("@type").and_then(Value::as_str).map(type_name));
            members.values().for_each(|member| named_types(member, types));
        }
        Value::Array(elements) => elements.iter().for_each(|element| named_types(element, types)),
        _ => {}
    }
}

fn unknown_types(message: &DynamicMessage, schema: &Schema, depth: usize, types: &mut Vec<String>) {
    if message.descriptor().full_name() == "google.protobuf.Any" && depth > 0 {
        let url = message.get_field_by_name("type_url");
        let value = message.get_field_by_name("value");
        let Some((url, value)) = url.as_deref().and_then(Field::as_str).zip(value.as_deref().and_then(Field::as_bytes))
        else {
            return;
        };
        let name = type_name(url);
        match schema.pool().get_message_by_name(name) {
            None => types.push(name.to_owned()),
            Some(descriptor) => {
                if let Ok(inner) = DynamicMessage::decode(descriptor, value.clone()) {
                    unknown_types(&inner, schema, depth - 1, types);
                }
            }
        }
        return;
    }
    for (_, value) in message.fields() {
        of_value(value, schema, depth, types);
    }
}

fn of_value(value: &Field, schema: &Schema, depth: usize, types: &mut Vec<String>) {
    match value {
        Field::Message(message) => unknown_types(message, schema, depth, types),
        Field::List(elements) => elements.iter().for_each(|element| of_value(element, schema, depth, types)),
        Field::Map(entries) => entries.values().for_each(|entry| of_value(entry, schema, depth, types)),
        _ => {}
    }
}

/// Says what does not fit where, and what would.
fn misfit(root: &MessageDescriptor, json: &Value, path: &Path, error: &str) -> ClientError {
    let mut message = Some(root.clone());
    let mut field: Option<FieldDescriptor> = None;
    let mut value = Some(json);
    for segment in path {
        match segment {
            Segment::Seq { index } => value = value.and_then(|value| value.get(index)),
            Segment::Map { key } => {
                value = value.and_then(|value| value.get(key));
                let entry = field
                    .take()
                    .filter(FieldDescriptor::is_map)
                    .and_then(|field| Some(field.kind().as_message()?.map_entry_value_field()));
                field = entry.or_else(|| message.as_ref().and_then(|message| field_of(message, key)));
                message = field.as_ref().and_then(|field| field.kind().as_message().cloned());
            }
            _ => {}
        }
    }
    let place = if path.iter().next().is_some() { format!("at `{path}`: ") } else { String::new() };
    let unknown = message.as_ref().zip(value.and_then(Value::as_object)).and_then(|(message, members)| {
        let is_map = field.as_ref().is_some_and(FieldDescriptor::is_map);
        let special = is_map || message.full_name().starts_with("google.protobuf.");
        let unknown = members.keys().find(|key| !key.starts_with(['[', '@']) && field_of(message, key).is_none());
        unknown.filter(|_| !special).map(|key| (message, key))
    });
    let (what, help) = match (unknown, field) {
        (Some((message, key)), _) => {
            (format!("{place}`{}` has no field `{key}`", message.full_name()), Some(fields(message, key)))
        }
        (None, Some(field)) => (format!("{place}{error}"), Some(format!("`{}` is {}", field.name(), type_of(&field)))),
        (None, None) => (format!("{place}{error}"), None),
    };
    ClientError::Request { message: root.full_name().to_owned(), what, help }
}

fn field_of(message: &MessageDescriptor, key: &str) -> Option<FieldDescriptor> {
    message.get_field_by_json_name(key).or_else(|| message.get_field_by_name(key))
}

/// Names the fields of a message, the one first that was probably meant.
fn fields(message: &MessageDescriptor, wanted: &str) -> String {
    let names: Vec<_> = message.fields().map(|field| field.json_name().to_owned()).collect();
    let meant = nearest(wanted, names.iter().map(String::as_str));
    let meant = meant.map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
    let fields: Vec<_> = message.fields().map(|field| format!("{} ({})", field.json_name(), type_of(&field))).collect();
    match fields.is_empty() {
        true => format!("`{}` has no fields at all", message.full_name()),
        false => format!("{meant}its fields are: {}", fields.join(", ")),
    }
}
