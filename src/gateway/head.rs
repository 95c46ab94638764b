use http::header::{HeaderMap, HeaderName, HeaderValue};
use tonic::codec::CompressionEncoding;

use super::Settings;
use crate::call::{Code, Deadline, Status};
use crate::grpc::parse_timeout;

pub(super) const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
pub(super) const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// What the headers of a request say to the server itself.
pub(super) struct Head {
    pub(super) deadline: Option<Deadline>,
    /// How the request messages are compressed.
    pub(super) encoding: Option<CompressionEncoding>,
    /// Whether response messages may be compressed.
    pub(super) gzip: bool,
}

impl Head {
    pub(super) fn read(headers: &HeaderMap, settings: &Settings) -> Result<Self, Status> {
        let timeout = match headers.get(TIMEOUT) {
            // The specification does not say what garbage means; grpc-go answers so, too.
            Some(value) => Some(parse_timeout(value.as_bytes()).ok_or_else(|| {
                Status::new(
                    Code::Internal,
                    format!("malformed grpc-timeout {value:?}: expected up to eight digits and a unit, such as `100m`"),
                )
            })?),
            None => settings.default_deadline,
        };
        let encoding = match headers.get(ENCODING).map(HeaderValue::as_bytes) {
            None | Some(b"identity") => None,
            Some(b"gzip") => Some(CompressionEncoding::Gzip),
            Some(other) => {
                let other = String::from_utf8_lossy(other);
                return Err(Status::new(
                    Code::Unimplemented,
                    format!("messages compressed with `{other}` are not supported; gzip and identity are"),
                ));
            }
        };
        let gzip = headers
            .get_all(ACCEPT_ENCODING)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .any(|encoding| encoding.trim_ascii() == b"gzip");
        Ok(Self { deadline: timeout.and_then(Deadline::after), encoding, gzip })
    }
}
