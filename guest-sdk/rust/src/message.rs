//! Messages as bytes and as JSON: [`Message`], which every message of a project implements.
//!
//! Generated code only says which fields there are (`fields`); `encode`, `decode` and [`json`](crate::json) do the rest for all
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
