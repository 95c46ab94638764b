//! Metadata of calls: names with values.

use std::fmt;

use crate::bindings::status::Entry;

/// gRPC metadata: an ordered multimap of names to byte values.
///
/// Names are lower case. Names that end in `-bin` have any bytes as value, without the base64 of the wire; the other
/// values are printable ASCII.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    entries: Vec<Entry>,
}

/// The error of metadata that the host refuses: a name or a value that is not valid, a name that belongs to the protocol, or
/// headers that have left already. Its text names the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidMetadata(pub(crate) String);

impl Metadata {
    /// Returns the first value of a name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(entry, _)| entry.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Returns the first value of a name as text; none if it is not UTF-8.
    pub fn get_str(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Returns all values of a name, in their order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(entry, _)| entry.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Returns names and values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries.iter().map(|entry| (entry.name.as_str(), entry.value.as_slice()))
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns true if there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl From<Vec<Entry>> for Metadata {
    fn from(entries: Vec<Entry>) -> Self {
        Self { entries }
    }
}

impl fmt::Display for InvalidMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidMetadata {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_in_order() {
        let entry = |name: &str, value: &[u8]| Entry { name: name.into(), value: value.into() };
        let metadata = Metadata::from(vec![entry("a", b"1"), entry("b-bin", b"\xff"), entry("a", b"2")]);
        assert_eq!(metadata.get_all("A").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(metadata.get_str("a"), Some("1"));
        assert_eq!(metadata.get("b-bin"), Some(&b"\xff"[..]));
        assert_eq!(metadata.get_str("b-bin"), None);
        assert_eq!((metadata.get("c"), metadata.len()), (None, 3));
    }
}
