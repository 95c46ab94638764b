//! Messages as JSON, by the canonical mapping. <https://protobuf.dev/programming-guides/json/>

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, ReflectMessage as _, Value as Field};
use serde::de::DeserializeSeed as _;
use serde_json::Value;
use serde_path_to_error::{Path, Segment, Track};

use crate::client::definition::field_type_text;
use crate::client::{ClientError, DynamicSchema};
use crate::suggest::did_you_mean;

/// Most levels of `google.protobuf.Any` in `google.protobuf.Any` whose types are looked up.
const MAX_ANY_DEPTH: usize = 32;

/// A response as text for people.
#[derive(Clone, Debug)]
pub struct PrintedResponse {
    /// JSON, or protobuf's text format if the message has no valid JSON.
    pub text: String,
    /// Why the text is not JSON.
    pub note: Option<String>,
}

/// The layout of JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonLayout {
    /// Many lines, for people.
    Pretty,
    /// One line, for one message of a stream.
    Line,
}

/// Encodes a request that is given as JSON text.
///
/// # Errors
/// If the text is not JSON, or does not fit the message; the error names the place and what fits there.
pub async fn parse_request(
    schema: &mut DynamicSchema,
    message: &MessageDescriptor,
    text: &str,
) -> Result<Bytes, ClientError> {
    let json = serde_json::from_str(text).map_err(|source| ClientError::Json { source })?;
    encode_request(schema, message, &json).await
}

/// Encodes a request that is given as a JSON value.
///
/// # Errors
/// If the value does not fit the message; the error names the place and what fits there.
pub async fn encode_request(
    schema: &mut DynamicSchema,
    message: &MessageDescriptor,
    json: &Value,
) -> Result<Bytes, ClientError> {
    let mut types = Vec::new();
    collect_named_types(json, &mut types);
    for name in types {
        schema.message(name).await?;
    }
    let mut track = Track::new();
    let read =
        current_descriptor(schema, message).deserialize(serde_path_to_error::Deserializer::new(json, &mut track));
    match read {
        Ok(request) => Ok(request.encode_to_vec().into()),
        Err(error) => Err(misfit_error(message, json, &track.path(), &error.to_string())),
    }
}

/// Formats an encoded response.
///
/// # Errors
/// If the bytes are not such a message.
pub async fn print_response(
    schema: &mut DynamicSchema,
    message: &MessageDescriptor,
    encoded: Bytes,
    layout: JsonLayout,
) -> Result<PrintedResponse, ClientError> {
    loop {
        let response = DynamicMessage::decode(current_descriptor(schema, message), encoded.clone())
            .map_err(|source| ClientError::Response { message: message.full_name().to_owned(), source })?;
        let mut unknown = Vec::new();
        collect_unknown_types(&response, schema, MAX_ANY_DEPTH, &mut unknown);
        let mut has_learned = false;
        for name in unknown {
            has_learned |= schema.message(&name).await.is_ok_and(|found| found.is_some());
        }
        if has_learned {
            continue;
        }
        let json = match layout {
            JsonLayout::Pretty => serde_json::to_string_pretty(&response),
            JsonLayout::Line => serde_json::to_string(&response),
        };
        return Ok(match json {
            Ok(text) => PrintedResponse { text, note: None },
            Err(error) => {
                let note =
                    format!("the response is printed in protobuf's text format; as JSON it is not valid: {error}");
                let text = match layout {
                    JsonLayout::Pretty => format!("{response:#}"),
                    JsonLayout::Line => response.to_string(),
                };
                PrintedResponse { text, note: Some(note) }
            }
        });
    }
}

/// Returns the message type of the schema as it is now, with the types of all `google.protobuf.Any` in it.
fn current_descriptor(schema: &DynamicSchema, message: &MessageDescriptor) -> MessageDescriptor {
    schema.pool().get_message_by_name(message.full_name()).unwrap_or_else(|| message.clone())
}

/// Returns the name of the message type in a type URL.
pub(super) fn type_name(url: &str) -> &str {
    url.rsplit_once('/').map_or(url, |(_, name)| name)
}

fn collect_named_types<'a>(json: &'a Value, types: &mut Vec<&'a str>) {
    match json {
        Value::Object(members) => {
            types.extend(members.get("@type").and_then(Value::as_str).map(type_name));
            members.values().for_each(|member| collect_named_types(member, types));
        }
        Value::Array(elements) => elements.iter().for_each(|element| collect_named_types(element, types)),
        _ => {}
    }
}

fn collect_unknown_types(message: &DynamicMessage, schema: &DynamicSchema, depth: usize, types: &mut Vec<String>) {
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
                    collect_unknown_types(&inner, schema, depth - 1, types);
                }
            }
        }
        return;
    }
    for (_, value) in message.fields() {
        collect_unknown_types_of_value(value, schema, depth, types);
    }
}

fn collect_unknown_types_of_value(value: &Field, schema: &DynamicSchema, depth: usize, types: &mut Vec<String>) {
    match value {
        Field::Message(message) => collect_unknown_types(message, schema, depth, types),
        Field::List(elements) => {
            elements.iter().for_each(|element| collect_unknown_types_of_value(element, schema, depth, types))
        }
        Field::Map(entries) => {
            entries.values().for_each(|entry| collect_unknown_types_of_value(entry, schema, depth, types))
        }
        _ => {}
    }
}

/// Returns the error of a value that does not fit: its place, the reason, and what fits there.
fn misfit_error(root: &MessageDescriptor, json: &Value, path: &Path, error: &str) -> ClientError {
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
                field = entry.or_else(|| message.as_ref().and_then(|message| find_field(message, key)));
                message = field.as_ref().and_then(|field| field.kind().as_message().cloned());
            }
            _ => {}
        }
    }
    let place = if path.iter().next().is_some() { format!("at `{path}`: ") } else { String::new() };
    let unknown = message.as_ref().zip(value.and_then(Value::as_object)).and_then(|(message, members)| {
        let is_map = field.as_ref().is_some_and(FieldDescriptor::is_map);
        let is_special = is_map || message.full_name().starts_with("google.protobuf.");
        let unknown = members.keys().find(|key| !key.starts_with(['[', '@']) && find_field(message, key).is_none());
        unknown.filter(|_| !is_special).map(|key| (message, key))
    });
    let (what, help) = match (unknown, field) {
        (Some((message, key)), _) => {
            (format!("{place}`{}` has no field `{key}`", message.full_name()), Some(describe_fields(message, key)))
        }
        (None, Some(field)) => {
            (format!("{place}{error}"), Some(format!("`{}` is {}", field.name(), field_type_text(&field))))
        }
        (None, None) => (format!("{place}{error}"), None),
    };
    ClientError::Request { message: root.full_name().to_owned(), what, help }
}

fn find_field(message: &MessageDescriptor, key: &str) -> Option<FieldDescriptor> {
    message.get_field_by_json_name(key).or_else(|| message.get_field_by_name(key))
}

/// Lists the fields of a message, after the one that was probably meant.
fn describe_fields(message: &MessageDescriptor, wanted: &str) -> String {
    let suggestion = did_you_mean(wanted, message.fields().map(|field| field.json_name().to_owned()));
    let suggestion = suggestion.map(|suggestion| format!("{suggestion} ")).unwrap_or_default();
    let fields: Vec<_> =
        message.fields().map(|field| format!("{} ({})", field.json_name(), field_type_text(&field))).collect();
    match fields.is_empty() {
        true => format!("`{}` has no fields", message.full_name()),
        false => format!("{suggestion}its fields are: {}", fields.join(", ")),
    }
}
