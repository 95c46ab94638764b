//! Unary calls of Connect by POST. <https://connectrpc.com/docs/protocol/#unary-request>

use std::sync::Arc;

use http::header::{CONTENT_ENCODING, HeaderValue};
use http::{Request, Response};
use tonic::body::Body;

use crate::call::{Codec, Protocol};
use crate::gateway::call::compression::Compression;
use crate::gateway::call::http_timeout::read_http_deadline;
use crate::gateway::call::http_unary::serve_http_unary;
use crate::gateway::call::request_reader::RequestReader;
use crate::gateway::call::server::{CallFormat, CallServer, RequestHead};
use crate::gateway::catalog::MethodRef;
use crate::gateway::peer::Peer;
use crate::gateway::protocol::connect::{VERSION, check_version};

/// Serves a unary call that came by POST.
pub(crate) async fn serve_unary(
    calls: &CallServer,
    method_ref: MethodRef<'_>,
    request: Request<Body>,
    peer: &Arc<Peer>,
    codec: Codec,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let method = method_ref.method;
    let format = CallFormat::new(Protocol::Connect, codec, method);
    serve_http_unary(calls, method_ref, parts, peer, format, |parts| {
        let deadline = read_http_deadline(&parts.headers, &calls.settings)?;
        check_version(parts.headers.get(VERSION).map(HeaderValue::as_bytes), "1")?;
        let encoding = parts.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
        let compression = Compression::named(encoding, Compression::OF_HTTP)?;
        let request_reader = RequestReader::of_body(body, compression, calls.request_bounds(method), peer);
        Ok(RequestHead { deadline, request_reader: request_reader.with_codec(codec, method.input()) })
    })
    .await
}
