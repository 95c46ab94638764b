//! The timeout header of calls over plain HTTP: `connect-timeout-ms`, which REST has as well.
//! <https://connectrpc.com/docs/protocol/#unary-request>

use std::time::Duration;

use http::header::{HeaderMap, HeaderName};

use crate::call::{Code, Deadline, Status};
use crate::gateway::settings::GatewaySettings;

const TIMEOUT: HeaderName = HeaderName::from_static("connect-timeout-ms");

/// Reads the deadline of a call from its headers.
///
/// # Errors
/// INVALID_ARGUMENT when the header is not one to ten digits.
pub(crate) fn read_http_deadline(headers: &HeaderMap, settings: &GatewaySettings) -> Result<Option<Deadline>, Status> {
    let Some(value) = headers.get(TIMEOUT) else {
        return Ok(settings.default_deadline());
    };
    let digits = value.to_str().ok().filter(|digits| digits.len() <= 10 && digits.bytes().all(|b| b.is_ascii_digit()));
    let milliseconds = digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| {
        let message = format!("malformed connect-timeout-ms {value:?}: expected one to ten digits, milliseconds");
        Status::new(Code::InvalidArgument, message)
    })?;
    Ok(Deadline::after(Duration::from_millis(milliseconds)))
}
