//! The details that errors usually carry: messages of `google/rpc/error_details.proto`, which clients of every language
//! know.
//!
//! ```
//! use okra_guest::{Error, details::BadRequest};
//!
//! let mut wrong = BadRequest::default();
//! wrong.violation("name", "must not be empty");
//! let error = Error::invalid_argument("the request has a mistake").with(wrong);
//! ```
//!
//! Any other message goes with [`Error::with_detail`](crate::Error::with_detail).

use std::time::Duration;

use crate::Detail;

/// `google.rpc.BadRequest`: which fields of a request are wrong. Goes with `INVALID_ARGUMENT`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BadRequest {
    violations: Vec<(String, String)>,
}

impl BadRequest {
    /// Adds a field that is wrong. `field` is its path, such as `lines[1].unit_price`; `description` says why, for people
    /// who develop.
    pub fn violation(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.violations.push((field.into(), description.into()));
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.violations.is_empty()
    }
}

/// `google.rpc.ErrorInfo`: why a call failed, for programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorInfo {
    /// The cause, such as `CARD_EXPIRED`; unique within the domain.
    pub reason: String,
    /// Whose reason it is, such as `billing.shop.example`.
    pub domain: String,
    /// What else there is to know: names and values.
    pub metadata: Vec<(String, String)>,
}

/// `google.rpc.RetryInfo`: when the call may be tried again. Goes with `UNAVAILABLE` and `RESOURCE_EXHAUSTED`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryInfo {
    /// How long to wait at least.
    pub delay: Duration,
}

impl From<BadRequest> for Detail {
    fn from(detail: BadRequest) -> Self {
        let mut value = Vec::new();
        for (field, description) in &detail.violations {
            write_bytes(1, &pair(field, description), &mut value);
        }
        named("BadRequest", value)
    }
}

impl From<ErrorInfo> for Detail {
    fn from(detail: ErrorInfo) -> Self {
        let mut value = pair(&detail.reason, &detail.domain);
        for (name, text) in &detail.metadata {
            write_bytes(3, &pair(name, text), &mut value);
        }
        named("ErrorInfo", value)
    }
}

impl From<RetryInfo> for Detail {
    fn from(detail: RetryInfo) -> Self {
        let mut delay = Vec::new();
        write_number(1, detail.delay.as_secs(), &mut delay);
        write_number(2, detail.delay.subsec_nanos().into(), &mut delay);
        let mut value = Vec::new();
        write_bytes(1, &delay, &mut value);
        named("RetryInfo", value)
    }
}

fn named(name: &str, value: Vec<u8>) -> Detail {
    Detail { type_url: format!("type.googleapis.com/google.rpc.{name}"), value }
}

/// A message with two strings, fields 1 and 2.
fn pair(first: &str, second: &str) -> Vec<u8> {
    let mut message = Vec::new();
    write_bytes(1, first.as_bytes(), &mut message);
    write_bytes(2, second.as_bytes(), &mut message);
    message
}

/// A field of wire type 2.
fn write_bytes(field: u64, bytes: &[u8], message: &mut Vec<u8>) {
    write_varint(field << 3 | 2, message);
    write_varint(bytes.len() as u64, message);
    message.extend_from_slice(bytes);
}

/// A field of wire type 0.
fn write_number(field: u64, number: u64, message: &mut Vec<u8>) {
    write_varint(field << 3, message);
    write_varint(number, message);
}

fn write_varint(mut number: u64, message: &mut Vec<u8>) {
    while number >= 0x80 {
        message.push(number as u8 | 0x80);
        number >>= 7;
    }
    message.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_written_as_protobuf() {
        let mut wrong = BadRequest::default();
        wrong.violation("a", "bc");
        let detail = Detail::from(wrong);
        assert_eq!(detail.type_url, "type.googleapis.com/google.rpc.BadRequest");
        assert_eq!(detail.value, b"\x0a\x07\x0a\x01a\x12\x02bc");

        let info = ErrorInfo { reason: "R".into(), domain: "D".into(), metadata: vec![("k".into(), "v".into())] };
        assert_eq!(Detail::from(info).value, b"\x0a\x01R\x12\x01D\x1a\x06\x0a\x01k\x12\x01v");

        let retry = RetryInfo { delay: Duration::new(300, 5) };
        assert_eq!(Detail::from(retry).value, b"\x0a\x05\x08\xac\x02\x10\x05");
    }
}
