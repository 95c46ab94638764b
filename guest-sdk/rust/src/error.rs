//! Errors of calls: gRPC's status model.

use std::fmt;

pub use crate::bindings::status::{Code, Detail, Entry};
use crate::metadata::InvalidMetadata;
use crate::{DecodeError, Message};

/// The error of a call, after gRPC's status model: <https://grpc.io/docs/guides/status-codes/>.
///
/// Handlers return it, and so do the functions of called services: `?` passes on the error of another service with its
/// code, message and details. Map it if the caller should not learn these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The kind of the error.
    pub code: Code,
    /// Text for developers, which the caller sees; programs must not parse it.
    pub message: String,
    /// Typed details, sent as `grpc-status-details-bin`.
    pub details: Vec<Detail>,
    /// Trailers of the error.
    pub metadata: Vec<Entry>,
}

impl Error {
    /// Makes an error without details and trailers.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Vec::new(), metadata: Vec::new() }
    }

    /// Adds one of the common [`details`](crate::details), or any other.
    #[must_use]
    pub fn with(mut self, detail: impl Into<Detail>) -> Self {
        self.details.push(detail.into());
        self
    }

    /// Returns the first detail of a type, of an error that a call returned: one of the common [`details`](crate::details), or a
    /// message of the project. None if it has no such detail.
    ///
    /// # Errors
    /// If the detail cannot be decoded.
    pub fn detail<M: Message>(&self) -> Result<Option<M>, DecodeError> {
        let is_wanted = |detail: &&Detail| detail.type_url.rsplit('/').next() == Some(M::FULL_NAME);
        self.details.iter().find(is_wanted).map(|detail| M::decode(&detail.value)).transpose()
    }

    /// Adds a typed detail: `value` is the protobuf encoding of the message that `type_url` names, such as
    /// `type.googleapis.com/google.rpc.BadRequest`.
    #[must_use]
    pub fn with_detail(self, type_url: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.with(Detail { type_url: type_url.into(), value: value.into() })
    }

    /// Adds a trailer. Names are lower case; only one that ends in `-bin` may have a value that is not printable ASCII.
    /// The host drops an entry that is not valid.
    #[must_use]
    pub fn with_metadata(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.metadata.push(Entry { name: name.into(), value: value.into() });
        self
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $code:ident $function:ident $name:literal;)+) => {
        impl Error {
            $(
                $(#[doc = $doc])+
                pub fn $function(message: impl Into<String>) -> Self {
                    Self::new(Code::$code, message)
                }
            )+
        }

        impl Code {
            /// All codes, in the order of their numbers.
            pub const ALL: [Code; 16] = [$(Code::$code),+];

            /// Returns the name that gRPC gives it, such as `INVALID_ARGUMENT`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Code::$code => $name,)+
                }
            }
        }
    };
}

codes! {
    /// The call was cancelled, typically by the caller.
    Cancelled cancelled "CANCELLED";
    /// The error has no better code.
    Unknown unknown "UNKNOWN";
    /// The request is not valid, whatever the state of the system.
    InvalidArgument invalid_argument "INVALID_ARGUMENT";
    /// The deadline passed before the call finished.
    DeadlineExceeded deadline_exceeded "DEADLINE_EXCEEDED";
    /// The requested entity does not exist.
    NotFound not_found "NOT_FOUND";
    /// The entity to create exists already.
    AlreadyExists already_exists "ALREADY_EXISTS";
    /// The caller is known and lacks the permission.
    PermissionDenied permission_denied "PERMISSION_DENIED";
    /// A quota, a limit or memory is exhausted.
    ResourceExhausted resource_exhausted "RESOURCE_EXHAUSTED";
    /// The system is not in the state that the call requires.
    FailedPrecondition failed_precondition "FAILED_PRECONDITION";
    /// The call conflicts with another; the caller may retry at a higher level.
    Aborted aborted "ABORTED";
    /// A value is past the valid range, and may become valid as the system changes.
    OutOfRange out_of_range "OUT_OF_RANGE";
    /// The method is not implemented or not enabled.
    Unimplemented unimplemented "UNIMPLEMENTED";
    /// An invariant of the system is broken.
    Internal internal "INTERNAL";
    /// The service cannot be reached now; the caller may retry.
    Unavailable unavailable "UNAVAILABLE";
    /// Data is lost or corrupt and cannot be recovered.
    DataLoss data_loss "DATA_LOSS";
    /// The caller has no valid credentials.
    Unauthenticated unauthenticated "UNAUTHENTICATED";
}

impl Code {
    /// Returns the code with a number in gRPC, or [`Code::Unknown`] if there is none.
    pub fn from_number(number: i32) -> Self {
        Self::ALL.into_iter().find(|code| code.number() == number).unwrap_or(Self::Unknown)
    }

    /// Returns its number in gRPC, 1 to 16.
    pub fn number(self) -> i32 {
        self as i32 + 1
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

impl From<InvalidMetadata> for Error {
    /// A header that the handler adds and the host refuses is a bug of the handler: `INTERNAL`.
    fn from(error: InvalidMetadata) -> Self {
        Self::internal(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_grpcs_numbers() {
        let numbers = Code::ALL.map(Code::number);
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
        assert_eq!(Code::InvalidArgument.to_string(), "INVALID_ARGUMENT");
    }

    #[test]
    fn an_error_carries_what_was_added() {
        let error = Error::not_found("no user u-1").with_detail("type.example/a.B", [1, 2]).with_metadata("k", "v");
        assert_eq!(error.to_string(), "NOT_FOUND: no user u-1");
        assert_eq!(error.details, [Detail { type_url: "type.example/a.B".into(), value: vec![1, 2] }]);
        assert_eq!(error.metadata, [Entry { name: "k".into(), value: b"v".to_vec() }]);
    }
}
