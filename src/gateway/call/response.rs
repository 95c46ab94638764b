//! Plain HTTP responses, and the parts of headers that all protocols read.

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use tonic::body::Body;

/// Makes a response of plain text.
pub(crate) fn plain_text(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// Returns a content type in lower case and without its parameters: RFC 9110, section 8.3.1.
pub(crate) fn media_type(content_type: &HeaderValue) -> Vec<u8> {
    let media_type = content_type.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    media_type.trim_ascii().to_ascii_lowercase()
}
