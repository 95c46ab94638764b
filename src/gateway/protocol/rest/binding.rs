//! How a REST request becomes a message: values of its path and query, and the place of its body.

use std::collections::BTreeSet;

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use prost::Message as _;
use prost_reflect::{FieldDescriptor, MessageDescriptor};
use serde_json::{Map, Value};

use crate::call::Status;
use crate::gateway::call::http_body::HttpBodyMessage;
use crate::gateway::call::json;
use crate::gateway::call::json_scan::JsonScan;
use crate::gateway::call::request_reader::MessageDecoder;
use crate::gateway::protocol::rest::parameter::{invalid, parse_value};
use crate::gateway::routes::PathValues;
use crate::gateway::routes::rule::BodyMapping;
use crate::gateway::routes::template::{field_path, find_field};

/// Decodes the body of a REST request together with the values of its path and query.
#[derive(Debug)]
pub(crate) struct RequestBinding {
    message: MessageDescriptor,
    body: BodyMapping,
    values: Vec<(Vec<FieldDescriptor>, Value)>,
    /// The content type of the request, which a `google.api.HttpBody` holds.
    content_type: String,
}

impl RequestBinding {
    /// Reads the values of a path and a query.
    ///
    /// # Errors
    /// INVALID_ARGUMENT when a field does not exist, is set already, or a value is not one of its type.
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
        let of_path = values.len();
        let mut seen = BTreeSet::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, text) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
            let key = decode(key);
            if body == BodyMapping::All {
                return Err(invalid(format!("`{key}` in the query: all of the message is in the body")));
            }
            let field = find_field(&message, &key).map_err(|error| invalid(format!("in the query, {error}")))?;
            let is_of_path = |(set, _): &(Vec<FieldDescriptor>, _)| set.starts_with(&field) || field.starts_with(set);
            if values.iter().take(of_path).any(is_of_path) {
                return Err(invalid(format!("`{key}` in the query: the path sets it")));
            }
            if let BodyMapping::Field(body) = &body
                && field.first() == Some(body)
            {
                return Err(invalid(format!("`{key}` in the query: `{}` is in the body", body.name())));
            }
            if !field.last().is_some_and(FieldDescriptor::is_list) && !seen.insert(field_path(&field)) {
                return Err(invalid(format!("`{key}` is in the query more than once, and takes one value")));
            }
            let value = parse_value(&field, &decode(text))?;
            values.push((field, value));
        }
        Ok(Self { message, body, values, content_type: String::new() })
    }

    /// Whether the body is a `google.api.HttpBody`, which takes any content.
    pub(crate) fn takes_http_body(message: &MessageDescriptor, body: &BodyMapping) -> bool {
        body.message(message).is_some_and(|body| HttpBodyMessage::is(&body))
    }

    /// Sets the content type of the request.
    pub(crate) fn with_content_type(self, content_type: String) -> Self {
        Self { content_type, ..self }
    }

    /// Encodes the values of the path and the query together with a body of JSON. `scan` is of its text.
    fn encode_values(&self, body: Option<Value>, mut scan: JsonScan) -> Result<Bytes, Status> {
        let mut whole = match (&self.body, body) {
            (BodyMapping::All, Some(body)) => body,
            (BodyMapping::Field(field), Some(body)) => {
                Value::Object(Map::from_iter([(field.json_name().to_owned(), body)]))
            }
            _ => Value::Object(Map::new()),
        };
        for (field, value) in &self.values {
            scan.add_text(value.as_str().unwrap_or_default().as_bytes());
            set_value(&mut whole, field, value.clone())?;
        }
        json::encode_value(&self.message, whole, &scan)
    }

    /// Encodes a message with a `google.api.HttpBody`. Encoded messages are merged by putting one behind the other.
    fn encode_http_body(&self, body: &[u8]) -> Result<Bytes, Status> {
        let http_body = HttpBodyMessage { content_type: self.content_type.clone(), data: Bytes::copy_from_slice(body) };
        let mut encoded = match &self.body {
            BodyMapping::Field(field) => {
                let mut encoded = Vec::with_capacity(body.len() + 64);
                prost::encoding::message::encode(field.number(), &http_body, &mut encoded);
                encoded
            }
            _ => http_body.encode_to_vec(),
        };
        encoded.extend_from_slice(&self.encode_values(None, JsonScan::default())?);
        Ok(encoded.into())
    }
}

impl MessageDecoder for RequestBinding {
    fn decode(&self, body: &[u8]) -> Result<Bytes, Status> {
        if Self::takes_http_body(&self.message, &self.body) {
            return self.encode_http_body(body);
        }
        match &self.body {
            BodyMapping::None | BodyMapping::Unknown(_) => self.encode_values(None, JsonScan::default()),
            _ if body.is_empty() => self.encode_values(None, JsonScan::default()),
            _ => {
                let scan = JsonScan::of(body)?;
                let sent = serde_json::from_slice(body);
                let sent = sent.map_err(|error| invalid(format!("the body is no JSON: {error}")))?;
                self.encode_values(Some(sent), scan)
            }
        }
    }
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

/// Returns the place of a field in a JSON object, under whichever of its two names it is there.
fn place<'a>(object: &'a mut Map<String, Value>, field: &FieldDescriptor) -> &'a mut Value {
    if let Some(value) = object.remove(field.name()) {
        object.insert(field.json_name().to_owned(), value);
    }
    object.entry(field.json_name()).or_insert(Value::Null)
}
