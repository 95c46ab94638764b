//! Messages as bytes and as JSON: [`Message`], which every message of a project implements.
//!
//! Generated code only says which fields there are (`fields`); `encode`, `decode` and `json` do the rest for all
//! messages alike.

#[doc(hidden)]
pub mod convert;
mod decode;
mod encode;
#[doc(hidden)]
pub mod fields;
mod special;

use std::fmt;

use crate::Error;
use crate::json::{self, JsonError};

pub(crate) use self::decode::merge_message;
pub(crate) use self::encode::encode_message;
use self::fields::Fields;
pub(crate) use self::special::SpecialValue;

/// How many messages may lie within each other.
pub(crate) const MAX_DEPTH: u32 = 100;

/// A protobuf message. The messages of a project implement it, and so do those of [`well_known`](crate::well_known).
///
/// ```
/// use okra_guest::Message;
/// use okra_guest::well_known::Timestamp;
///
/// let time = Timestamp { seconds: 1, nanos: 0 };
/// let bytes = time.encode_to_vec()?;
/// assert_eq!(Timestamp::decode(&bytes)?, time);
/// assert_eq!(time.to_json()?, "\"1970-01-01T00:00:01Z\"");
/// assert_eq!(Timestamp::from_json("\"1970-01-01T00:00:01Z\"")?, time);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It works everywhere, in tests on the developer's machine, too. Unknown fields are dropped.
pub trait Message: Fields + Default {
    /// Its full name, such as `shop.billing.v1.Invoice`.
    const FULL_NAME: &'static str;

    /// Returns the protobuf encoding.
    ///
    /// # Errors
    /// If messages lie within each other more than 100 deep, or the text of a `google.protobuf.Value`, `Struct` or `ListValue` is
    /// not such JSON.
    fn encode_to_vec(&self) -> Result<Vec<u8>, EncodeError> {
        encode_message(self)
    }

    /// Appends the protobuf encoding to `buffer`.
    ///
    /// # Errors
    /// As [`encode_to_vec`](Self::encode_to_vec); `buffer` is unchanged then.
    fn encode(&self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        buffer.extend(self.encode_to_vec()?);
        Ok(())
    }

    /// Reads the protobuf encoding. A field that occurs twice is merged as protobuf says.
    ///
    /// # Errors
    /// If it is damaged or lacks a required field, or messages lie within each other more than 100 deep.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut message = Self::default();
        merge_message(&mut message, bytes)?;
        Ok(message)
    }

    /// Returns the message in protobuf's JSON: <https://protobuf.dev/programming-guides/json/>.
    ///
    /// # Errors
    /// If a value has no JSON, such as a `Timestamp` beyond the year 9999 or an `Any` of a type that the project does not have,
    /// or messages lie within each other more than 100 deep.
    fn to_json(&self) -> Result<String, JsonError> {
        json::write(self, self.info().types)
    }

    /// Reads protobuf's JSON.
    ///
    /// # Errors
    /// If it is not JSON, has a field that the message does not have, or a value that is not one of its field.
    fn from_json(text: &str) -> Result<Self, JsonError> {
        let mut message = Self::default();
        let types = message.info().types;
        json::read(&mut message, text, types)?;
        Ok(message)
    }
}

/// Why a message cannot be encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeError(pub(crate) String);

/// Why bytes cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    reason: String,
    /// The fields that lead to it, the inner ones first.
    path: Vec<&'static str>,
}

impl DecodeError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), path: Vec::new() }
    }

    /// Adds the field in which it happened.
    pub(crate) fn within(mut self, field: &'static str) -> Self {
        self.path.push(field);
        self
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the message cannot be encoded: {}", self.0)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the message cannot be decoded: {}", self.reason)?;
        if !self.path.is_empty() {
            let path: Vec<_> = self.path.iter().rev().copied().collect();
            write!(f, " in field `{}`", path.join("."))?;
        }
        Ok(())
    }
}

impl std::error::Error for EncodeError {}
impl std::error::Error for DecodeError {}

impl From<EncodeError> for Error {
    /// A message of the handler that has no encoding is a bug of the handler: `INTERNAL`.
    fn from(error: EncodeError) -> Self {
        Self::internal(error.to_string())
    }
}

impl From<DecodeError> for Error {
    /// `INVALID_ARGUMENT`: bytes that a handler decodes came from a caller.
    fn from(error: DecodeError) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::details::{BadRequest, ErrorInfo, RetryInfo};
    use crate::well_known::{Any, Duration, Timestamp};

    #[test]
    fn what_is_damaged_is_refused() {
        for bytes in [
            &b"\x0a"[..],
            b"\x0a\x05abc",
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            b"\x0a\x02\xff\xfe",
            b"\x02\x00",
            b"\x0e",
            b"\x0f",
            b"\x4c",
            b"\x4b\x0a",
            b"\x4b\x54",
            b"\x1a\x02\x0a\x05",
        ] {
            assert!(ErrorInfo::decode(bytes).is_err(), "{bytes:?}");
        }
        let groups = |count: usize| [vec![0x4b; count], vec![0x4c; count]].concat();
        assert_eq!(ErrorInfo::decode(&groups(100)).unwrap(), ErrorInfo::default());
        assert!(ErrorInfo::decode(&groups(101)).is_err());
        assert!(ErrorInfo::decode(&vec![0x4b; 1_000_000]).is_err());
        let error = BadRequest::decode(b"\x0a\x03\x0a\x01\xff").unwrap_err().to_string();
        assert_eq!(error, "the message cannot be decoded: a string is not UTF-8 in field `field_violations.field`");
    }

    #[test]
    fn unknown_fields_are_dropped_and_what_comes_twice_is_merged() {
        let unknown = b"\x0a\x01r\x48\x01\x4d1234\x4912345678\x4a\x01x\x4b\x48\x01\x4c\x12\x01d\x08\x05";
        let expected = ErrorInfo { reason: "r".into(), domain: "d".into(), metadata: Vec::new() };
        assert_eq!(ErrorInfo::decode(unknown).unwrap(), expected);
        // The last entry of a key counts, and one without a value has the default.
        let twice = b"\x1a\x06\x0a\x01k\x12\x01a\x1a\x03\x0a\x01j\x1a\x06\x0a\x01k\x12\x01b";
        let metadata = vec![("j".to_owned(), String::new()), ("k".to_owned(), "b".to_owned())];
        assert_eq!(ErrorInfo::decode(twice).unwrap().metadata, metadata);
        let retry = RetryInfo::decode(b"\x0a\x02\x08\x05\x0a\x02\x10\x07").unwrap();
        assert_eq!(retry.retry_delay, Some(Duration { seconds: 5, nanos: 7 }));
    }

    #[test]
    fn every_prefix_of_a_message_and_every_flipped_byte_is_read_or_refused() {
        let mut wrong = BadRequest::default();
        wrong.violation("a", "bc");
        let bytes = wrong.encode_to_vec().unwrap();
        for index in 0..bytes.len() {
            let _ = BadRequest::decode(&bytes[..index]);
            for byte in 0..=255 {
                let mut damaged = bytes.clone();
                damaged[index] = byte;
                let _ = BadRequest::decode(&damaged);
            }
        }
    }

    #[test]
    fn an_any_holds_what_was_packed_and_says_what_it_holds_otherwise() {
        let time = Timestamp { seconds: -1, nanos: 5 };
        let any = Any::pack(&time).unwrap();
        assert_eq!(any.type_url, "type.googleapis.com/google.protobuf.Timestamp");
        assert!(any.is::<Timestamp>() && !any.is::<Duration>());
        assert_eq!(any.unpack::<Timestamp>().unwrap(), time);
        let error = any.unpack::<Duration>().unwrap_err().to_string();
        assert!(error.contains("google.protobuf.Timestamp") && error.contains("google.protobuf.Duration"), "{error}");
        let within = Any::pack(&any).unwrap();
        let json = r#"{"@type":"type.googleapis.com/google.protobuf.Any","value":{"@type":"type.googleapis.com/google.protobuf.Timestamp","value":"1969-12-31T23:59:59.000000005Z"}}"#;
        assert_eq!(within.to_json().unwrap(), json);
        assert_eq!(Any::from_json(json).unwrap(), within);
        assert_eq!(Any::from_json("{}").unwrap().to_json().unwrap(), "{}");
        for (name, value) in [
            ("StringValue", "\"a\""),
            ("Int64Value", "\"-5\""),
            ("BytesValue", "\"AQI=\""),
            ("FieldMask", "\"aB,c\""),
            ("Struct", "{\"a\":[1,null]}"),
            ("Value", "null"),
            ("ListValue", "[0.5]"),
            ("Empty", "{}"),
            ("Duration", "\"1.500s\""),
        ] {
            let json = format!(r#"{{"@type":"type.googleapis.com/google.protobuf.{name}","value":{value}}}"#);
            assert_eq!(Any::from_json(&json).unwrap().to_json().unwrap(), json);
        }
    }
}
