//! gRPC over HTTP/2. <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>

mod headers;

use std::sync::Arc;

use bytes::BytesMut;
use futures_util::{StreamExt as _, stream};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use tonic::body::Body;

use crate::call::{CallFailure, Codec, Metadata, Protocol, Status, UnaryResponse};
use crate::gateway::call::body::{FrameResult, append_headers, trailers_frame};
use crate::gateway::call::compression::{Compression, compression_names};
use crate::gateway::call::encoder::{ResponseEncoder, WrittenMessage};
use crate::gateway::call::framing;
use crate::gateway::call::in_flight::CallGuard;
use crate::gateway::call::request_reader::RequestReader;
use crate::gateway::call::server::{CallFormat, CallServer, RequestHead};
use crate::gateway::call::streaming::serve_streaming;
use crate::gateway::call::unary::run_unary;
use crate::gateway::catalog::Catalog;
use crate::gateway::peer::Peer;
use crate::gateway::protocol::grpc::headers::{ACCEPT_ENCODING, ENCODING, GrpcHeaders};

/// Serves a request of gRPC, or of gRPC-Web once its framing was removed.
pub(crate) async fn serve(
    calls: &CallServer,
    catalog: &Catalog,
    request: Request<Body>,
    peer: &Arc<Peer>,
    protocol: Protocol,
    codec: Codec,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let mut encoder = GrpcEncoder { compression: None, codec };
    let method_ref = match catalog.find_method(parts.uri.path()) {
        Ok(method_ref) => method_ref,
        Err(status) => return encoder.failure_response(status),
    };
    let method = method_ref.method;
    let format = CallFormat::new(protocol, codec, method);
    let incoming = calls.admit(method_ref, &parts, peer, format, |parts| {
        let GrpcHeaders { deadline, compression } = GrpcHeaders::read(&parts.headers, &calls.settings)?;
        let request_reader = RequestReader::of_frames(body, compression, calls.request_bounds(method), peer);
        Ok(RequestHead { deadline, request_reader: request_reader.with_codec(codec, method.input()) })
    });
    let incoming = match incoming {
        Ok(incoming) => incoming,
        Err(status) => return encoder.failure_response(status),
    };
    encoder.compression = Compression::accepted(&parts.headers, &ACCEPT_ENCODING, Compression::OF_GRPC);
    if method.is_streaming() {
        serve_streaming(calls.handler.clone(), method, incoming, encoder).await
    } else {
        let (outcome, guard) = run_unary(calls.handler.clone(), incoming).await;
        encoder.unary_response(outcome, guard).await
    }
}

/// Writes responses as gRPC has them.
struct GrpcEncoder {
    /// The compression that the client accepts.
    compression: Option<Compression>,
    codec: Codec,
}

impl GrpcEncoder {
    async fn unary_response(
        &self,
        outcome: Result<UnaryResponse, CallFailure>,
        mut guard: CallGuard,
    ) -> Response<Body> {
        let (headers, prefix, message, compressed, trailers) = match outcome {
            Ok(UnaryResponse { headers, message, trailers }) => {
                let framed = framing::frame_message(message, self.compression).await;
                let compressed = framed.is_compressed;
                match guard.charge_response(framed.bytes) {
                    Ok(message) => (headers, framed.prefix, Some(message), compressed, trailers_frame(Ok(trailers))),
                    Err(status) => {
                        guard.set_outcome(Err(&status));
                        return self.failure_response(status);
                    }
                }
            }
            Err(failure) if failure.headers.is_empty() => return self.failure_response(*failure.status),
            Err(failure) => (failure.headers, None, None, false, trailers_frame(Err(*failure.status))),
        };
        let parts = prefix.into_iter().chain(message).map(|part| Ok(Frame::data(part)));
        let frames = stream::iter(parts.chain([trailers])).map(move |frame| {
            // The call is in flight until its last frame was sent, or the frames are dropped.
            let _ = &guard;
            frame
        });
        self.make_head(&headers, compressed).map(|()| Body::new(StreamBody::new(frames)))
    }

    /// Makes the head of a response that is more than trailers. `compressed`: some of its messages may be compressed.
    fn make_head(&self, headers: &Metadata, compressed: bool) -> Response<()> {
        let mut response = Response::new(());
        response.headers_mut().insert(CONTENT_TYPE, self.content_type());
        if let Some(compression) = self.compression.filter(|_| compressed) {
            response.headers_mut().insert(ENCODING, HeaderValue::from_static(compression.name()));
        }
        append_headers(response.headers_mut(), headers.to_headers());
        response
    }

    fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static(match self.codec {
            Codec::Proto => "application/grpc",
            Codec::Json => "application/grpc+json",
        })
    }
}

impl ResponseEncoder for GrpcEncoder {
    fn response_head(&self, headers: &Metadata) -> Response<()> {
        self.make_head(headers, true)
    }

    fn compression(&self) -> Option<Compression> {
        self.compression
    }

    fn put_message(&self, message: &WrittenMessage, buffer: &mut BytesMut) {
        framing::put_message(message, buffer);
    }

    fn end_frame(&self, outcome: Result<Metadata, Status>) -> FrameResult {
        trailers_frame(outcome)
    }

    /// A response of trailers only.
    fn failure_response(&self, status: Status) -> Response<Body> {
        let mut response = tonic::Status::from(status).into_http();
        response.headers_mut().insert(CONTENT_TYPE, self.content_type());
        response.headers_mut().insert(ACCEPT_ENCODING, compression_names(Compression::OF_GRPC));
        response
    }
}
