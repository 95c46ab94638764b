use bytes::Bytes;
use percent_encoding::percent_decode_str;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};

use super::super::json;
use super::template::{field, name};
use super::{Body, Values, place};
use crate::call::{Code, Status};

/// How a request becomes a message: what its path and its query say, and where its body goes.
#[derive(Debug)]
pub(in super::super) struct Binding {
    message: MessageDescriptor,
    body: Body,
    values: Vec<(Vec<FieldDescriptor>, Value)>,
}

impl Binding {
    /// # Errors
    /// INVALID_ARGUMENT when path or query name what the message does not have, or say of it what it cannot be.
    pub(super) fn new(message: MessageDescriptor, body: Body, path: Values, query: &str) -> Result<Self, Status> {
        let mut values = Vec::new();
        for (field, text) in path {
            let value = value(&field, &text)?;
            values.push((field, value));
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, text) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
            let key = decode(key);
            if body == Body::All {
                return Err(invalid(format!("`{key}` in the query: all of the message is in the body")));
            }
            let field = field(&message, &key).map_err(|error| invalid(format!("in the query, {error}")))?;
            let value = value(&field, &decode(text))?;
            values.push((field, value));
        }
        Ok(Self { message, body, values })
    }

    /// The message, encoded.
    pub(in super::super) fn read(&self, body: &[u8]) -> Result<Bytes, Status> {
        let sent = match &self.body {
            Body::None | Body::Unknown(_) => None,
            _ if body.is_empty() => None,
            _ => Some(serde_json::from_slice(body).map_err(|error| invalid(format!("the body is no JSON: {error}")))?),
        };
        let mut whole = match (&self.body, sent) {
            (Body::All, Some(sent)) => sent,
            (Body::Field(field), Some(sent)) => Value::Object(Map::from_iter([(field.json_name().to_owned(), sent)])),
            _ => Value::Object(Map::new()),
        };
        for (field, value) in &self.values {
            put(&mut whole, field, value.clone())?;
        }
        json::read_value(&self.message, whole)
    }
}

fn invalid(message: String) -> Status {
    Status::new(Code::InvalidArgument, message)
}

/// Puts a value to its place; to others of a list at its end.
fn put(whole: &mut Value, field: &[FieldDescriptor], value: Value) -> Result<(), Status> {
    let mut at = whole;
    for part in field {
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
        let Value::Object(object) = at else {
            return Err(invalid(format!("`{}` cannot be set in what is no object", name(field))));
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

/// Text as JSON, by what the field is.
fn value(field: &[FieldDescriptor], text: &str) -> Result<Value, Status> {
    let Some(last) = field.last().filter(|last| !last.is_map()) else {
        return Err(invalid(format!("`{}` cannot be set by a path or a query", name(field))));
    };
    let kind = match last.kind() {
        Kind::Message(message) => match message.full_name() {
            "google.protobuf.Timestamp" | "google.protobuf.Duration" | "google.protobuf.FieldMask" => Kind::String,
            wrapper if wrapper.starts_with("google.protobuf.") && wrapper.ends_with("Value") => {
                let inner = message.get_field_by_name("value").map(|field| field.kind());
                inner.ok_or_else(|| invalid(format!("`{}` cannot be set by a path or a query", name(field))))?
            }
            _ => return Err(invalid(format!("`{}` is a message; set its fields", name(field)))),
        },
        kind => kind,
    };
    match kind {
        Kind::Bool => match text {
            "true" | "1" | "" => Ok(Value::Bool(true)),
            "false" | "0" => Ok(Value::Bool(false)),
            _ => Err(invalid(format!("`{}` is {text:?}; expected true or false", name(field)))),
        },
        Kind::Enum(_) => Ok(text.parse::<i32>().map_or_else(|_| Value::from(text), Value::from)),
        // JSON takes numbers as strings, too.
        _ => Ok(Value::from(text)),
    }
}
