//! Conversions between [`Status`] and tonic's.

use prost::Message as _;
use tonic::metadata::MetadataMap;
use tonic_types::pb;

use crate::call::{Code, Metadata, Status, StatusDetail};

/// Longest message sent, in bytes as they are encoded. Clients refuse responses whose headers are too long (some from 8 KiB
/// on), and would see a broken connection in place of the code.
const LONGEST_MESSAGE: usize = 4 << 10;

/// Cuts a message that has more than `limit` bytes in `grpc-message`.
pub(crate) fn cut_message(mut message: String, limit: usize) -> String {
    let mut bytes = 0;
    // A character is kept with all of its bytes, or cut.
    let end = message.char_indices().find(|(_, char)| {
        bytes += encoded_bytes(char.encode_utf8(&mut [0; 4]));
        bytes > limit
    });
    if let Some((end, _)) = end {
        message.truncate(end);
        message.push_str("...");
    }
    message
}

/// Returns the bytes that a message has in `grpc-message`, which has three bytes, such as `%20`, for one that is not
/// plain.
pub(crate) fn encoded_bytes(message: &str) -> usize {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"#%<>`?{}".contains(&byte);
    message.bytes().map(|byte| if is_plain(byte) { 1 } else { 3 }).sum()
}

impl From<Status> for tonic::Status {
    /// Details travel as `google.rpc.Status` in `grpc-status-details-bin`. A very long message is cut.
    fn from(mut status: Status) -> Self {
        status.message = cut_message(status.message, LONGEST_MESSAGE);
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
        for text in ["é", "x", " ", "%?"] {
            let sent = tonic::Status::from(Status::new(Code::Internal, text.repeat(5000)));
            let mut headers = http::HeaderMap::new();
            sent.add_header(&mut headers).unwrap();
            let bytes = headers["grpc-message"].len();
            assert!((LONGEST_MESSAGE - 8..=LONGEST_MESSAGE + 3).contains(&bytes), "{text:?}: {bytes}");
            assert!(sent.message().ends_with(&format!("{text}...")) || text == "%?");
            assert_eq!(encoded_bytes(sent.message()), bytes);
        }
    }
}
