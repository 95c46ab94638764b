//! How a REST request becomes a message: values of its path and query, and the place of its body.
//!
//! Each part is encoded by itself, and the parts are put one behind the other: the wire merges them, and of a field that
//! both set the later one is taken, which is the path's.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_reflect::{FieldDescriptor, MessageDescriptor};

use crate::call::{Codec, Status};
use crate::gateway::call::http_body::HttpBodyMessage;
use crate::gateway::call::json::{encode_json, json_misfit};
use crate::gateway::call::request_reader::MessageDecoder;
use crate::gateway::protocol::rest::parameter::{decode_escapes, invalid, parse_entry, parse_value};
use crate::json::{UnknownNames, read_field};
use crate::routes::PathValues;
use crate::routes::rule::BodyMapping;
use crate::routes::template::{field_path, find_field};

/// Decodes the body of a REST request together with the values of its path and query.
#[derive(Debug)]
pub(crate) struct RequestBinding {
    message: MessageDescriptor,
    body: BodyMapping,
    codec: Codec,
    /// The values of the path and the query, encoded.
    values: Vec<u8>,
    /// The content type of the request, which a `google.api.HttpBody` holds.
    content_type: String,
}

/// The values of a path and a query while they are read.
struct BoundValues {
    message: MessageDescriptor,
    encoded: Vec<u8>,
    /// The field that was set of each oneof, by the path of the oneof.
    oneofs: BTreeMap<String, String>,
}

impl BoundValues {
    fn push(&mut self, field: &[FieldDescriptor], value: &serde_json::Value) -> Result<(), Status> {
        for (index, part) in field.iter().enumerate() {
            let Some(oneof) = part.containing_oneof().filter(|oneof| !oneof.is_synthetic()) else { continue };
            let oneof = format!("{}/{}", field_path(field.get(..index).unwrap_or_default()), oneof.name());
            let set = self.oneofs.entry(oneof).or_insert_with(|| part.name().to_owned());
            if set != part.name() {
                let name = field_path(field);
                return Err(invalid(format!("`{name}` is set together with `{set}`, which is of the same oneof")));
            }
        }
        let encoded = read_field(field, value.to_string().as_bytes(), UnknownNames::IgnoreFields);
        self.encoded.extend(encoded.map_err(|error| json_misfit(&self.message, &error))?);
        Ok(())
    }
}

impl RequestBinding {
    /// Reads the values of a path and a query. `codec` is that of the body.
    ///
    /// # Errors
    /// INVALID_ARGUMENT when a field does not exist, is set already, or a value is not one of its type.
    pub(crate) fn new(
        message: MessageDescriptor,
        body: BodyMapping,
        codec: Codec,
        path: PathValues,
        query: &str,
    ) -> Result<Self, Status> {
        let mut values = BoundValues { message: message.clone(), encoded: Vec::new(), oneofs: BTreeMap::new() };
        for (field, text) in &path {
            values.push(field, &parse_value(field, text)?)?;
        }
        let mut seen = BTreeSet::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, text) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| {
                let decoded = decode_escapes(&text.replace('+', " ")).map(Cow::into_owned);
                decoded.map_err(|error| invalid(format!("in the query, `{key}` {error}")))
            };
            let (key, text) = (decode(key)?, decode(text)?);
            if body == BodyMapping::All {
                return Err(invalid(format!("`{key}` in the query: all of the message is in the body")));
            }
            // `labels[env]=test` is an entry of a map.
            let entry = key.strip_suffix(']').and_then(|key| key.split_once('['));
            let (name, entry_key) = entry.map_or((&*key, None), |(name, entry_key)| (name, Some(entry_key)));
            let field = find_field(&message, name).map_err(|error| invalid(format!("in the query, {error}")))?;
            if path.iter().any(|(set, _)| set.starts_with(&field) || field.starts_with(set)) {
                return Err(invalid(format!("`{key}` in the query: the path sets it")));
            }
            if let BodyMapping::Field(body) = &body
                && field.first() == Some(body)
            {
                return Err(invalid(format!("`{key}` in the query: `{}` is in the body", body.name())));
            }
            let is_list = field.last().is_some_and(FieldDescriptor::is_list);
            if !is_list && !seen.insert((field_path(&field), entry_key.map(str::to_owned))) {
                return Err(invalid(format!("`{key}` is in the query more than once, and takes one value")));
            }
            let value = match entry_key {
                Some(entry_key) => parse_entry(&field, entry_key, &text)?,
                None => parse_value(&field, &text)?,
            };
            values.push(&field, &value)?;
        }
        Ok(Self { message, body, codec, values: values.encoded, content_type: String::new() })
    }

    /// Whether the body is a `google.api.HttpBody`, which takes any content.
    pub(crate) fn takes_http_body(message: &MessageDescriptor, body: &BodyMapping) -> bool {
        body.message(message).is_some_and(|body| HttpBodyMessage::is(&body))
    }

    /// Sets the content type of the request.
    pub(crate) fn with_content_type(self, content_type: String) -> Self {
        Self { content_type, ..self }
    }

    /// Encodes the body at its place in the message.
    fn encode_body(&self, body: &[u8]) -> Result<Bytes, Status> {
        let http_body =
            || HttpBodyMessage { content_type: self.content_type.clone(), data: Bytes::copy_from_slice(body) };
        let takes_http_body = Self::takes_http_body(&self.message, &self.body);
        match &self.body {
            BodyMapping::None | BodyMapping::Unknown(_) => Ok(Bytes::new()),
            BodyMapping::All if takes_http_body => Ok(http_body().encode_to_vec().into()),
            BodyMapping::Field(field) if takes_http_body => Ok(encode_field(field, &http_body().encode_to_vec())),
            _ if body.is_empty() => Ok(Bytes::new()),
            BodyMapping::All => match self.codec {
                Codec::Proto => Ok(Bytes::copy_from_slice(body)),
                Codec::Json => encode_json(&self.message, body),
            },
            BodyMapping::Field(field) => match self.codec {
                Codec::Proto => Ok(encode_field(field, body)),
                Codec::Json => {
                    let encoded = read_field(std::slice::from_ref(field), body, UnknownNames::IgnoreFields);
                    encoded.map(Bytes::from).map_err(|error| json_misfit(&self.message, &error))
                }
            },
        }
    }
}

/// Encodes a field of which the message is encoded already.
fn encode_field(field: &FieldDescriptor, message: &[u8]) -> Bytes {
    let mut encoded = Vec::with_capacity(message.len() + 16);
    if field.is_group() {
        encode_key(field.number(), WireType::StartGroup, &mut encoded);
        encoded.extend_from_slice(message);
        encode_key(field.number(), WireType::EndGroup, &mut encoded);
    } else {
        encode_key(field.number(), WireType::LengthDelimited, &mut encoded);
        encode_varint(message.len() as u64, &mut encoded);
        encoded.extend_from_slice(message);
    }
    encoded.into()
}

impl MessageDecoder for RequestBinding {
    fn decode(&self, body: &[u8]) -> Result<Bytes, Status> {
        let body = self.encode_body(body)?;
        if self.values.is_empty() {
            return Ok(body);
        }
        Ok([body.as_ref(), &self.values].concat().into())
    }
}
