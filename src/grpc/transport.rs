use base64::Engine as _;
use http::header::{HeaderMap, HeaderName};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tonic::body::Body;
use tonic::transport::Channel;
use tower::ServiceExt;
use tower::util::MapResponse;

use super::BASE64;

const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// A channel that survives what any server may answer.
pub(crate) type Transport = MapResponse<Channel, fn(Response<Body>) -> Response<Body>>;

/// Makes one of a channel.
///
/// tonic panics when status details are not valid base64; here they are dropped.
pub(crate) fn transport(channel: Channel) -> Transport {
    let map: fn(Response<Body>) -> Response<Body> = without_broken_details;
    ServiceExt::<Request<Body>>::map_response(channel, map)
}

fn without_broken_details(mut response: Response<Body>) -> Response<Body> {
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

fn drop_broken_details(headers: &mut HeaderMap) {
    if headers.get(DETAILS).is_some_and(|details| BASE64.decode(details).is_err()) {
        headers.remove(DETAILS);
    }
}
