use base64::Engine as _;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tonic::Code;
use tonic::body::Body;
use tonic::transport::Channel;
use tower::ServiceExt;
use tower::util::MapResponse;

use crate::call::BASE64;

const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// A channel that survives what any server may answer.
pub(crate) type Transport = MapResponse<Channel, fn(Response<Body>) -> Response<Body>>;

/// Makes one of a channel.
///
/// tonic panics when status details are not valid base64; here they are dropped. And it would read the error page of a
/// proxy as messages; here such a response is the status that gRPC has for it.
pub(crate) fn make_transport(channel: Channel) -> Transport {
    let map: fn(Response<Body>) -> Response<Body> = readable;
    ServiceExt::<Request<Body>>::map_response(channel, map)
}

fn readable(mut response: Response<Body>) -> Response<Body> {
    let is_grpc = |value: &HeaderValue| value.as_bytes().starts_with(b"application/grpc");
    let speaks = response.status() == StatusCode::OK && response.headers().get(CONTENT_TYPE).is_some_and(is_grpc);
    if !speaks && !response.headers().contains_key(tonic::Status::GRPC_STATUS) {
        return tonic::Status::new(code_of(response.status()), not_grpc(&response)).into_http();
    }
    drop_broken_details(response.headers_mut());
    response.map(|body| {
        Body::new(body.map_frame(|frame| match frame.into_trailers() {
            Ok(mut trailers) => {
                drop_broken_details(&mut trailers);
                http_body::Frame::trailers(trailers)
            }
            Err(frame) => frame,
        }))
    })
}

fn not_grpc(response: &Response<Body>) -> String {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("without a type");
    format!("the answer is not gRPC: HTTP status {}, {kind}", response.status())
}

/// <https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>
fn code_of(status: StatusCode) -> Code {
    match status.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

fn drop_broken_details(headers: &mut HeaderMap) {
    if headers.get(DETAILS).is_some_and(|details| BASE64.decode(details).is_err()) {
        headers.remove(DETAILS);
    }
}
