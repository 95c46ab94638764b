use bytes::BytesMut;
use futures_util::{StreamExt as _, stream};
use http::Response;
use http_body::Frame;
use http_body_util::StreamBody;
use tonic::body::Body;
use tracing::Instrument as _;

use super::Backend;
use super::answer::{Bounds, Incoming, check_size, response, trailers_only};
use super::body::{encode, trailers};
use super::calls::Call;
use crate::call::{Failure, Reply};

/// Answers a unary call.
pub(super) async fn answer<B: Backend>(backend: &B, incoming: Incoming) -> Response<Body> {
    let Incoming { context, mut messages, gzip, max_response, call } = incoming;
    let bounds = Bounds::new(&context, &call);
    let handler = async {
        let request = messages.only(&context).await?;
        let reply = backend.unary(context, request).await?;
        match check_size(&reply.message, max_response) {
            Ok(()) => Ok(reply),
            Err(status) => Err(Failure { headers: reply.headers, status: Box::new(status) }),
        }
    };
    let outcome = bounds.run(handler).instrument(call.span().clone()).await;
    respond(outcome, gzip, call)
}

fn respond(outcome: Result<Reply, Failure>, gzip: bool, mut call: Call) -> Response<Body> {
    call.outcome(outcome.as_ref().map(drop).map_err(|failure| &*failure.status));
    let mut buffer = BytesMut::new();
    let (headers, gzipped, trailers) = match outcome {
        Ok(reply) => {
            let gzipped = encode(&reply.message, gzip, &mut buffer);
            (reply.headers, gzipped, trailers(Ok(reply.trailers)))
        }
        Err(failure) if failure.headers.is_empty() => return trailers_only(*failure.status),
        Err(failure) => (failure.headers, false, trailers(Err(*failure.status))),
    };
    let message = (!buffer.is_empty()).then(|| Ok(Frame::data(buffer.freeze())));
    let frames = stream::iter(message.into_iter().chain([trailers])).map(move |frame| {
        // It ends with the last frame, or when nobody takes them.
        let _ = &call;
        frame
    });
    response(&headers, gzipped, Body::new(StreamBody::new(frames)))
}
