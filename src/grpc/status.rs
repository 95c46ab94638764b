use prost::Message as _;
use tonic::metadata::MetadataMap;
use tonic_types::pb;

use crate::call::{Code, Metadata, Status, StatusDetail};

/// Longest message sent, in bytes. Clients refuse responses whose headers are too long (some from 8 KiB on), and would
/// see a broken connection in place of the code.
const LONGEST_MESSAGE: usize = 4 << 10;

impl From<Status> for tonic::Status {
    /// Details travel as `google.rpc.Status` in `grpc-status-details-bin`. A very long message is cut.
    fn from(mut status: Status) -> Self {
        if status.message.len() > LONGEST_MESSAGE {
            status.message.truncate(status.message.floor_char_boundary(LONGEST_MESSAGE));
            status.message.push_str("...");
        }
        let number = status.code as i32;
        let details = if status.details.is_empty() {
            Vec::new()
        } else {
            let details = status.details.into_iter();
            let details = details.map(|detail| prost_types::Any { type_url: detail.type_url, value: detail.value });
            pb::Status { code: number, message: status.message.clone(), details: details.collect() }.encode_to_vec()
        };
        Self::with_details_and_metadata(
            number.into(),
            status.message,
            details.into(),
            MetadataMap::from_headers(status.metadata.to_headers()),
        )
    }
}

impl From<tonic::Status> for Status {
    /// Details that are no `google.rpc.Status` are left out.
    fn from(status: tonic::Status) -> Self {
        let details = pb::Status::decode(status.details()).unwrap_or_default().details.into_iter();
        Self {
            code: Code::from_number(status.code() as i32),
            message: status.message().to_owned(),
            details: details.map(|detail| StatusDetail { type_url: detail.type_url, value: detail.value }).collect(),
            metadata: Metadata::from_headers(&status.metadata().clone().into_headers()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn a_status_survives_the_wire() {
        let mut status = Status::new(Code::FailedPrecondition, "à la carte");
        status.details.push(StatusDetail { type_url: "type.googleapis.com/x.Y".into(), value: vec![8, 1] });
        status.metadata.add("retry-token-bin", &[0, 255]).unwrap();
        let mut headers = http::HeaderMap::new();
        tonic::Status::from(status.clone()).add_header(&mut headers).unwrap();
        assert_eq!(headers["grpc-message"], "%C3%A0%20la%20carte");
        assert_eq!(Status::from(tonic::Status::from_header_map(&headers).unwrap()), status);
    }

    #[test]
    fn a_very_long_message_is_cut_between_characters() {
        let sent = tonic::Status::from(Status::new(Code::Internal, "é".repeat(5000) + "x"));
        assert!(sent.message().len() <= LONGEST_MESSAGE + 3);
        assert!(sent.message().ends_with("é..."));
    }
}
