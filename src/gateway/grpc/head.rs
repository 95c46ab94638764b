use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::super::Settings;
use super::super::compression::Compression;
use crate::call::{Code, Deadline, Status};
use crate::grpc::parse_timeout;

pub(super) const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
pub(super) const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// What the headers of a request say to the server itself.
pub(super) struct Head {
    pub(super) deadline: Option<Deadline>,
    /// How the request messages are compressed.
    pub(super) compression: Option<Compression>,
    /// How response messages may be compressed.
    pub(super) accepted: Option<Compression>,
}

impl Head {
    pub(super) fn read(headers: &HeaderMap, settings: &Settings) -> Result<Self, Status> {
        let deadline = match headers.get(TIMEOUT) {
            // The specification does not say what garbage means; grpc-go answers so, too.
            Some(value) => Deadline::after(parse_timeout(value.as_bytes()).ok_or_else(|| {
                Status::new(
                    Code::Internal,
                    format!("malformed grpc-timeout {value:?}: expected up to eight digits and a unit, such as `100m`"),
                )
            })?),
            None => settings.default_deadline(),
        };
        let compression = Compression::named(headers.get(ENCODING).map(HeaderValue::as_bytes), Compression::OF_GRPC)?;
        let accepted = Compression::accepted(headers, &ACCEPT_ENCODING, Compression::OF_GRPC);
        Ok(Self { deadline, compression, accepted })
    }
}
