//! Errors of configuration files, with the place in the file and a suggestion.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use miette::{Diagnostic, LabeledSpan, SourceCode};

use crate::config::{FILE_NAME, SourcePlace};
use crate::suggest::did_you_mean;

/// Why a configuration file cannot be used. As a [`miette::Diagnostic`] it points at the place in the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The folder has no `okra.toml`.
    #[error("no {FILE_NAME} in {}", folder.display())]
    Missing {
        /// The folder that was searched.
        folder: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// The file is not valid.
    #[error("{}: {mistake}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The place in the file.
        place: Box<SourcePlace>,
        /// The mistake at that place.
        mistake: Mistake,
    },
}

/// A mistake at a place of a configuration file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mistake {
    /// The text is not TOML, or a value has the wrong type.
    #[error("{0}")]
    Syntax(String),
    /// A key that does not exist.
    #[error("unknown key `{key}`")]
    UnknownKey {
        /// The key.
        key: String,
        /// The keys or values that are known at this place.
        known: Vec<String>,
    },
    /// A value that is not one of the known values.
    #[error("unknown value `{value}`")]
    UnknownValue {
        /// The value.
        value: String,
        /// The keys or values that are known at this place.
        known: Vec<String>,
    },
    /// `language = "component"` without `component`.
    #[error("`language = \"component\"` needs the key `component`")]
    ComponentMissing,
    /// `component` with a language that is built.
    #[error("`component` is for `language = \"component\"` only")]
    ComponentUnused,
    /// `include` is an empty list.
    #[error("`include` names no folder")]
    NoInclude,
    /// `include` with `descriptors`.
    #[error("`descriptors` stands in place of `include`")]
    IncludeAndDescriptors,
    /// Neither `serves` nor `raw` names a service.
    #[error("no service is served")]
    NothingServed,
    /// A service stands twice in one list.
    #[error("service `{service}` is named twice")]
    Twice {
        /// The service.
        service: String,
    },
    /// A type stands twice in `types`.
    #[error("type `{pattern}` is named twice")]
    TypeTwice {
        /// The type, or the package with `.*`.
        pattern: String,
    },
    /// A type that the `.proto` files do not declare.
    #[error("the .proto files declare no type `{pattern}`")]
    UnknownType {
        /// The type, or the package with `.*`.
        pattern: String,
        /// The types that they declare, the most similar ones first.
        known: Vec<String>,
    },
    /// A service stands in `serves` and in `raw`.
    #[error("service `{service}` is named in `serves` and in `raw`")]
    TypedAndRaw {
        /// The service.
        service: String,
    },
    /// A service that the `.proto` files do not define.
    #[error("the .proto files define no service `{service}`")]
    UnknownService {
        /// The service.
        service: String,
        /// The services that they define.
        known: Vec<String>,
    },
    /// A server for a service that is not called.
    #[error("service `{service}` is not called")]
    NotCalled {
        /// The service.
        service: String,
    },
    /// Callers of a service that is not served.
    #[error("service `{service}` is not served")]
    NotServed {
        /// The service.
        service: String,
    },
    /// Callers of a method that the service does not have.
    #[error("service `{service}` has no method `{method}`")]
    UnknownMethod {
        /// The service.
        service: String,
        /// The method.
        method: String,
        /// The methods that it has.
        known: Vec<String>,
    },
    /// An HTTP rule that is not valid.
    #[error("the HTTP rule of `{selector}`: {reason}")]
    HttpRule {
        /// The method.
        selector: String,
        /// The reason.
        reason: String,
    },
    /// `addresses` is an empty list.
    #[error("`addresses` names no server")]
    NoAddress,
    /// A file of certificates that cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    NoCertificates {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        error: String,
    },
    /// A folder that does not exist.
    #[error("folder {} does not exist", path.display())]
    NoFolder {
        /// The folder.
        path: PathBuf,
    },
    /// More instances are made at the deploy than there may be.
    #[error("`warm` is {warm}, and there are at most {instances} instances")]
    WarmerThanAll {
        /// The number of instances that are made at the deploy.
        warm: u32,
        /// The most instances.
        instances: u32,
    },
    /// A file that does not exist.
    #[error("file {} does not exist", path.display())]
    NoFile {
        /// The file.
        path: PathBuf,
    },
}

impl Mistake {
    /// Returns what to do about the mistake.
    fn help(&self) -> Option<String> {
        let help = match self {
            Self::UnknownKey { key, known } => return Some(suggest(key, known)),
            Self::UnknownValue { value, known } => return Some(suggest(value, known)),
            Self::UnknownService { known, .. } if known.is_empty() => "they define no service",
            Self::UnknownService { service, known } => return Some(suggest(service, known)),
            Self::UnknownType { known, .. } if known.is_empty() => "they declare no type",
            Self::UnknownType { pattern, known } => return Some(suggest(pattern, known)),
            Self::UnknownMethod { method, known, .. } => return Some(suggest(method, known)),
            Self::NotCalled { .. } => "name it in `calls` of [proto], or remove it here",
            Self::NotServed { .. } => "name it in `serves` or `raw` of [proto], or remove it here",
            Self::HttpRule { .. } => {
                "a rule has the form of google.api.HttpRule, such as `selector = \"shop.users.v1.Users.GetUser\"` with \
                 `get = \"/v1/users/{id}\"`"
            }
            Self::NoAddress => "name one or more, such as `[\"https://users.example.com\"]`",
            Self::NoCertificates { .. } => "`ca` is a PEM file, relative to the folder of the file that names it",
            Self::ComponentMissing => "set `component` to the path of the .wasm file",
            Self::ComponentUnused => "remove it, or set `language = \"component\"` to package it as it is",
            Self::WarmerThanAll { .. } => "lower `warm`, or raise `instances` of [run]",
            Self::NoInclude => "name the folders of your .proto files, such as `include = [\"proto\"]`",
            Self::IncludeAndDescriptors => "remove one of the keys `include` and `descriptors`",
            Self::NothingServed => "name the services of the project, such as `serves = [\"shop.billing.v1.Billing\"]`",
            Self::Twice { .. } | Self::TypeTwice { .. } => "remove one of them",
            Self::TypedAndRaw { .. } => {
                "a service is served with typed or with encoded messages: remove it from one of the lists"
            }
            Self::NoFolder { .. } | Self::NoFile { .. } => "paths are relative to the folder of the okra.toml",
            Self::Syntax(_) => return None,
        };
        Some(help.to_owned())
    }
}

impl ConfigError {
    /// Returns a mistake at a key of the `okra.toml` in `folder`, for checks that need more than the file.
    pub(crate) fn at(folder: &Path, key: &[&str], mistake: Mistake) -> Self {
        let path = folder.join(FILE_NAME);
        match fs::read_to_string(&path) {
            Ok(source) => Self::Invalid { place: Box::new(SourcePlace::of_key(&path, &source, key)), path, mistake },
            Err(source) => Self::Read { path, source },
        }
    }

    /// Converts an error of the TOML parser.
    pub(super) fn syntax(path: &Path, source: &str, error: &toml::de::Error) -> Self {
        let place = SourcePlace::new(path, source, error.span().unwrap_or(0..0));
        let mistake = parse_mistake(error.message());
        Self::Invalid { path: path.to_owned(), place: Box::new(place), mistake }
    }
}

/// Converts a message of serde, which reports unknown keys and values as text only: ``unknown field `a`, expected one of `b`,
/// `c` ``.
fn parse_mistake(message: &str) -> Mistake {
    let mut quoted = message.split('`').skip(1).step_by(2).map(str::to_owned);
    let unknown_key = message.starts_with("unknown field `");
    let unknown_value = message.starts_with("unknown variant `");
    match quoted.next() {
        Some(key) if unknown_key => Mistake::UnknownKey { key, known: quoted.collect() },
        Some(value) if unknown_value => Mistake::UnknownValue { value, known: quoted.collect() },
        _ => Mistake::Syntax(message.replace("missing field", "missing key")),
    }
}

/// Returns the nearest of the known words, or all of them.
fn suggest(word: &str, known: &[String]) -> String {
    // Writing `_` for `-` is a common mistake, so it does not count as a difference.
    did_you_mean(&word.replace('_', "-"), known).unwrap_or_else(|| {
        let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
        format!("known here: {}", known.join(", "))
    })
}

impl Diagnostic for ConfigError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let code = match self {
            Self::Missing { .. } => "okra::config::missing",
            Self::Read { .. } => "okra::config::read",
            Self::Invalid { .. } => "okra::config::invalid",
        };
        Some(Box::new(code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        match self {
            Self::Missing { .. } => Some(Box::new("`okra new NAME --lang rust` makes a project")),
            Self::Read { .. } => None,
            Self::Invalid { mistake, .. } => mistake.help().map(|help| Box::new(help) as _),
        }
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        match self {
            Self::Invalid { place, .. } => Some(&place.source),
            Self::Missing { .. } | Self::Read { .. } => None,
        }
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        match self {
            Self::Invalid { place, .. } => Some(Box::new(std::iter::once(LabeledSpan::underline(place.span.clone())))),
            Self::Missing { .. } | Self::Read { .. } => None,
        }
    }
}
