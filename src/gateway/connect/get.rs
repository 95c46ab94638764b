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

use super::super::compression::Compression;
use super::super::front::{Front, Peer, plain};
use super::super::messages::Messages;
use super::super::{Backend, Settings};
use super::{Called, Spoken, check_version, unary};
use crate::call::{Code, Codec, Status};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Answers a unary call that came as GET, with its message in the query.
pub(super) async fn answer<B: Backend>(
    front: &Front<B>,
    called: Called<'_>,
    request: Request<Body>,
    peer: &Arc<Peer>,
) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let codec = match Query::of(&parts).get("encoding").as_deref() {
        Some(b"json") => Codec::Json,
        Some(b"proto") => Codec::Proto,
        _ => {
            let text = format!(
                "GET of `{}` needs a query with encoding=json or encoding=proto, and message=...\n",
                called.method.descriptor().full_name()
            );
            let mut response = plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
            response
                .headers_mut()
                .insert(ACCEPT, http::HeaderValue::from_static("application/json, application/proto"));
            return response;
        }
    };
    let spoken = Spoken::connect(codec, called.method);
    let read = |parts: &Parts| Ok(messages(&Query::of(parts), &front.settings)?.codec(codec, called.method.input()));
    unary::run(front, called, parts, peer, spoken, read).await
}

fn messages(query: &Query<'_>, settings: &Settings) -> Result<Messages, Status> {
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
    Ok(Messages::whole(Body::new(Full::from(message)), compression, settings))
}

/// A query, whose values may be any bytes.
struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    fn of(parts: &'a Parts) -> Self {
        Self(parts.uri.query().unwrap_or_default())
    }

    fn get(&self, name: &str) -> Option<Vec<u8>> {
        let value = self.0.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        Some(percent_decode_str(&value.replace('+', " ")).collect())
    }
}
