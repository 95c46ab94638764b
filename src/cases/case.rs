use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// A call, and what must come of it. Messages are JSON, by protobuf's mapping.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Case {
    /// The method, such as `greeter.v1.Greeter/Hello`.
    pub call: String,
    /// The request; an empty one when neither it nor `requests` is there.
    pub request: Option<Value>,
    /// Of a method that takes a stream: the requests, sent one by one without waiting for answers.
    pub requests: Option<Vec<Value>>,
    /// Metadata of the request. Names that end in `-bin` have base64 as value.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// What must come of it.
    #[serde(flatten)]
    pub expected: Expected,
}

/// What must come of a call: a response, responses, or an error, which may come behind responses.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Expected {
    /// The response.
    pub response: Option<Value>,
    /// Of a method that answers with a stream: all responses, in their order.
    pub responses: Option<Vec<Value>>,
    /// The error.
    pub error: Option<ExpectedError>,
    /// Response headers that must be there, beside any others.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Response trailers that must be there, of an error too.
    #[serde(default)]
    pub trailers: BTreeMap<String, String>,
}

/// The error that must come.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedError {
    /// Its code, such as `NOT_FOUND`.
    pub code: String,
    /// Its message, word for word; any when it is not there.
    pub message: Option<String>,
}

/// Why a case cannot be run.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum CaseError {
    /// The folder is not there, or has no cases.
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
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is no case.
    #[error("{}: {reason}", path.display())]
    #[diagnostic(code(okra::cases::syntax))]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        reason: String,
    },
    /// The case calls what nobody serves here.
    #[error("{}: nobody serves `{call}`", path.display())]
    #[diagnostic(code(okra::cases::method), help("served here: {known}"))]
    Method {
        /// The file.
        path: PathBuf,
        /// What it calls.
        call: String,
        /// What it may call.
        known: String,
    },
    /// A message of the case does not fit its type.
    #[error("{}: `{place}` is no {message}: {reason}", path.display())]
    #[diagnostic(code(okra::cases::message))]
    Message {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        place: String,
        /// Full name of the message.
        message: String,
        /// Why not.
        reason: String,
    },
    /// What is expected cannot come of such a method.
    #[error("{}: {reason}", path.display())]
    #[diagnostic(code(okra::cases::shape))]
    Shape {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

impl Case {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or is no case.
    pub fn read(path: &Path) -> Result<Self, CaseError> {
        let text = fs::read_to_string(path).map_err(|source| CaseError::Read { path: path.to_owned(), source })?;
        let wrong = |reason: String| CaseError::Syntax { path: path.to_owned(), reason };
        // A flattened struct cannot deny keys itself.
        let keys: BTreeMap<String, Value> = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        const KEYS: [&str; 9] =
            ["call", "request", "requests", "metadata", "response", "responses", "error", "headers", "trailers"];
        if let Some(key) = keys.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(wrong(format!("unknown key `{key}`, expected one of {}", KEYS.join(", "))));
        }
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))
    }
}

/// The cases of a folder and of those in it, by name.
///
/// # Errors
/// When there are none, or the folder cannot be read.
pub fn find(folder: &Path) -> Result<Vec<PathBuf>, CaseError> {
    let mut found = Vec::new();
    if folder.is_dir() {
        collect(folder, &mut found)?;
    }
    found.sort();
    if found.is_empty() { Err(CaseError::None { folder: folder.to_owned() }) } else { Ok(found) }
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), CaseError> {
    let failed = |source| CaseError::Read { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
    Ok(())
}
