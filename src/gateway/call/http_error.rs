//! Failed calls over plain HTTP, and errors in Connect's JSON. <https://connectrpc.com/docs/protocol/#error-end-stream>

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine as _;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use serde::Serialize;
use tonic::body::Body;

use crate::call::BASE64;
use crate::call::{CallFailure, Code, Codec, Metadata, Status, StatusDetail};
use crate::gateway::call::body::append_headers;
use crate::gateway::call::rpc_status::{RpcStatus, encode_status};
use crate::json::write_message;

/// The details that gRPC's own libraries know.
static STANDARD: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(tonic_types::pb::FILE_DESCRIPTOR_SET).unwrap_or_default());

/// An error as Connect writes it.
#[derive(Serialize)]
pub(crate) struct ConnectError<'a> {
    code: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<ConnectErrorDetail<'a>>,
}

#[derive(Serialize)]
struct ConnectErrorDetail<'a> {
    r#type: &'a str,
    value: String,
    /// For readers; programs take the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    debug: Option<serde_json::Value>,
}

impl<'a> ConnectError<'a> {
    /// Describes a status. `types` are the messages that the service's package knows.
    pub(crate) fn new(status: &'a Status, types: Option<&DescriptorPool>) -> Self {
        let details = status.details.iter().map(|detail| ConnectErrorDetail::new(detail, types)).collect();
        Self { code: code_name(status.code), message: &status.message, details }
    }
}

impl<'a> ConnectErrorDetail<'a> {
    fn new(detail: &'a StatusDetail, types: Option<&DescriptorPool>) -> Self {
        let known = detail_type(detail, types);
        // A detail without a JSON form, such as one that is nested too deep, is sent as its bytes only.
        let written = known.and_then(|known| write_message(&known, &detail.value).ok());
        let debug = written.and_then(|written| serde_json::from_slice(&written).ok());
        Self { r#type: detail_name(detail), value: BASE64.encode(&detail.value), debug }
    }
}

/// Returns the type of a detail, of the service's package or of gRPC's standard ones.
pub(crate) fn detail_type(detail: &StatusDetail, types: Option<&DescriptorPool>) -> Option<MessageDescriptor> {
    let mut pools = types.into_iter().chain([&*STANDARD]);
    pools.find_map(|pool| pool.get_message_by_name(detail_name(detail)))
}

fn detail_name(detail: &StatusDetail) -> &str {
    detail.type_url.rsplit('/').next().unwrap_or_default()
}

/// Returns the name of a code, as Connect spells it.
pub(crate) fn code_name(code: Code) -> String {
    match code {
        // The one with another spelling.
        Code::Cancelled => "canceled".to_owned(),
        code => code.name().to_ascii_lowercase(),
    }
}

/// Returns metadata as Connect writes it at the end of a stream: names with their values.
pub(crate) fn metadata_map(metadata: &Metadata) -> BTreeMap<String, Vec<String>> {
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in &metadata.to_headers() {
        names.entry(name.to_string()).or_default().push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    names
}

/// Returns the trailers of a unary call: headers with a prefix.
pub(crate) fn trailer_headers(metadata: &Metadata) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &metadata.to_headers() {
        if let Ok(name) = HeaderName::try_from(format!("trailer-{name}")) {
            headers.append(name, value.clone());
        }
    }
    headers
}

/// A failed call as an HTTP response.
pub(crate) struct HttpError {
    failure: CallFailure,
    status: StatusCode,
}

impl From<CallFailure> for HttpError {
    fn from(failure: CallFailure) -> Self {
        Self { status: http_status(failure.status.code), failure }
    }
}

impl From<Status> for HttpError {
    fn from(status: Status) -> Self {
        CallFailure::from(status).into()
    }
}

impl HttpError {
    /// Sets another HTTP status than that of the code.
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Makes the response of Connect. `types` are the messages that the service's package knows.
    pub(crate) fn into_response(self, types: Option<&DescriptorPool>) -> Response<Body> {
        let json = serde_json::to_vec(&ConnectError::new(&self.failure.status, types)).unwrap_or_default();
        self.make_response(json, "application/json")
    }

    /// Makes the response of REST, whose body is a `google.rpc.Status` in the codec of the call.
    pub(crate) fn into_rest_response(self, types: Option<&DescriptorPool>, codec: Codec) -> Response<Body> {
        let status = &*self.failure.status;
        let body = match codec {
            Codec::Proto => encode_status(status),
            Codec::Json => serde_json::to_vec(&RpcStatus::new(status, types)).unwrap_or_default(),
        };
        self.make_response(body, rest_content_type(codec))
    }

    fn make_response(self, body: Vec<u8>, content_type: &'static str) -> Response<Body> {
        let CallFailure { headers, status } = self.failure;
        let mut response = Response::new(Body::new(Full::new(Bytes::from(body))));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        append_headers(response.headers_mut(), headers.to_headers());
        append_headers(response.headers_mut(), trailer_headers(&status.metadata));
        response
    }
}

/// Returns the content type of messages that REST sends.
pub(crate) fn rest_content_type(codec: Codec) -> &'static str {
    match codec {
        Codec::Proto => "application/x-protobuf",
        Codec::Json => "application/json",
    }
}

/// Returns the HTTP status of a code, which Connect and `google.rpc.Code` map alike.
/// <https://connectrpc.com/docs/protocol/#error-codes>
pub(crate) fn http_status(code: Code) -> StatusCode {
    match code {
        // "Client closed request", which HTTP itself does not have.
        Code::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::REQUEST_TIMEOUT),
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
