//! Messages as JSON, by protobuf's canonical mapping. <https://protobuf.dev/programming-guides/json/>

use std::fmt;

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{DeserializeOptions, DynamicMessage, FieldDescriptor, MessageDescriptor, SerializeOptions};
use serde::de::Deserializer;
use serde_json::Value;

use crate::call::{Code, Status};

/// Encodes a request that came as JSON. Fields that the message does not have are left out, because a client may be newer
/// than its server; an empty text is a message without fields.
///
/// # Errors
/// INVALID_ARGUMENT, with what does not fit where.
pub(crate) fn encode_json(message: &MessageDescriptor, json: &[u8]) -> Result<Bytes, Status> {
    let json = if json.is_empty() { b"{}" } else { json };
    let mut reader = serde_json::Deserializer::from_slice(json);
    let read = decode(message, &mut reader)?;
    reader.end().map_err(|error| misfit(message, &error))?;
    Ok(read)
}

/// As [`encode_json`], of JSON that was parsed before.
pub(crate) fn encode_value(message: &MessageDescriptor, json: Value) -> Result<Bytes, Status> {
    decode(message, json)
}

fn decode<'de, D>(message: &MessageDescriptor, json: D) -> Result<Bytes, Status>
where
    D: Deserializer<'de, Error = serde_json::Error>,
{
    let options = DeserializeOptions::new().deny_unknown_fields(false);
    let read = DynamicMessage::deserialize_with_options(message.clone(), json, &options);
    read.map(|read| read.encode_to_vec().into()).map_err(|error| misfit(message, &error))
}

fn misfit(message: &MessageDescriptor, error: &serde_json::Error) -> Status {
    let name = message.full_name();
    Status::new(Code::InvalidArgument, format!("the request is no `{name}` in JSON: {error}"))
}

/// The part of a response that is written as JSON.
pub(crate) enum JsonOutput {
    Message(MessageDescriptor),
    /// One field of the message.
    Field(MessageDescriptor, FieldDescriptor),
}

impl JsonOutput {
    /// Writes an encoded response as JSON.
    ///
    /// # Errors
    /// INTERNAL when there is no JSON for it, such as for a `google.protobuf.Any` of a type that its package does not have.
    pub(crate) fn write(&self, encoded: Bytes) -> Result<Bytes, Status> {
        let (Self::Message(message) | Self::Field(message, _)) = self;
        let wrong = |error: &dyn fmt::Display| {
            let name = message.full_name();
            Status::new(Code::Internal, format!("the response, a `{name}`, cannot be written as JSON: {error}"))
        };
        let decoded = DynamicMessage::decode(message.clone(), encoded).map_err(|error| wrong(&error))?;
        let written = match self {
            Self::Message(_) => serde_json::to_vec(&decoded),
            Self::Field(_, field) => {
                // A field that has its default value is sent all the same: it is all there is.
                let options = SerializeOptions::new().skip_default_fields(false);
                decoded.serialize_with_options(serde_json::value::Serializer, &options).and_then(|mut value| {
                    let field = value.get_mut(field.json_name()).map(Value::take);
                    serde_json::to_vec(&field.unwrap_or_default())
                })
            }
        };
        written.map(Bytes::from).map_err(|error| wrong(&error))
    }
}
