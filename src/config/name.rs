//! Names that are checked when they are read: of projects, of services and of types.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

/// The name of a project, in kebab case as names of WIT worlds are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// The full name of a protobuf service, such as `shop.billing.v1.Billing`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceName(String);

/// The full name of a message or enum, such as `acme.v1.Event`, or all types of a package: `google.rpc.*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct TypePattern(String);

/// A string that is not a valid name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidName {
    /// Not a name of a project.
    #[error(
        "`{0}` is not a project name: expected words of lower-case letters and digits that begin with a letter, \
         joined by `-`, such as `billing` or `invoice-store`"
    )]
    Project(String),
    /// Not a full name of a service.
    #[error("`{0}` is not the full name of a service: expected package and service, such as `shop.billing.v1.Billing`")]
    Service(String),
    /// Neither the full name of a type nor a package with `.*`.
    #[error(
        "`{0}` is not a type: expected a message or enum with its package, such as `acme.v1.Event`, or all types of a \
         package, such as `google.rpc.*`"
    )]
    Type(String),
}

impl Name {
    /// Checks that `name` is kebab case.
    ///
    /// # Errors
    /// If it is not; the error has an example.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidName> {
        let name = name.into();
        let is_word = |word: &str| {
            word.starts_with(|first: char| first.is_ascii_lowercase())
                && word.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit())
        };
        if name.split('-').all(is_word) { Ok(Self(name)) } else { Err(InvalidName::Project(name)) }
    }
}

impl ServiceName {
    /// Checks that `name` consists of protobuf identifiers joined by dots, without a leading dot.
    ///
    /// # Errors
    /// If it does not; the error has an example.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidName> {
        let name = name.into();
        if is_full_name(&name) { Ok(Self(name)) } else { Err(InvalidName::Service(name)) }
    }
}

impl TypePattern {
    /// Checks that `pattern` consists of protobuf identifiers joined by dots, and perhaps `.*` at its end.
    ///
    /// # Errors
    /// If it does not; the error has an example.
    pub fn new(pattern: impl Into<String>) -> Result<Self, InvalidName> {
        let pattern = pattern.into();
        let is_valid = is_full_name(pattern.strip_suffix(".*").unwrap_or(&pattern));
        if is_valid { Ok(Self(pattern)) } else { Err(InvalidName::Type(pattern)) }
    }
}

/// Whether a name consists of protobuf identifiers joined by dots, without a leading dot.
fn is_full_name(name: &str) -> bool {
    let is_identifier = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && part.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
    };
    name.split('.').all(is_identifier)
}

macro_rules! string_like {
    ($name:ident) => {
        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(name: String) -> Result<Self, InvalidName> {
                Self::new(name)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

string_like!(Name);
string_like!(ServiceName);
string_like!(TypePattern);
