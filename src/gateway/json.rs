//! Messages as JSON, by protobuf's canonical mapping. <https://protobuf.dev/programming-guides/json/>

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor};

use crate::call::{Code, Status};

/// Encodes a request that came as JSON. Fields that the message does not have are left out, as a client may be newer than
/// its server; no text at all is a message without fields.
///
/// # Errors
/// INVALID_ARGUMENT, saying what does not fit where.
pub(super) fn read(message: &MessageDescriptor, json: &[u8]) -> Result<Bytes, Status> {
    let wrong = |error: serde_json::Error| {
        let name = message.full_name();
        Status::new(Code::InvalidArgument, format!("the request is no `{name}` in JSON: {error}"))
    };
    let json = if json.is_empty() { b"{}" } else { json };
    let mut reader = serde_json::Deserializer::from_slice(json);
    let options = DeserializeOptions::new().deny_unknown_fields(false);
    let read = DynamicMessage::deserialize_with_options(message.clone(), &mut reader, &options).map_err(wrong)?;
    reader.end().map_err(wrong)?;
    Ok(read.encode_to_vec().into())
}

/// Writes a response as JSON.
///
/// # Errors
/// INTERNAL when there is no JSON for it, such as for a `google.protobuf.Any` of a type that its package does not have.
pub(super) fn write(message: &MessageDescriptor, encoded: Bytes) -> Result<Bytes, Status> {
    let wrong = |error: &dyn std::fmt::Display| {
        let name = message.full_name();
        Status::new(Code::Internal, format!("the response, a `{name}`, cannot be written as JSON: {error}"))
    };
    let decoded = DynamicMessage::decode(message.clone(), encoded).map_err(|error| wrong(&error))?;
    serde_json::to_vec(&decoded).map(Bytes::from).map_err(|error| wrong(&error))
}
