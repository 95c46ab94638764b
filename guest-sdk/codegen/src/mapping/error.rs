//! Why a mapping fails.

use std::fmt;

use super::Path;

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
    /// A type, or a package of types, that the `.proto` files do not declare.
    #[error("the .proto files declare no type `{pattern}`")]
    #[diagnostic(help("correct `types` in okra.toml, or add the type to a .proto file"))]
    UnknownType {
        /// The pattern that matches no type.
        pattern: String,
        /// The types that the files declare, the most similar ones first, at most 20.
        known: Vec<String>,
    },
    /// Descriptors that no `.proto` file is compiled to.
    #[error("the descriptors are damaged: {element} {reason}")]
    #[diagnostic(help("compile the .proto files again"))]
    Invalid {
        /// What is wrong, with its full name.
        element: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A name that is too long for a component, or for a file.
    #[error("the name of {element} takes {length} characters, and at most {limit} are allowed")]
    #[diagnostic(help("names of nested messages are joined in WIT; give it a shorter name, or do not nest it"))]
    LongName {
        /// What has the name.
        element: String,
        /// How long it is.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// Too many fields, cases or methods.
    #[error("{element} has {count} {parts}, and a component can have at most {limit}")]
    TooMany {
        /// What has them, with its full name.
        element: String,
        /// What they are.
        parts: &'static str,
        /// How many there are.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// Messages that hold others so often that their type has no end for those who compare it.
    #[error(
        "the types of the services come to {count} when each is counted wherever it occurs, and a component can have at \
         most {limit}{}",
        largest(path)
    )]
    #[diagnostic(help("split the services over several components, or hold fewer messages in one another"))]
    TooManyTypes {
        /// How many types it would be.
        count: u64,
        /// The limit.
        limit: u64,
        /// The largest message, with how many types it is, when there are messages.
        path: Option<Box<(Path, u64)>>,
    },
    /// A message with so much in it, message in message, that no component could hold it.
    #[error("message `{message}` ({path}) takes more than {limit} bytes of memory before any of its lists")]
    #[diagnostic(help("make some of the messages in it `repeated`, or split it"))]
    TooLarge {
        /// Full name of the message.
        message: String,
        /// Where it occurs.
        path: Box<Path>,
        /// The limit.
        limit: u64,
    },
    /// Two protobuf packages become one WIT package.
    #[error("packages `{first}` and `{second}` both become the WIT package `{wit}`")]
    #[diagnostic(help("rename one of them; versions that differ behind the first number only are one to WIT"))]
    PackageClash {
        /// One package.
        first: String,
        /// The other.
        second: String,
        /// What both become.
        wit: String,
    },
    /// Packages that use each other in a circle.
    #[error(
        "the packages use each other in a circle, which WIT packages cannot: {}",
        circle.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    #[diagnostic(help("move the messages that several packages use to a package of their own"))]
    PackageCycle {
        /// The uses; the last one leads to the first package again.
        circle: Vec<PackageUse>,
    },
}

/// That one package uses another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageUse {
    /// protobuf name of the package; empty for files without one.
    pub package: String,
    /// The one that it uses.
    pub uses: String,
    /// What does so, such as a field.
    pub by: String,
}

impl fmt::Display for PackageUse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` uses `{}` by {}", self.package, self.uses, self.by)
    }
}

fn suggestion(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!(" (is `{name}` meant?)")).unwrap_or_default()
}

fn largest(path: &Option<Box<(Path, u64)>>) -> String {
    path.as_ref().map(|largest| format!("; {} alone comes to {}", largest.0, largest.1)).unwrap_or_default()
}
