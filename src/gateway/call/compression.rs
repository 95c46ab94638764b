//! Compression of messages, with a limit on what they decompress to.

use std::io::{self, Read, Write as _};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::call::{ByteBudget, ByteCharge, Code, Status};
use crate::gateway::call::host_work::{AT_ONCE, do_host_work};
use crate::gateway::call::in_flight::{PREPAID_BYTES, over_budget};
use crate::gateway::call::request_meter::RequestMeter;

/// Messages shorter than this, in bytes, are sent as they are: a compressor costs more than it saves.
const MIN_COMPRESSED: usize = 1 << 10;
/// The bytes of a message that are decompressed before they are charged.
const UNPACK_STEP: u64 = 64 << 10;
/// The quality from which on brotli costs more time than it saves.
const BROTLI_QUALITY: u32 = 4;
/// The base two logarithm of how far back brotli looks.
const BROTLI_WINDOW: u32 = 20;
/// The same for zstd, which picks the rest by its level.
const ZSTD_LEVEL: i32 = 1;
/// The base two logarithm of the window that all decoders of zstd have at least: RFC 8878, section 3.1.1.1.2.
const ZSTD_WINDOW: u32 = 23;

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

    /// Decompresses a message, never to more than the limit, and charges what it has become.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED when it is larger than `limit` bytes or a budget has no room for it, INTERNAL when it is not
    /// compressed this way.
    pub(crate) async fn decompress(self, packed: Bytes, limit: usize, meter: &RequestMeter) -> Result<Bytes, Status> {
        // Some clients compress an empty message to an empty one, which most formats do not allow.
        if packed.is_empty() {
            return Ok(packed);
        }
        let budget = meter.budget().clone();
        // A small message may become a large one: what it becomes is work, too.
        if packed.len() <= AT_ONCE {
            match self.unpack(&packed, limit.min(AT_ONCE), &budget) {
                Err(status) if status.code == Code::ResourceExhausted && limit > AT_ONCE => {}
                unpacked => return unpacked,
            }
        }
        do_host_work(usize::MAX, move || self.unpack(&packed, limit, &budget)).await
    }

    pub(crate) fn unpack(self, packed: &[u8], limit: usize, budget: &Arc<ByteBudget>) -> Result<Bytes, Status> {
        let invalid = |error: io::Error| {
            let message = format!("the request message is not valid {}: {error}", self.name());
            Status::new(Code::Internal, message)
        };
        let mut reader = self.reader(packed, limit).map_err(invalid)?;
        let (mut message, mut charge) = (Vec::new(), None::<ByteCharge>);
        while reader.by_ref().take(UNPACK_STEP).read_to_end(&mut message).map_err(invalid)? > 0 {
            if message.len() > limit {
                return Err(request_too_large(limit));
            }
            match &mut charge {
                Some(charge) => charge.set(message.len() as u64).map_err(over_budget)?,
                None if message.len() <= PREPAID_BYTES => {}
                None => charge = Some(budget.charge(message.len() as u64).map_err(over_budget)?),
            }
        }
        Ok(match charge {
            Some(charge) => charge.attach(message.into()),
            None => message.into(),
        })
    }

    fn reader(self, packed: &[u8], limit: usize) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::Gzip => Box::new(GzipMembers::new(packed)),
            Self::Deflate => Box::new(flate2::read::ZlibDecoder::new(packed)),
            Self::Zstd => {
                let mut decoder = zstd::Decoder::new(packed)?;
                // It makes room for as much as the message says.
                decoder.window_log_max(limit.max(1).ilog2().saturating_add(1).clamp(ZSTD_WINDOW, 27))?;
                Box::new(decoder)
            }
            Self::Brotli => Box::new(brotli::Decompressor::new(packed, 4 << 10)),
        })
    }
}

/// Decompresses gzip of any number of members, as long as they have content: without it a member costs far more time to
/// read than to send.
struct GzipMembers<'a> {
    member: flate2::bufread::GzDecoder<&'a [u8]>,
    members: u64,
    bytes: u64,
}

impl<'a> GzipMembers<'a> {
    /// The members that may be empty.
    const EMPTY: u64 = 100;
    /// The bytes of content for which there may be one more member.
    const CONTENT: u64 = 256;

    fn new(packed: &'a [u8]) -> Self {
        Self { member: flate2::bufread::GzDecoder::new(packed), members: 1, bytes: 0 }
    }
}

impl Read for GzipMembers<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.member.read(into)?;
            let rest = *self.member.get_ref();
            if read > 0 || into.is_empty() || rest.is_empty() {
                self.bytes += read as u64;
                return Ok(read);
            }
            self.members += 1;
            if self.members > Self::EMPTY + self.bytes / Self::CONTENT {
                let message = format!("{} members have {} bytes together", self.members, self.bytes);
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            self.member = flate2::bufread::GzDecoder::new(rest);
        }
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
    use std::pin::pin;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::gateway::peer::Connections;

    #[test]
    fn what_is_packed_is_unpacked_up_to_the_limit() {
        let message = "so much of it ".repeat(1000).into_bytes();
        for compression in Compression::OF_HTTP {
            let packed = Bytes::from(compression.compress(&message).unwrap());
            assert!(packed.len() < message.len() / 10, "{compression:?}");
            let budget = ByteBudget::of_process(message.len() as u64);
            let unpacked = compression.unpack(&packed, message.len(), &budget).unwrap();
            assert_eq!((unpacked, budget.used()), (Bytes::from(message.clone()), message.len() as u64));
            let status = compression.unpack(&packed, message.len() - 1, &budget).unwrap_err();
            assert_eq!(status.code, Code::ResourceExhausted);
            for broken in [packed.slice(..packed.len() / 2), Bytes::from_static(b"nonsense")] {
                let status = compression.unpack(&broken, message.len(), &budget).unwrap_err();
                assert_eq!(status.code, Code::Internal, "{compression:?}: {}", status.message);
            }
        }
    }

    #[test]
    fn a_message_is_charged_while_it_is_decompressed() {
        let packed = Compression::Gzip.pack(&[0; 1 << 20]).unwrap();
        let budget = ByteBudget::of_process(500_000);
        let status = Compression::Gzip.unpack(&packed, 1 << 20, &budget).unwrap_err();
        assert_eq!((status.code, budget.used()), (Code::ResourceExhausted, 0));
    }

    #[test]
    fn gzip_of_members_without_content_is_refused_before_it_takes_time() {
        let unpack = |members: &[Vec<u8>]| {
            Compression::Gzip.unpack(&members.concat(), 4 << 20, &ByteBudget::of_process(u64::MAX))
        };
        let (empty, full) = (Compression::Gzip.pack(b"").unwrap(), Compression::Gzip.pack(&[7; 256]).unwrap());
        assert_eq!(unpack(&vec![full; 1000]).unwrap().len(), 256_000);
        assert_eq!(unpack(&vec![empty.clone(); 100]).unwrap().len(), 0);
        let status = unpack(&vec![empty; 210_000]).unwrap_err();
        assert_eq!(status.message, "the request message is not valid gzip: 101 members have 0 bytes together");
    }

    #[test]
    fn zstd_makes_no_room_for_more_than_the_limit() {
        // An empty frame with a window of 128 MiB.
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0, 17 << 3, 1, 0, 0];
        let unpack = |limit| Compression::Zstd.unpack(&frame, limit, &ByteBudget::of_process(u64::MAX));
        assert!(unpack(1 << 27).unwrap().is_empty());
        let message = unpack(4 << 20).unwrap_err().message;
        assert!(message.contains("too much memory"), "{message}");
    }

    #[tokio::test]
    async fn a_small_message_that_becomes_a_large_one_is_not_unpacked_on_the_thread_of_its_connection() {
        let connections = Connections::new(ByteBudget::of_process(u64::MAX), u64::MAX);
        let peer = Arc::new(connections.open("127.0.0.1:1".parse().unwrap()));
        let meter = RequestMeter::new(&peer);
        for (bytes, is_at_once) in [(AT_ONCE, true), (4 << 20, false)] {
            let packed = Bytes::from(Compression::Gzip.pack(&vec![0; bytes]).unwrap());
            assert!(packed.len() < 8 << 10);
            let mut unpacked = pin!(Compression::Gzip.decompress(packed, 4 << 20, &meter));
            let at_once = unpacked.as_mut().now_or_never();
            assert_eq!(at_once.is_some(), is_at_once);
            let unpacked = match at_once {
                Some(unpacked) => unpacked,
                None => unpacked.await,
            };
            assert_eq!(unpacked.unwrap().len(), bytes);
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
