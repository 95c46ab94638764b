//! Messages as JSON, by protobuf's canonical mapping. <https://protobuf.dev/programming-guides/json/>

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{DeserializeOptions, DynamicMessage, FieldDescriptor, MessageDescriptor};
use serde::de::Deserializer;
use serde_json::Value;

use crate::call::{Code, Status};
use crate::gateway::call::json_scan::JsonScan;
use crate::gateway::call::json_writer::{write_field, write_message};

/// Encodes a request that came as JSON. Fields that the message does not have are left out, because a client may be newer
/// than its server; an empty text is a message without fields.
///
/// # Errors
/// INVALID_ARGUMENT, with what does not fit where.
pub(crate) fn encode_json(message: &MessageDescriptor, json: &[u8]) -> Result<Bytes, Status> {
    let json = if json.is_empty() { b"{}" } else { json };
    let scan = JsonScan::of(json)?;
    let mut reader = serde_json::Deserializer::from_slice(json);
    let read = decode(message, &mut reader, &scan)?;
    reader.end().map_err(|error| misfit(message, &error))?;
    Ok(read)
}

/// As [`encode_json`], of JSON that was parsed before. `scan` is of its text.
pub(crate) fn encode_value(message: &MessageDescriptor, json: Value, scan: &JsonScan) -> Result<Bytes, Status> {
    decode(message, json, scan)
}

fn decode<'de, D>(message: &MessageDescriptor, json: D, scan: &JsonScan) -> Result<Bytes, Status>
where
    D: Deserializer<'de, Error = serde_json::Error>,
{
    let options = DeserializeOptions::new().deny_unknown_fields(false);
    let read = DynamicMessage::deserialize_with_options(message.clone(), json, &options);
    let read = read.map_err(|error| misfit(message, &error))?;
    scan.check_floats(&read)?;
    Ok(read.encode_to_vec().into())
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
    /// INTERNAL when there is no JSON for it, such as for a `google.protobuf.Any` of a type that its package does not have,
    /// or for messages that are nested more than 100 levels deep.
    pub(crate) fn write(&self, encoded: Bytes) -> Result<Bytes, Status> {
        let (Self::Message(message) | Self::Field(message, _)) = self;
        let decoded = DynamicMessage::decode(message.clone(), encoded).map_err(|error| error.to_string());
        let written = decoded.and_then(|decoded| match self {
            Self::Message(_) => write_message(&decoded),
            Self::Field(_, field) => write_field(&decoded, field),
        });
        written.map(Bytes::from).map_err(|error| {
            let name = message.full_name();
            Status::new(Code::Internal, format!("the response, a `{name}`, cannot be written as JSON: {error}"))
        })
    }
}
