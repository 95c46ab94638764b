//! Requests as JSON: the module [`json`](crate::json) with the statuses of calls.

use bytes::Bytes;
use prost_reflect::MessageDescriptor;

use crate::call::{Code, Status};
use crate::json::{JsonError, UnknownNames, read_message};

/// Encodes a request that came as JSON. Fields that the message does not have are left out, because a client may be newer
/// than its server; an empty text is a message without fields.
///
/// # Errors
/// INVALID_ARGUMENT, with what does not fit where.
pub(crate) fn encode_json(message: &MessageDescriptor, json: &[u8]) -> Result<Bytes, Status> {
    let json = if json.is_empty() { b"{}" } else { json };
    let encoded = read_message(message, json, UnknownNames::IgnoreFields);
    encoded.map(Bytes::from).map_err(|error| json_misfit(message, &error))
}

/// Makes the status of a request that is not the message in JSON.
pub(crate) fn json_misfit(message: &MessageDescriptor, error: &JsonError) -> Status {
    let name = message.full_name();
    Status::new(Code::InvalidArgument, format!("the request is no `{name}` in JSON: {error}"))
}
