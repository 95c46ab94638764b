//! The headers of a gRPC request that are for the server itself.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::call::{Code, Deadline, Status};
use crate::gateway::call::compression::Compression;
use crate::gateway::settings::GatewaySettings;
use crate::grpc::parse_timeout;

pub(crate) const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
pub(crate) const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The deadline of a call and the compression of its requests.
pub(crate) struct GrpcHeaders {
    pub(crate) deadline: Option<Deadline>,
    pub(crate) compression: Option<Compression>,
}

impl GrpcHeaders {
    /// Reads the headers of a request.
    ///
    /// # Errors
    /// INTERNAL for a timeout that is not valid, UNIMPLEMENTED for a compression that is not known.
    pub(crate) fn read(headers: &HeaderMap, settings: &GatewaySettings) -> Result<Self, Status> {
        let deadline = match headers.get(TIMEOUT) {
            // The specification does not define malformed timeouts; grpc-go answers with INTERNAL, too.
            Some(value) => Deadline::after(parse_timeout(value.as_bytes()).ok_or_else(|| {
                Status::new(
                    Code::Internal,
                    format!("malformed grpc-timeout {value:?}: expected up to eight digits and a unit, such as `100m`"),
                )
            })?),
            None => settings.default_deadline(),
        };
        let compression = Compression::named(headers.get(ENCODING).map(HeaderValue::as_bytes), Compression::OF_GRPC)?;
        Ok(Self { deadline, compression })
    }
}
