//! How a REST request becomes a message: values of its path and query, and the place of its body.

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};

use crate::call::{Code, Status};
use crate::gateway::call::json;
use crate::gateway::call::request_reader::MessageDecoder;
use crate::gateway::routes::PathValues;
use crate::gateway::routes::rule::BodyMapping;
use crate::gateway::routes::template::{field_path, find_field};

/// Decodes the body of a REST request together with the values of its path and query.
#[derive(Debug)]
pub(crate) struct RequestBinding {
    message: MessageDescriptor,
    body: BodyMapping,
    values: Vec<(Vec<FieldDescriptor>, Value)>,
}

impl RequestBinding {
    /// Reads the values of a path and a query.
    ///
    /// # Errors
    /// INVALID_ARGUMENT when a field does not exist or a value is not one of its type.
    pub(crate) fn new(
        message: MessageDescriptor,
        body: BodyMapping,
        path: PathValues,
        query: &str,
    ) -> Result<Self, Status> {
        let mut values = Vec::new();
        for (field, text) in path {
            let value = parse_value(&field, &text)?;
            values.push((field, value));
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, text) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
            let key = decode(key);
            if body == BodyMapping::All {
                return Err(invalid(format!("`{key}` in the query: all of the message is in the body")));
            }
            let field = find_field(&message, &key).map_err(|error| invalid(format!("in the query, {error}")))?;
            let value = parse_value(&field, &decode(text))?;
            values.push((field, value));
        }
        Ok(Self { message, body, values })
    }
}

impl MessageDecoder for RequestBinding {
    fn decode(&self, body: &[u8]) -> Result<Bytes, Status> {
        let sent = match &self.body {
            BodyMapping::None | BodyMapping::Unknown(_) => None,
            _ if body.is_empty() => None,
            _ => Some(serde_json::from_slice(body).map_err(|error| invalid(format!("the body is no JSON: {error}")))?),
        };
        let mut whole = match (&self.body, sent) {
            (BodyMapping::All, Some(sent)) => sent,
            (BodyMapping::Field(field), Some(sent)) => {
                Value::Object(Map::from_iter([(field.json_name().to_owned(), sent)]))
            }
            _ => Value::Object(Map::new()),
        };
        for (field, value) in &self.values {
            set_value(&mut whole, field, value.clone())?;
        }
        json::encode_value(&self.message, whole)
    }
}

fn invalid(message: String) -> Status {
    Status::new(Code::InvalidArgument, message)
}

/// Sets the value of a field; of a list, appends it.
fn set_value(whole: &mut Value, field: &[FieldDescriptor], value: Value) -> Result<(), Status> {
    let mut at = whole;
    for part in field {
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
        let Value::Object(object) = at else {
            return Err(invalid(format!("`{}` cannot be set in what is no object", field_path(field))));
        };
        at = place(object, part);
    }
    match (field.last().is_some_and(FieldDescriptor::is_list), at) {
        (true, Value::Array(values)) => values.push(value),
        (true, at) => *at = Value::Array(vec![value]),
        (false, at) => *at = value,
    }
    Ok(())
}

/// Reads text as a JSON value of the field's type.
fn parse_value(field: &[FieldDescriptor], text: &str) -> Result<Value, Status> {
    let Some(last) = field.last().filter(|last| !last.is_map()) else {
        return Err(invalid(format!("`{}` cannot be set by a path or a query", field_path(field))));
    };
    let kind = match last.kind() {
        Kind::Message(message) => match message.full_name() {
            "google.protobuf.Timestamp" | "google.protobuf.Duration" | "google.protobuf.FieldMask" => Kind::String,
            wrapper if wrapper.starts_with("google.protobuf.") && wrapper.ends_with("Value") => {
                let inner = message.get_field_by_name("value").map(|field| field.kind());
                inner.ok_or_else(|| invalid(format!("`{}` cannot be set by a path or a query", field_path(field))))?
            }
            _ => return Err(invalid(format!("`{}` is a message; set its fields", field_path(field)))),
        },
        kind => kind,
    };
    match kind {
        Kind::Bool => match text {
            "true" | "1" | "" => Ok(Value::Bool(true)),
            "false" | "0" => Ok(Value::Bool(false)),
            _ => Err(invalid(format!("`{}` is {text:?}; expected true or false", field_path(field)))),
        },
        Kind::Enum(_) => Ok(text.parse::<i32>().map_or_else(|_| Value::from(text), Value::from)),
        // JSON takes numbers as strings, too.
        _ => Ok(Value::from(text)),
    }
}

/// Returns the place of a field in a JSON object, under whichever of its two names it is there.
fn place<'a>(object: &'a mut Map<String, Value>, field: &FieldDescriptor) -> &'a mut Value {
    if let Some(value) = object.remove(field.name()) {
        object.insert(field.json_name().to_owned(), value);
    }
    object.entry(field.json_name()).or_insert(Value::Null)
}
