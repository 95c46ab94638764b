//! Compression of messages, with a limit on what they decompress to.

use std::io::{self, Read, Write as _};

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::call::{Code, Status};

/// Messages shorter than this, in bytes, are sent as they are: a compressor costs more than it saves.
const MIN_COMPRESSED: usize = 1 << 10;
/// The quality from which on brotli costs more time than it saves.
const BROTLI_QUALITY: u32 = 4;
/// The base two logarithm of how far back brotli looks.
const BROTLI_WINDOW: u32 = 20;
/// The same for zstd, which picks the rest by its level.
const ZSTD_LEVEL: i32 = 1;

/// A way to compress messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    Deflate,
    Zstd,
    Brotli,
}

impl Compression {
    /// The compressions of gRPC and gRPC-Web.
    pub(crate) const OF_GRPC: &'static [Self] = &[Self::Gzip, Self::Deflate, Self::Zstd];
    /// The compressions of Connect and REST.
    pub(crate) const OF_HTTP: &'static [Self] = &[Self::Gzip, Self::Brotli, Self::Zstd, Self::Deflate];

    /// Returns its name in headers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
            Self::Brotli => "br",
        }
    }

    /// Finds a compression by its name; `None` for `identity` and without a name.
    ///
    /// # Errors
    /// UNIMPLEMENTED, with the names that are known.
    pub(crate) fn named(name: Option<&[u8]>, known: &[Self]) -> Result<Option<Self>, Status> {
        let name = match name {
            None | Some(b"" | b"identity") => return Ok(None),
            Some(name) => name,
        };
        if let Some(found) = known.iter().find(|compression| compression.name().as_bytes() == name) {
            return Ok(Some(*found));
        }
        let names: Vec<_> = known.iter().map(|compression| compression.name()).collect();
        let name = String::from_utf8_lossy(name);
        let message =
            format!("messages compressed with `{name}` are not supported; {} and identity are", names.join(", "));
        Err(Status::new(Code::Unimplemented, message))
    }

    /// Finds the first known compression of those that the client accepts by `header`.
    pub(crate) fn accepted(headers: &HeaderMap, header: &HeaderName, known: &[Self]) -> Option<Self> {
        let lines = headers.get_all(header).into_iter().map(HeaderValue::as_bytes);
        lines.flat_map(|line| line.split(|byte| *byte == b',')).find_map(|entry| {
            let mut parts = entry.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            let name = parts.next()?;
            // `br;q=0` refuses br.
            let refused = parts.any(|part| {
                part.strip_prefix(b"q=").is_some_and(|weight| weight.iter().all(|byte| matches!(byte, b'0' | b'.')))
            });
            known.iter().copied().find(|compression| !refused && compression.name().as_bytes() == name)
        })
    }

    /// Compresses a message; `None` when that does not make it smaller.
    pub(crate) fn compress(self, message: &[u8]) -> Option<Vec<u8>> {
        if message.len() < MIN_COMPRESSED {
            return None;
        }
        self.pack(message).ok().filter(|packed| packed.len() < message.len())
    }

    fn pack(self, message: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(message)?;
                encoder.finish()
            }
            Self::Deflate => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(message)?;
                encoder.finish()
            }
            Self::Zstd => zstd::encode_all(message, ZSTD_LEVEL),
            Self::Brotli => {
                let mut packed = Vec::new();
                brotli::CompressorReader::new(message, 4 << 10, BROTLI_QUALITY, BROTLI_WINDOW)
                    .read_to_end(&mut packed)?;
                Ok(packed)
            }
        }
    }

    /// Decompresses a message, never to more than the limit.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED when it is larger than `limit` bytes, INTERNAL when it is not compressed this way.
    pub(crate) fn decompress(self, packed: Bytes, limit: usize) -> Result<Bytes, Status> {
        // Some clients compress an empty message to an empty one, which most formats do not allow.
        if packed.is_empty() {
            return Ok(packed);
        }
        match self.unpack(&packed, limit) {
            Ok(message) if message.len() <= limit => Ok(message.into()),
            Ok(_) => Err(request_too_large(limit)),
            Err(error) => {
                let message = format!("the request message is not valid {}: {error}", self.name());
                Err(Status::new(Code::Internal, message))
            }
        }
    }

    fn unpack(self, packed: &[u8], limit: usize) -> io::Result<Vec<u8>> {
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let mut message = Vec::new();
        match self {
            Self::Gzip => flate2::read::MultiGzDecoder::new(packed).take(most).read_to_end(&mut message)?,
            Self::Deflate => flate2::read::ZlibDecoder::new(packed).take(most).read_to_end(&mut message)?,
            Self::Zstd => zstd::Decoder::new(packed)?.take(most).read_to_end(&mut message)?,
            Self::Brotli => brotli::Decompressor::new(packed, 4 << 10).take(most).read_to_end(&mut message)?,
        };
        Ok(message)
    }
}

/// Returns the names of `known` as the value of a header.
pub(crate) fn compression_names(known: &[Compression]) -> HeaderValue {
    let names: Vec<_> = known.iter().map(|compression| compression.name()).chain(["identity"]).collect();
    HeaderValue::try_from(names.join(",")).unwrap_or(HeaderValue::from_static("identity"))
}

/// Returns the status of a call whose request message is over the limit.
pub(crate) fn request_too_large(limit: usize) -> Status {
    let message = format!("the request message is larger than the limit of {limit} bytes");
    Status::new(Code::ResourceExhausted, message)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_up_to_the_limit() {
        let message = "so much of it ".repeat(1000).into_bytes();
        for compression in Compression::OF_HTTP {
            let packed = Bytes::from(compression.compress(&message).unwrap());
            assert!(packed.len() < message.len() / 10, "{compression:?}");
            assert_eq!(compression.decompress(packed.clone(), message.len()).unwrap(), message);
            assert_eq!(compression.decompress(Bytes::new(), message.len()).unwrap(), Bytes::new());
            let status = compression.decompress(packed.clone(), message.len() - 1).unwrap_err();
            assert_eq!(status.code, Code::ResourceExhausted);
            for broken in [packed.slice(..packed.len() / 2), Bytes::from_static(b"nonsense")] {
                let status = compression.decompress(broken, message.len()).unwrap_err();
                assert_eq!(status.code, Code::Internal, "{compression:?}: {}", status.message);
            }
        }
    }

    #[test]
    fn the_first_that_both_know_is_taken() {
        let header = http::header::ACCEPT_ENCODING;
        for (value, wanted) in [
            ("gzip, br", Some(Compression::Gzip)),
            ("snappy, zstd;q=0.5, gzip", Some(Compression::Zstd)),
            ("br;q=0, gzip;q=0.0, deflate", Some(Compression::Deflate)),
            ("identity", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(header.clone(), HeaderValue::from_static(value))]);
            assert_eq!(Compression::accepted(&headers, &header, Compression::OF_HTTP), wanted, "{value}");
        }
    }
}
