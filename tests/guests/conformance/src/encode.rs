//! The messages that go back within `google.protobuf.Any`, as protobuf.

use okra_guest::well_known::Any;

use crate::conformance_service::{
    BidiStreamRequest, ClientStreamRequest, Code, ConformancePayloadConnectGetInfo, ConformancePayloadRequestInfo, Error,
    Header, IdempotentUnaryRequest, ServerStreamRequest, StreamResponseDefinition, UnaryRequest, UnaryResponseDefinition,
    UnaryResponseDefinitionResponse,
};

/// A message that can be encoded. `raw_response`, which is for tests of clients, is left out.
pub(crate) trait Encode {
    /// Appends its fields.
    fn fields(&self, to: &mut Fields);

    fn encode(&self) -> Vec<u8> {
        let mut fields = Fields(Vec::new());
        self.fields(&mut fields);
        fields.0
    }
}

/// The fields of a message, as they are written.
pub(crate) struct Fields(Vec<u8>);

impl Fields {
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn number(&mut self, field: u64, number: u64) {
        if number != 0 {
            self.varint(field << 3);
            self.varint(number);
        }
    }

    /// A field that is there even when it is empty.
    fn present(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.present(field, bytes);
        }
    }

    fn messages<'a, M: Encode + 'a>(&mut self, field: u64, messages: impl IntoIterator<Item = &'a M>) {
        for message in messages {
            self.present(field, &message.encode());
        }
    }
}

/// The number of a code.
pub(crate) fn code(code: Code) -> i32 {
    match code {
        Code::Unspecified => 0,
        Code::Canceled => 1,
        Code::Unknown => 2,
        Code::InvalidArgument => 3,
        Code::DeadlineExceeded => 4,
        Code::NotFound => 5,
        Code::AlreadyExists => 6,
        Code::PermissionDenied => 7,
        Code::ResourceExhausted => 8,
        Code::FailedPrecondition => 9,
        Code::Aborted => 10,
        Code::OutOfRange => 11,
        Code::Unimplemented => 12,
        Code::Internal => 13,
        Code::Unavailable => 14,
        Code::DataLoss => 15,
        Code::Unauthenticated => 16,
        Code::Unrecognized(number) => number,
    }
}

impl Encode for Any {
    fn fields(&self, to: &mut Fields) {
        to.bytes(1, self.type_url.as_bytes());
        to.bytes(2, &self.value);
    }
}

impl Encode for Header {
    fn fields(&self, to: &mut Fields) {
        to.bytes(1, self.name.as_bytes());
        for value in &self.value {
            to.present(2, value.as_bytes());
        }
    }
}

impl Encode for Error {
    fn fields(&self, to: &mut Fields) {
        to.number(1, code(self.code) as u64);
        if let Some(message) = &self.message {
            to.present(2, message.as_bytes());
        }
        to.messages(3, &self.details);
    }
}

impl Encode for UnaryResponseDefinition {
    fn fields(&self, to: &mut Fields) {
        to.messages(1, &self.response_headers);
        match &self.response {
            Some(UnaryResponseDefinitionResponse::ResponseData(data)) => to.present(2, data),
            Some(UnaryResponseDefinitionResponse::Error(error)) => to.messages(3, [error]),
            None => {}
        }
        to.messages(4, &self.response_trailers);
        to.number(6, self.response_delay_ms.into());
    }
}

impl Encode for StreamResponseDefinition {
    fn fields(&self, to: &mut Fields) {
        to.messages(1, &self.response_headers);
        for data in &self.response_data {
            to.present(2, data);
        }
        to.number(3, self.response_delay_ms.into());
        to.messages(4, &self.error);
        to.messages(5, &self.response_trailers);
    }
}

impl Encode for UnaryRequest {
    fn fields(&self, to: &mut Fields) {
        to.messages(1, &self.response_definition);
        to.bytes(2, &self.request_data);
    }
}

impl Encode for IdempotentUnaryRequest {
    fn fields(&self, to: &mut Fields) {
        to.messages(1, &self.response_definition);
        to.bytes(2, &self.request_data);
    }
}

impl Encode for ServerStreamRequest {
    fn fields(&self, to: &mut Fields) {
        to.messages(1, &self.response_definition);
        to.bytes(2, &self.request_data);
    }
}

impl Encode for ClientStreamRequest {
    fn fields(&self, to: &mut Fields) {
        to.messages(1, &self.response_definition);
        to.bytes(2, &self.request_data);
    }
}

impl Encode for BidiStreamRequest {
    fn fields(&self, to: &mut Fields) {
        to.messages(1, &self.response_definition);
        to.number(2, self.full_duplex.into());
        to.bytes(3, &self.request_data);
    }
}

impl Encode for ConformancePayloadRequestInfo {
    fn fields(&self, to: &mut Fields) {
        to.messages(1, &self.request_headers);
        if let Some(timeout) = self.timeout_ms {
            to.varint(2 << 3);
            to.varint(timeout as u64);
        }
        to.messages(3, &self.requests);
        to.messages(4, &self.connect_get_info);
    }
}

impl Encode for ConformancePayloadConnectGetInfo {
    fn fields(&self, to: &mut Fields) {
        to.messages(1, &self.query_params);
    }
}
