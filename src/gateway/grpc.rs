//! gRPC over HTTP/2. <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>

mod head;

use std::sync::Arc;

use bytes::BytesMut;
use futures_util::{StreamExt as _, stream};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use tonic::body::Body;

use super::body::{Framed, extend, trailers};
use super::calls::Call;
use super::compression::{Compression, names};
use super::front::{Front, Peer};
use super::json::Written;
use super::messages::Messages;
use super::prefixed;
use super::wire::Wire;
use super::{Backend, Incoming, Served, route, streaming, unary};
use crate::call::{Codec, Failure, Metadata, Protocol, Reply, Status};

use head::{ACCEPT_ENCODING, ENCODING, Head};

/// Answers a gRPC request, whatever it asks for.
pub(super) async fn answer<B: Backend>(
    front: &Front<B>,
    served: &Served,
    request: Request<Body>,
    peer: &Arc<Peer>,
    (protocol, codec): (Protocol, Codec),
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let mut wire = Grpc { compression: None, codec };
    let (service, method) = match route::find(served, parts.uri.path()) {
        Ok(found) => found,
        Err(status) => return wire.failure(status),
    };
    let mut call = front.calls.begin(service.name(), method.name(), peer);
    let head = match call.admitted().and_then(|()| Head::read(&parts.headers, &front.settings)) {
        Ok(head) => head,
        Err(status) => {
            call.outcome(Err(&status));
            return wire.failure(status);
        }
    };
    wire.compression = head.accepted;
    let mut context = peer.context(service, method, &parts);
    (context.protocol, context.codec, context.deadline) = (protocol, codec, head.deadline);
    let messages = Messages::prefixed(body, head.compression, &front.settings);
    let incoming = Incoming {
        context,
        messages: messages.codec(codec, method.input()),
        json: (codec == Codec::Json).then(|| Written::Message(method.output())),
        max_response: front.settings.max_response,
        call,
    };
    if method.is_client_streaming() || method.is_server_streaming() {
        streaming::answer(front.backend.clone(), method, incoming, wire).await
    } else {
        let (outcome, call) = unary::answer(&*front.backend, incoming).await;
        wire.unary(outcome, call)
    }
}

/// How gRPC writes an answer.
struct Grpc {
    /// How messages may be compressed.
    compression: Option<Compression>,
    codec: Codec,
}

impl Grpc {
    fn unary(&self, outcome: Result<Reply, Failure>, call: Call) -> Response<Body> {
        let mut buffer = BytesMut::new();
        let (headers, compressed, trailers) = match outcome {
            Ok(reply) => {
                let compressed = prefixed::message(&reply.message, self.compression, &mut buffer);
                (reply.headers, compressed, trailers(Ok(reply.trailers)))
            }
            Err(failure) if failure.headers.is_empty() => return self.failure(*failure.status),
            Err(failure) => (failure.headers, false, trailers(Err(*failure.status))),
        };
        let message = (!buffer.is_empty()).then(|| Ok(Frame::data(buffer.freeze())));
        let frames = stream::iter(message.into_iter().chain([trailers])).map(move |frame| {
            // It ends with the last frame, or when nobody takes them.
            let _ = &call;
            frame
        });
        self.head_of(&headers, compressed).map(|()| Body::new(StreamBody::new(frames)))
    }

    /// The head of an answer with something before its trailers. `compressed` says that some of its messages are.
    fn head_of(&self, headers: &Metadata, compressed: bool) -> Response<()> {
        let mut response = Response::new(());
        response.headers_mut().insert(CONTENT_TYPE, self.content_type());
        if let Some(compression) = self.compression.filter(|_| compressed) {
            response.headers_mut().insert(ENCODING, HeaderValue::from_static(compression.name()));
        }
        extend(response.headers_mut(), headers.to_headers());
        response
    }

    fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static(match self.codec {
            Codec::Proto => "application/grpc",
            Codec::Json => "application/grpc+json",
        })
    }
}

impl Wire for Grpc {
    fn head(&self, headers: &Metadata) -> Response<()> {
        self.head_of(headers, true)
    }

    fn message(&self, message: &[u8], buffer: &mut BytesMut) {
        prefixed::message(message, self.compression, buffer);
    }

    fn end(&self, outcome: Result<Metadata, Status>) -> Framed {
        trailers(outcome)
    }

    /// Trailers only.
    fn failure(&self, status: Status) -> Response<Body> {
        let mut response = tonic::Status::from(status).into_http();
        response.headers_mut().insert(CONTENT_TYPE, self.content_type());
        response.headers_mut().insert(ACCEPT_ENCODING, names(Compression::OF_GRPC));
        response
    }
}
