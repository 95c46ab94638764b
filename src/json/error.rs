//! Why JSON and a message do not fit together.

use std::fmt::{self, Write as _};

/// Most bytes of a value that an error quotes.
const MAX_QUOTED_BYTES: usize = 80;
/// Most bytes of the path of a field in an error.
const MAX_PATH_BYTES: usize = 700;

/// The reason, and the path of the field that it is about. Its text has at most 1 KiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// The parts of the path, the innermost first.
    path: Vec<String>,
    reason: String,
}

impl JsonError {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { path: Vec::new(), reason: reason.into() }
    }

    /// Adds the field within which the error is.
    pub(super) fn within_field(mut self, name: &str) -> Self {
        let is_first = self.path.is_empty();
        let is_index = self.path.last().is_some_and(|inner| inner.starts_with('['));
        self.path.push(if is_first || is_index { name.to_owned() } else { format!("{name}.") });
        self
    }

    /// Adds the place in a list at which the error is.
    pub(super) fn at_index(mut self, index: usize) -> Self {
        let end = if self.needs_dot() { "]." } else { "]" };
        self.path.push(format!("[{index}{end}"));
        self
    }

    /// Adds the key of a map at which the error is.
    pub(super) fn at_key(mut self, key: &str) -> Self {
        let end = if self.needs_dot() { "]." } else { "]" };
        self.path.push(format!("[{}{end}", quote(key)));
        self
    }

    fn needs_dot(&self) -> bool {
        self.path.last().is_some_and(|inner| !inner.starts_with('['))
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            let path: String = self.path.iter().rev().map(String::as_str).collect();
            // Its end says more than its beginning.
            let start = path.ceil_char_boundary(path.len().saturating_sub(MAX_PATH_BYTES));
            let before = if start > 0 { "..." } else { "" };
            write!(f, "`{before}{}`: ", path.get(start..).unwrap_or_default())?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for JsonError {}

/// Quotes a value from outside, of which errors repeat at most 80 bytes.
pub(super) fn quote(value: &str) -> String {
    let end = value.floor_char_boundary(MAX_QUOTED_BYTES);
    let mut quoted = format!("{:?}", value.get(..end).unwrap_or_default());
    if end < value.len() {
        let _ = write!(quoted, " and {} bytes more", value.len() - end);
    }
    quoted
}
