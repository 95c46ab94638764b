//! `google.api.HttpBody`: a body of any content type, as REST has it in requests and responses.
//! <https://github.com/googleapis/googleapis/blob/master/google/api/httpbody.proto>

use bytes::Bytes;
use http::header::HeaderValue;
use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};

use crate::call::{Code, Status};

/// `google.api.HttpBody` without its extensions.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct HttpBodyMessage {
    #[prost(string, tag = "1")]
    pub(crate) content_type: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) data: Bytes,
}

impl HttpBodyMessage {
    /// Whether this message is `google.api.HttpBody`.
    pub(crate) fn is(message: &MessageDescriptor) -> bool {
        message.full_name() == "google.api.HttpBody"
    }

    /// Whether the value of this field is one `google.api.HttpBody`.
    fn is_field(field: &FieldDescriptor) -> bool {
        !field.is_list() && matches!(field.kind(), Kind::Message(message) if Self::is(&message))
    }

    /// Returns the content type as a header: `application/octet-stream` when the message names none that can be sent.
    pub(crate) fn content_type_header(&self) -> HeaderValue {
        let named = HeaderValue::try_from(&self.content_type).ok().filter(|value| !value.is_empty());
        named.unwrap_or(HeaderValue::from_static("application/octet-stream"))
    }
}

/// The place of the `google.api.HttpBody` in the responses of a method.
#[derive(Clone, Debug)]
pub(crate) struct HttpBodyOutput {
    message: MessageDescriptor,
    /// The field that is the body; `None` when the whole response is.
    field: Option<FieldDescriptor>,
}

impl HttpBodyOutput {
    /// Returns the output of a method whose responses are sent by this field, or as a whole; `None` when JSON is sent.
    pub(crate) fn of(message: MessageDescriptor, field: Option<&FieldDescriptor>) -> Option<Self> {
        let is_http_body = field.map_or_else(|| HttpBodyMessage::is(&message), HttpBodyMessage::is_field);
        is_http_body.then(|| Self { message, field: field.cloned() })
    }

    /// Takes the body out of an encoded response.
    ///
    /// # Errors
    /// INTERNAL when the response is not a message of its type.
    pub(crate) fn unpack(&self, encoded: Bytes) -> Result<HttpBodyMessage, Status> {
        let decoded = match &self.field {
            None => HttpBodyMessage::decode(encoded),
            Some(field) => DynamicMessage::decode(self.message.clone(), encoded).and_then(|message| {
                let body = message.get_field(field);
                body.as_message().map(DynamicMessage::transcode_to).unwrap_or_else(|| Ok(HttpBodyMessage::default()))
            }),
        };
        decoded.map_err(|error| {
            let name = self.message.full_name();
            Status::new(Code::Internal, format!("the response, a `{name}`, cannot be read: {error}"))
        })
    }
}
