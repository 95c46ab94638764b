//! The format of call cases, and the errors of cases that are not valid.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// A call and its expected outcome. Messages are JSON, by protobuf's mapping.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct CallCase {
    /// The method, such as `greeter.v1.Greeter/Hello`.
    pub call: String,
    /// The request. Without it and `requests`, the request is an empty message.
    pub request: Option<Value>,
    /// The requests of a method that takes a stream, sent without waiting for responses.
    pub requests: Option<Vec<Value>>,
    /// Metadata of the request. The value of a name that ends in `-bin` is base64.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// The expected outcome.
    #[serde(flatten)]
    pub expected: ExpectedOutcome,
}

/// The expected outcome of a call: a response, responses, or an error, which may follow responses.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct ExpectedOutcome {
    /// The expected response.
    pub response: Option<Value>,
    /// All expected responses of a method that streams them, in order.
    pub responses: Option<Vec<Value>>,
    /// The expected error.
    pub error: Option<ExpectedError>,
    /// Response headers that the outcome must have, among any others.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Response trailers that the outcome must have, among any others; of an error, too.
    #[serde(default)]
    pub trailers: BTreeMap<String, String>,
}

/// The expected error.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedError {
    /// Its code, such as `NOT_FOUND`.
    pub code: String,
    /// Its exact message; `None` accepts any.
    pub message: Option<String>,
}

/// Why a case cannot be run.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum CaseError {
    /// The folder does not exist, or has no cases.
    #[error("no call cases in {}", folder.display())]
    #[diagnostic(
        code(okra::cases::none),
        help(
            "a case is a .json file such as {{\"call\":\"greeter.v1.Greeter/Hello\",\"request\":{{\"name\":\"Ada\"}},\
             \"response\":{{\"message\":\"Hello, Ada!\"}}}}"
        )
    )]
    None {
        /// The folder.
        folder: PathBuf,
    },
    /// A file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    #[diagnostic(code(okra::cases::read))]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// A file is not a valid case.
    #[error("{}: {reason}", path.display())]
    #[diagnostic(code(okra::cases::syntax))]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The mistake, with line and column.
        reason: String,
    },
    /// The case calls a method that is not served.
    #[error("{}: method `{call}` is not served", path.display())]
    #[diagnostic(code(okra::cases::method), help("served here: {known}"))]
    Method {
        /// The file.
        path: PathBuf,
        /// The method that it calls.
        call: String,
        /// The methods that are served.
        known: String,
    },
    /// A message of the case does not fit its type.
    #[error("{}: `{place}` is not a {message}: {reason}", path.display())]
    #[diagnostic(code(okra::cases::message))]
    Message {
        /// The file.
        path: PathBuf,
        /// The place in the file.
        place: String,
        /// Full name of the message.
        message: String,
        /// The reason.
        reason: String,
    },
    /// The case does not fit the shape of its method.
    #[error("{}: {reason}", path.display())]
    #[diagnostic(code(okra::cases::shape))]
    Shape {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
}

impl CallCase {
    /// Reads a file.
    ///
    /// # Errors
    /// If the file cannot be read, or is not a valid case.
    pub fn read(path: &Path) -> Result<Self, CaseError> {
        let text = fs::read_to_string(path).map_err(|source| CaseError::Read { path: path.to_owned(), source })?;
        let invalid = |reason: String| CaseError::Syntax { path: path.to_owned(), reason };
        // serde cannot deny unknown keys of a flattened struct.
        let keys: BTreeMap<String, Value> = serde_json::from_str(&text).map_err(|error| invalid(error.to_string()))?;
        const KEYS: [&str; 9] =
            ["call", "request", "requests", "metadata", "response", "responses", "error", "headers", "trailers"];
        if let Some(key) = keys.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(invalid(format!("unknown key `{key}`, expected one of {}", KEYS.join(", "))));
        }
        serde_json::from_str(&text).map_err(|error| invalid(error.to_string()))
    }
}

/// Returns the files of cases in a folder and its subfolders, sorted by name.
///
/// # Errors
/// If there is no case, or a folder cannot be read.
pub fn find_cases(folder: &Path) -> Result<Vec<PathBuf>, CaseError> {
    let mut found = Vec::new();
    if folder.is_dir() {
        collect_cases(folder, &mut found)?;
    }
    found.sort();
    if found.is_empty() { Err(CaseError::None { folder: folder.to_owned() }) } else { Ok(found) }
}

fn collect_cases(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), CaseError> {
    let failed = |source| CaseError::Read { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            collect_cases(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
    Ok(())
}
