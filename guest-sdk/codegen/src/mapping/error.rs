//! Why a mapping fails.

/// Why services cannot be mapped.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum SchemaError {
    /// A service that the `.proto` files do not define.
    #[error("the .proto files define no service `{service}`{}; they define {known}", suggestion(nearest))]
    #[diagnostic(help("correct `serves`, `calls` or `raw` in okra.toml, or add the service to a .proto file"))]
    UnknownService {
        /// The name that was asked for.
        service: String,
        /// The names that there are.
        known: String,
        /// The one of them that was probably meant.
        nearest: Option<String>,
    },
    /// A method with a stream.
    #[error("method `{method}` of service `{service}` streams, and streaming methods are not supported yet")]
    Streaming {
        /// Full name of the service.
        service: String,
        /// Name of the method.
        method: String,
    },
    /// A message with so much in it, message in message, that no component could hold it.
    #[error("message `{message}` takes more than {limit} bytes of memory before any of its lists")]
    #[diagnostic(help("make some of the messages in it `repeated`, or split it"))]
    TooLarge {
        /// Full name of the message.
        message: String,
        /// The limit.
        limit: u64,
    },
    /// Two protobuf packages become one WIT package.
    #[error("packages `{first}` and `{second}` both become the WIT package `{wit}`")]
    #[diagnostic(help("rename one of them"))]
    PackageClash {
        /// One package.
        first: String,
        /// The other.
        second: String,
        /// What both become.
        wit: String,
    },
}

fn suggestion(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!(" (is `{name}` meant?)")).unwrap_or_default()
}
