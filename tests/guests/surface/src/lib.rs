//! A guest that answers with everything that the host says of a call.

okra_guest::generate!();

use okra_guest::{Error, context};
use surface::{CallDescription, DescribeRequest, Surface};

struct Service;

impl Surface for Service {
    fn describe(_: DescribeRequest) -> Result<CallDescription, Error> {
        context::add_header("x-header", "header")?;
        context::add_trailer("x-trailer", "trailer")?;
        let metadata = context::metadata();
        let words = metadata.get_all("x-word").map(|value| String::from_utf8_lossy(value).into_owned());
        let hexadecimal = |value: &[u8]| value.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(CallDescription {
            service: context::service(),
            method: context::method(),
            protocol: context::protocol().to_string(),
            codec: context::codec().to_string(),
            get_query: context::get_query(),
            metadata: words.chain(metadata.get_all("x-word-bin").map(hexadecimal)).collect(),
            timeout_ms: context::timeout().and_then(|timeout| timeout.as_millis().try_into().ok()),
            has_remaining: context::remaining().is_some_and(|remaining| !remaining.is_zero()),
            has_peer: context::peer().is_some(),
            caller: context::caller(),
            certificate_bytes: context::client_certificate().map_or(0, |certificate| certificate.len() as u32),
            authority: context::authority(),
            chain: context::chain(),
            cancelled: context::cancelled(),
            refuses_protocol_header: context::add_header("grpc-status", "0").is_err(),
            ..CallDescription::default()
        })
    }
}

okra_guest::export!(Service);
