//! How a response is written when it is not sent as the message that the handler made.

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor};

use crate::call::{Code, Status};
use crate::json::{write_field, write_message};

/// The part of a response that is sent, and its codec.
pub(crate) enum MessageOutput {
    /// The message as JSON.
    Json(MessageDescriptor),
    /// One field of the message as JSON.
    JsonField(FieldDescriptor),
    /// One field of the message, itself a message, as protobuf.
    ProtoField(FieldDescriptor),
}

impl MessageOutput {
    /// Writes an encoded response.
    ///
    /// # Errors
    /// INTERNAL when there is no JSON for it, such as for a `google.protobuf.Any` of a type that its package does not have,
    /// or for messages that are nested more than 100 levels deep.
    pub(crate) fn write(&self, encoded: Bytes) -> Result<Bytes, Status> {
        let (message, written) = match self {
            Self::Json(message) => (message, write_message(message, &encoded).map_err(|error| error.to_string())),
            Self::JsonField(field) => {
                (field.parent_message(), write_field(field, &encoded).map_err(|error| error.to_string()))
            }
            Self::ProtoField(field) => {
                let message = field.parent_message();
                let decoded = DynamicMessage::decode(message.clone(), encoded).map_err(|error| error.to_string());
                let inner = |decoded: DynamicMessage| {
                    decoded.get_field(field).as_message().map(DynamicMessage::encode_to_vec).unwrap_or_default()
                };
                (message, decoded.map(inner))
            }
        };
        written.map(Bytes::from).map_err(|error| {
            let name = message.full_name();
            Status::new(Code::Internal, format!("the response, a `{name}`, cannot be written: {error}"))
        })
    }
}
