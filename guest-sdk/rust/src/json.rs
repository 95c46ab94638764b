//! protobuf's JSON: <https://protobuf.dev/programming-guides/json/>.
//!
//! `value` is JSON as it is, `write` and `read` go from and to messages, `time` and `text` have the forms of single types.

mod read;
mod text;
mod time;
mod value;
mod write;

use std::fmt;

use crate::Error;
use crate::message::{DecodeError, EncodeError};

pub(crate) use self::read::read;
pub(crate) use self::text::number_text;
pub(crate) use self::value::{Json, parse};
pub(crate) use self::write::write;

/// Why a message has no JSON, or JSON is not that of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    reason: String,
    /// The fields that lead to it, the inner ones first.
    path: Vec<String>,
}

impl JsonError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), path: Vec::new() }
    }

    /// Adds the field in which it happened.
    fn within(mut self, field: impl Into<String>) -> Self {
        self.path.push(field.into());
        self
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        if !self.path.is_empty() {
            let path: Vec<_> = self.path.iter().rev().map(String::as_str).collect();
            write!(f, " in field `{}`", path.join("."))?;
        }
        Ok(())
    }
}

impl std::error::Error for JsonError {}

impl From<JsonError> for Error {
    /// `INVALID_ARGUMENT`: JSON that a handler reads came from a caller.
    fn from(error: JsonError) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

impl From<EncodeError> for JsonError {
    fn from(error: EncodeError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<DecodeError> for JsonError {
    fn from(error: DecodeError) -> Self {
        Self::new(error.to_string())
    }
}
