//! Errors as `google.rpc.Status`, which REST has.
//! <https://github.com/googleapis/googleapis/blob/master/google/rpc/status.proto>

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use prost::Message as _;
use prost_reflect::DescriptorPool;
use prost_types::Any;
use serde::Serialize;
use serde_json::{Value, json};

use crate::call::{Status, StatusDetail};
use crate::gateway::call::http_error::detail_type;
use crate::json::write_any;

/// A `google.rpc.Status`.
#[derive(Serialize)]
pub(crate) struct RpcStatus<'a> {
    code: i32,
    message: &'a str,
    details: Vec<Value>,
}

impl<'a> RpcStatus<'a> {
    /// Describes a status. `types` are the messages that the service's package knows.
    pub(crate) fn new(status: &'a Status, types: Option<&DescriptorPool>) -> Self {
        let details = status.details.iter().map(|detail| detail_json(detail, types)).collect();
        Self { code: status.code as i32, message: &status.message, details }
    }
}

/// Encodes a status as a `google.rpc.Status`.
pub(crate) fn encode_status(status: &Status) -> Vec<u8> {
    let details = status.details.iter();
    let details = details.map(|detail| Any { type_url: detail.type_url.clone(), value: detail.value.clone() });
    tonic_types::pb::Status { code: status.code as i32, message: status.message.clone(), details: details.collect() }
        .encode_to_vec()
}

/// Makes the last line of a stream of JSON lines that fails.
pub(crate) fn error_line(status: &Status, types: &DescriptorPool) -> Vec<u8> {
    #[derive(Serialize)]
    struct Line<'a> {
        error: RpcStatus<'a>,
    }
    let mut line = serde_json::to_vec(&Line { error: RpcStatus::new(status, Some(types)) }).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Writes a detail as a `google.protobuf.Any` is written; one without a JSON form as its bytes in base64.
fn detail_json(detail: &StatusDetail, types: Option<&DescriptorPool>) -> Value {
    let written = detail_type(detail, types).and_then(|known| write_any(&detail.type_url, &known, &detail.value).ok());
    let read = written.and_then(|written| serde_json::from_slice(&written).ok());
    read.unwrap_or_else(|| json!({ "@type": detail.type_url, "value": BASE64_STANDARD.encode(&detail.value) }))
}
