//! gRPC metadata, and what of HTTP's headers it is.

use base64::Engine as _;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::call::BASE64;

/// gRPC metadata: an ordered multimap of names to byte values.
///
/// Names are lower case. A name that ends in `-bin` has any bytes as its value, here as plain bytes; the gateway and the
/// client write and read the base64 of the wire. Other values are printable ASCII.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    entries: Vec<(String, Vec<u8>)>,
    /// Bytes of all entries, as HTTP/2 counts them.
    size: usize,
}

/// The most bytes of all entries: the host keeps what a guest adds.
const MAX_SIZE: usize = 64 * 1024;
/// The most entries: HTTP libraries have limits of their own.
const MAX_ENTRIES: usize = 1_000;

/// The bytes that an entry counts beside its name and value, as in HTTP/2: RFC 9113, section 6.5.2.
const ENTRY_SIZE: usize = 32;

/// Why an entry was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidMetadata {
    /// gRPC allows digits, lower-case letters, `_`, `-` and `.` only.
    #[error("metadata name `{0}` is not valid: lower-case letters, digits, `-`, `_` and `.` are allowed")]
    Name(String),
    /// The name belongs to the protocol.
    #[error("metadata name `{0}` belongs to the protocol and cannot be set")]
    Reserved(String),
    /// Only names that end in `-bin` carry any bytes.
    #[error("value of metadata `{0}` is not printable ASCII; a name that ends in `-bin` takes any bytes")]
    Value(String),
    /// Peers refuse headers that are larger.
    #[error(
        "metadata `{0}` does not fit: there are at most {MAX_ENTRIES} entries, of {MAX_SIZE} bytes together with {ENTRY_SIZE} for each entry"
    )]
    TooMuch(String),
}

impl Metadata {
    /// Adds an entry at the end.
    ///
    /// # Errors
    /// When the name or the value is not valid, the name belongs to the protocol, or the limit is reached.
    pub fn add(&mut self, name: &str, value: &[u8]) -> Result<(), InvalidMetadata> {
        let lower = name.to_ascii_lowercase();
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        if lower.is_empty() || !lower.bytes().all(allowed) {
            return Err(InvalidMetadata::Name(name.to_owned()));
        }
        if is_reserved(&lower) {
            return Err(InvalidMetadata::Reserved(lower));
        }
        if !lower.ends_with("-bin") && !value.iter().all(|byte| (0x20..=0x7e).contains(byte)) {
            return Err(InvalidMetadata::Value(lower));
        }
        if self.entries.len() >= MAX_ENTRIES || self.size + ENTRY_SIZE + lower.len() + value.len() > MAX_SIZE {
            return Err(InvalidMetadata::TooMuch(lower));
        }
        self.push(lower, value.to_vec());
        Ok(())
    }

    fn push(&mut self, name: String, value: Vec<u8>) {
        self.size += ENTRY_SIZE + name.len() + value.len();
        self.entries.push((name, value));
    }

    /// Iterates over the entries in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Returns the first value of a name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(entry, _)| *entry == name).map(|(_, value)| value)
    }

    /// Returns the bytes of all entries, with 32 for each, as HTTP/2 counts headers.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Returns the bytes of memory that the entries take, about, as the headers that they came in and as themselves.
    pub(crate) fn memory_size(&self) -> usize {
        const ENTRY_MEMORY: usize = 224;
        2 * self.size + self.entries.len() * (ENTRY_MEMORY - 2 * ENTRY_SIZE)
    }

    /// Returns the bytes of all entries as they are sent, those of `-bin` values in base64.
    pub(crate) fn wire_size(&self) -> usize {
        let base64 = |(name, value): &(String, Vec<u8>)| match name.ends_with("-bin") {
            true => (value.len() * 4).div_ceil(3) - value.len(),
            false => 0,
        };
        self.size + self.entries.iter().map(base64).sum::<usize>()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds all of `other` at the end.
    pub fn extend(&mut self, other: Metadata) {
        self.size += other.size;
        self.entries.extend(other.entries);
    }

    /// Reads the metadata of HTTP headers: all but the protocol's own names, `-bin` values decoded.
    ///
    /// Values that are not valid (not base64 in `-bin`, not printable ASCII elsewhere) are left out, as grpc-go does.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let mut metadata = Self::default();
        for (name, value) in headers {
            let name = name.as_str();
            if is_reserved(name) {
                continue;
            }
            if name.ends_with("-bin") {
                // Several values may be joined by commas in one header line.
                for part in value.as_bytes().split(|byte| *byte == b',') {
                    if let Ok(bytes) = BASE64.decode(part.trim_ascii()) {
                        metadata.push(name.to_owned(), bytes);
                    }
                }
            } else if value.as_bytes().iter().all(|byte| (0x20..=0x7e).contains(byte)) {
                metadata.push(name.to_owned(), value.as_bytes().to_vec());
            }
        }
        metadata
    }

    /// Writes the metadata as HTTP headers, `-bin` values in base64. Entries beyond the first 32,768 are left out, which is as
    /// many as headers can be.
    pub fn to_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::try_with_capacity(self.entries.len()).unwrap_or_default();
        for (name, value) in &self.entries {
            let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else { continue };
            let value = if name.ends_with("-bin") {
                HeaderValue::try_from(BASE64.encode(value))
            } else {
                HeaderValue::from_bytes(value)
            };
            if let Ok(value) = value
                && headers.try_append(header, value).is_err()
            {
                break;
            }
        }
        headers
    }
}

/// Whether a name belongs to HTTP, gRPC, gRPC-Web or Connect.
fn is_reserved(name: &str) -> bool {
    const RESERVED: [&str; 15] = [
        "accept",
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "connect-protocol-version",
        "connect-timeout-ms",
    ];
    name.starts_with("grpc-") || name.starts_with(':') || RESERVED.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_without_end_is_refused() {
        let mut metadata = Metadata::default();
        let added = (0..100).take_while(|_| metadata.add("x-1k", &[b'a'; 1020 - 32]).is_ok()).count();
        assert_eq!(added, 64);
        assert!(matches!(metadata.add("x", &[b'a'; 1020]), Err(InvalidMetadata::TooMuch(_))));
    }

    #[test]
    fn thirty_thousand_small_entries_are_refused_and_the_rest_can_be_sent() {
        let mut metadata = Metadata::default();
        let added = (0..30_000).filter(|_| metadata.add("x", b"").is_ok()).count();
        assert_eq!((added, metadata.to_headers().len()), (1_000, 1_000));
        let many = std::iter::repeat_n(metadata, 100).reduce(|mut all, metadata| {
            all.extend(metadata);
            all
        });
        assert!(many.unwrap_or_default().to_headers().len() > 30_000);
    }

    #[test]
    fn what_cannot_travel_is_refused() {
        let mut metadata = Metadata::default();
        assert!(matches!(metadata.add("a b", b""), Err(InvalidMetadata::Name(_))));
        assert!(matches!(metadata.add("grpc-status", b"0"), Err(InvalidMetadata::Reserved(_))));
        assert!(matches!(metadata.add("x", b"\xff"), Err(InvalidMetadata::Value(_))));
        assert!(metadata.add("X-Bin-bin", b"\xff").is_ok());
        assert_eq!(metadata.get("x-bin-bin"), Some(&b"\xff"[..]));
    }
}
