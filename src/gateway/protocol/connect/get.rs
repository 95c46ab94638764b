//! Unary calls of Connect by GET. <https://connectrpc.com/docs/protocol/#unary-get-request>

use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header::ACCEPT;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use percent_encoding::percent_decode_str;
use tonic::body::Body;

use crate::call::{Code, Codec, Protocol, Status};
use crate::gateway::call::compression::Compression;
use crate::gateway::call::http_timeout::read_http_deadline;
use crate::gateway::call::http_unary::serve_http_unary;
use crate::gateway::call::page_origin::check_page_origin;
use crate::gateway::call::request_reader::{RequestBounds, RequestReader};
use crate::gateway::call::response::plain_text;
use crate::gateway::call::server::{CallFormat, CallServer, RequestHead};
use crate::gateway::catalog::MethodRef;
use crate::gateway::peer::Peer;
use crate::gateway::protocol::connect::check_version;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Serves a unary call that came by GET, with its message in the query.
pub(crate) async fn serve_get(
    calls: &CallServer,
    method_ref: MethodRef<'_>,
    request: Request<Body>,
    peer: &Arc<Peer>,
) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let codec = match ConnectQuery::of(&parts).get("encoding").as_deref() {
        Some(b"json") => Codec::Json,
        Some(b"proto") => Codec::Proto,
        _ => {
            let text = format!(
                "GET of `{}` needs a query with encoding=json or encoding=proto, and message=...\n",
                method_ref.method.descriptor().full_name()
            );
            let mut response = plain_text(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
            response
                .headers_mut()
                .insert(ACCEPT, http::HeaderValue::from_static("application/json, application/proto"));
            return response;
        }
    };
    let format = CallFormat::new(Protocol::Connect, codec, method_ref.method);
    serve_http_unary(calls, method_ref, parts, peer, format, |parts| {
        check_page_origin(parts, &calls.settings.origins)?;
        let deadline = read_http_deadline(&parts.headers, &calls.settings)?;
        let request_reader = read_query(&ConnectQuery::of(parts), calls.request_bounds(method_ref.method), peer)?;
        Ok(RequestHead { deadline, request_reader: request_reader.with_codec(codec, method_ref.method.input()) })
    })
    .await
}

fn read_query(query: &ConnectQuery<'_>, bounds: RequestBounds, peer: &Arc<Peer>) -> Result<RequestReader, Status> {
    let invalid = |message: String| Status::new(Code::InvalidArgument, message);
    check_version(query.get("connect").as_deref(), "v1")?;
    let compression = Compression::named(query.get("compression").as_deref(), Compression::OF_HTTP)?;
    let message = query.get("message").ok_or_else(|| invalid("the query has no `message`".to_owned()))?;
    let message = match query.get("base64").as_deref() {
        Some(b"1") => BASE64
            .decode(message)
            .map_err(|error| invalid(format!("`message` in the query is not URL-safe base64: {error}")))?,
        _ => message,
    };
    Ok(RequestReader::of_body(Body::new(Full::from(message)), compression, bounds, peer))
}

/// A query whose values may be any bytes.
struct ConnectQuery<'a>(&'a str);

impl<'a> ConnectQuery<'a> {
    fn of(parts: &'a Parts) -> Self {
        Self(parts.uri.query().unwrap_or_default())
    }

    fn get(&self, name: &str) -> Option<Vec<u8>> {
        let value = self.0.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        Some(percent_decode_str(&value.replace('+', " ")).collect())
    }
}
