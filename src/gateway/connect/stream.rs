use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::Full;
use prost_reflect::DescriptorPool;
use serde::Serialize;
use tonic::body::Body;

use super::super::body::{Framed, extend};
use super::super::compression::{Compression, names};
use super::super::front::{Front, Peer};
use super::super::messages::Messages;
use super::super::wire::Wire;
use super::super::{Backend, prefixed, streaming};
use super::error::{Error, metadata};
use super::{Called, Spoken, VERSION, admit, check_version};
use crate::call::{Codec, Metadata, Status};

const ENCODING: HeaderName = HeaderName::from_static("connect-content-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("connect-accept-encoding");

/// Answers a call that streams on either side or both.
pub(super) async fn answer<B: Backend>(
    front: &Front<B>,
    called: Called<'_>,
    request: Request<Body>,
    peer: &Arc<Peer>,
    codec: Codec,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let wire = Connect {
        compression: Compression::accepted(&parts.headers, &ACCEPT_ENCODING, Compression::OF_HTTP),
        codec,
        types: called.method.descriptor().parent_pool().clone(),
    };
    let spoken = Spoken::connect(codec, called.method);
    let admitted = admit(front, called, &parts, peer, spoken, |parts| {
        check_version(parts.headers.get(VERSION).map(HeaderValue::as_bytes), "1")?;
        let encoding = parts.headers.get(ENCODING).map(HeaderValue::as_bytes);
        let compression = Compression::named(encoding, Compression::OF_HTTP)?;
        Ok(Messages::prefixed(body, compression, &front.settings).codec(codec, called.method.input()))
    });
    match admitted {
        Ok(incoming) => streaming::answer(front.backend.clone(), called.method, incoming, wire).await,
        Err(status) => wire.failure(status),
    }
}

/// How Connect writes the answer of a stream.
struct Connect {
    compression: Option<Compression>,
    codec: Codec,
    /// For details of errors.
    types: DescriptorPool,
}

/// What the last envelope of a stream says.
#[derive(Serialize)]
struct End<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, Vec<String>>,
}

impl Connect {
    fn end_of(&self, outcome: Result<Metadata, Status>) -> bytes::Bytes {
        let error = outcome.as_ref().err().map(|status| Error::new(status, Some(&self.types)));
        let trailers = outcome.as_ref().unwrap_or_else(|status| &status.metadata);
        let metadata = metadata(trailers);
        prefixed::end(&serde_json::to_vec(&End { error, metadata }).unwrap_or_default())
    }
}

impl Wire for Connect {
    fn head(&self, headers: &Metadata) -> Response<()> {
        let mut response = Response::new(());
        let content_type = match self.codec {
            Codec::Proto => "application/connect+proto",
            Codec::Json => "application/connect+json",
        };
        let said = response.headers_mut();
        said.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        said.insert(ACCEPT_ENCODING, names(Compression::OF_HTTP));
        if let Some(compression) = self.compression {
            said.insert(ENCODING, HeaderValue::from_static(compression.name()));
        }
        extend(said, headers.to_headers());
        response
    }

    fn message(&self, message: &[u8], buffer: &mut BytesMut) {
        prefixed::message(message, self.compression, buffer);
    }

    fn end(&self, outcome: Result<Metadata, Status>) -> Framed {
        Ok(Frame::data(self.end_of(outcome)))
    }

    fn failure(&self, status: Status) -> Response<Body> {
        let body = Body::new(Full::new(self.end_of(Err(status))));
        self.head(&Metadata::default()).map(|()| body)
    }
}
