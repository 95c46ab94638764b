//! The size of what ends a call: clients refuse larger headers, and would see a broken connection in place of the outcome.

use crate::call::{CallFailure, Code, Metadata, Status};
use crate::grpc::{cut_message, encoded_bytes};

/// Fits the outcome of a call into `limit` bytes on the wire.
///
/// # Errors
/// As the outcome, or RESOURCE_EXHAUSTED when its trailers are larger. The status fits in each case.
pub(crate) fn fit_outcome<T>(
    outcome: Result<T, CallFailure>,
    trailers: impl FnOnce(&T) -> &Metadata,
    limit: usize,
) -> Result<T, CallFailure> {
    let outcome = outcome.and_then(|response| {
        check_trailers(trailers(&response), limit)?;
        Ok(response)
    });
    outcome.map_err(|failure| CallFailure { status: Box::new(fit_status(*failure.status, limit)), ..failure })
}

/// Checks the size of the trailers of a call that is OK.
///
/// # Errors
/// RESOURCE_EXHAUSTED when they have more than `limit` bytes on the wire.
fn check_trailers(trailers: &Metadata, limit: usize) -> Result<(), Status> {
    let bytes = trailers.wire_size();
    if bytes <= limit {
        return Ok(());
    }
    let message = format!("the trailers have {bytes} bytes, {}", limit_text(limit));
    Err(Status::new(Code::ResourceExhausted, message))
}

/// Fits an error into `limit` bytes on the wire: a message of more than half of that is cut, then the details are left out,
/// then the metadata.
fn fit_status(mut status: Status, limit: usize) -> Status {
    status.message = cut_message(status.message, limit / 2);
    let mut bytes = encoded_bytes(&status.message) + details_bytes(&status) + status.metadata.wire_size();
    for (what, part) in [("details", details_bytes(&status)), ("metadata", status.metadata.wire_size())] {
        if bytes <= limit || part == 0 {
            continue;
        }
        match what {
            "details" => status.details = Vec::new(),
            _ => status.metadata = Metadata::default(),
        }
        bytes -= part;
        status.message.push_str(&format!(" [its {what} of {part} bytes are left out: {}]", limit_text(limit)));
    }
    status
}

fn limit_text(limit: usize) -> String {
    format!("the limit is {limit}, `max-trailers` of [limits] in server.toml")
}

/// Returns the bytes of the details on the wire, about: a `google.rpc.Status` in base64, which has the message as well.
fn details_bytes(status: &Status) -> usize {
    if status.details.is_empty() {
        return 0;
    }
    const OVERHEAD: usize = 16;
    let details = status.details.iter().map(|detail| detail.type_url.len() + detail.value.len() + OVERHEAD);
    (status.message.len() + OVERHEAD + details.sum::<usize>()).div_ceil(3) * 4
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::call::StatusDetail;

    const LIMIT: usize = 8 << 10;

    fn status(message: usize, details: usize, metadata: usize) -> Status {
        let mut status = Status::new(Code::NotFound, "é".repeat(message / 6));
        status.details = vec![StatusDetail { type_url: "x/y".into(), value: vec![0; details] }];
        status.metadata.add("x", &vec![b'x'; metadata]).unwrap();
        status
    }

    fn wire_bytes(status: Status) -> usize {
        let mut headers = http::HeaderMap::new();
        tonic::Status::from(status).add_header(&mut headers).unwrap();
        headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
    }

    #[test]
    fn an_error_that_fits_is_left_alone() {
        let fits = status(1000, 3000, 1000);
        assert_eq!(fit_status(fits.clone(), LIMIT), fits);
        assert!(wire_bytes(fits) <= LIMIT);
    }

    #[test]
    fn an_error_of_any_size_arrives_with_its_code() {
        for (message, details, metadata) in
            [(100_000, 10, 10), (10, 100_000, 10), (10, 10, 60_000), (90_000, 90_000, 60_000)]
        {
            let fitted = fit_status(status(message, details, metadata), LIMIT);
            assert_eq!((fitted.code, fitted.details.is_empty()), (Code::NotFound, details > 10 || metadata > 10));
            assert_eq!(fitted.metadata.is_empty(), metadata > 10);
            assert!(wire_bytes(fitted) <= LIMIT + 512);
        }
        let fitted = fit_status(status(0, 100_000, 0), LIMIT);
        let wanted =
            " [its details of 133380 bytes are left out: the limit is 8192, `max-trailers` of [limits] in server.toml]";
        assert_eq!(fitted.message, wanted);
    }

    #[test]
    fn trailers_over_the_limit_are_an_error() {
        let mut trailers = Metadata::default();
        trailers.add("x-bin", &[0; 69]).unwrap();
        assert_eq!(trailers.wire_size(), 32 + 5 + 92);
        check_trailers(&trailers, 129).unwrap();
        let status = check_trailers(&trailers, 128).unwrap_err();
        let wanted = "the trailers have 129 bytes, the limit is 128, `max-trailers` of [limits] in server.toml";
        assert_eq!((status.code, status.message.as_str()), (Code::ResourceExhausted, wanted));
    }
}
