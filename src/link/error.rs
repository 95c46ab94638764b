//! Why a call could not cross the link, and why a component does not match its descriptors.

use crate::call::{Code, Status};
use crate::link::{LiftError, WireError};

/// Why a call could not cross the link.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// The guest's value is not valid, or too large.
    #[error(transparent)]
    Lift(#[from] LiftError),
    /// Lowering met bytes that check had not allowed.
    #[error("the link lowered a message that it had not checked; this is a bug of OKRA")]
    NotChecked,
}

impl From<WireError> for Status {
    /// gRPC: a request or response that cannot be parsed is INTERNAL.
    /// <https://github.com/grpc/grpc/blob/master/doc/statuscodes.md>
    fn from(error: WireError) -> Self {
        let code = match error {
            WireError::TooLarge { .. } => Code::ResourceExhausted,
            _ => Code::Internal,
        };
        Status::new(code, format!("cannot decode the message: {error}"))
    }
}

impl From<&LiftError> for Status {
    fn from(error: &LiftError) -> Self {
        let code = match error {
            LiftError::TooLarge { .. } | LiftError::TooManyFields => Code::ResourceExhausted,
            _ => Code::Internal,
        };
        Status::new(code, error.to_string())
    }
}

/// A component that is not what its descriptors say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkMismatch {
    /// The manifest names a service that the component does not export.
    #[error(
        "the component does not export interface `{interface}` for service `{service}`; it exports {found}: \
         implement the service, or take it out of `serves` in okra.toml"
    )]
    MissingService {
        /// Full name of the service.
        service: String,
        /// The interface it should export.
        interface: String,
        /// The interfaces that it exports.
        found: String,
    },
    /// A method without a function.
    #[error("service `{service}`: method `{method}` has no function `{function}` in the component's `{interface}`")]
    MissingMethod {
        /// Full name of the service.
        service: String,
        /// Name of the method.
        method: String,
        /// Name of the function.
        function: String,
        /// The interface that should have it.
        interface: String,
    },
    /// A function, or a part of its type, that differs.
    #[error("`{interface}`, function `{function}`, {place}: the descriptors say {expected}, the component has {found}")]
    Type {
        /// The interface.
        interface: String,
        /// The function.
        function: String,
        /// Where in its type, such as `request.lines[].amount`.
        place: String,
        /// The WIT type by the descriptors.
        expected: String,
        /// The WIT type in the component.
        found: String,
    },
    /// The component imports an interface that is neither a service in the manifest's `calls` nor one of the host's.
    #[error("the component imports `{import}`, which OKRA does not offer: {advice}")]
    UnknownImport {
        /// Name of the import.
        import: String,
        /// The remedy.
        advice: String,
    },
}
