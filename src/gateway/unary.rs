//! A unary gRPC call over HTTP/2.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::OptionFuture;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Request, Response};
use http_body::Body as HttpBody;
use tokio_stream::once;
use tonic::body::Body;
use tonic::codec::{CompressionEncoding, EncodeBody, SingleMessageCompressionOverride, Streaming};
use tracing::Instrument as _;

use super::body::{Answer, extend};
use super::calls::Call;
use super::route;
use super::{Backend, Calls, Served, Settings};
use crate::call::{Cancellation, Code, Codec, Context, Deadline, Failure, Metadata, Protocol, Reply, Status};
use crate::grpc::{BytesCodec, parse_timeout};

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// Shorter messages are sent as they are: setting gzip up costs more than it saves.
const COMPRESS_FROM: usize = 1 << 10;

/// Answers a gRPC request, whatever it asks for.
pub(super) async fn answer<B, T>(
    backend: &B,
    served: &Served,
    settings: &Settings,
    calls: &Arc<Calls>,
    request: Request<T>,
    peer: SocketAddr,
) -> Response<Body>
where
    B: Backend,
    T: HttpBody<Data = Bytes> + Send + 'static,
    T::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, body) = request.into_parts();
    let (service, method) = match route::find(served, parts.uri.path()) {
        Ok(found) => found,
        Err(status) => return trailers_only(status),
    };
    let (service, method) = (service.name().clone(), method.name().clone());
    let mut call = calls.begin(&service, &method, peer);
    let read = Head::read(&parts.headers, settings);
    let head = match read {
        Ok(head) => head,
        Err(status) => {
            call.outcome(Err(&status));
            return trailers_only(status);
        }
    };
    let cancellation = Cancellation::new();
    let context = Context {
        service,
        method,
        protocol: Protocol::Grpc,
        codec: Codec::Proto,
        get_query: None,
        metadata: Metadata::from_headers(&parts.headers),
        deadline: head.deadline,
        peer: Some(peer),
        authority: authority(&parts),
        chain: Arc::new([]),
        cancellation: cancellation.clone(),
    };
    let messages = Streaming::new_request(BytesCodec, body, head.encoding, Some(settings.max_request));
    // Dropped half way (the caller is gone, the deadline has passed), the call is cancelled.
    let abandoned = cancellation.drop_guard();
    let span = call.span().clone();
    let work = AssertUnwindSafe(serve(backend, settings, context, messages)).catch_unwind().instrument(span);
    // `select!` would keep a future that it is given by value twice, and every call is a task of this future's size.
    let work = pin!(work);
    let outcome = tokio::select! {
        biased;
        done = work => {
            abandoned.disarm();
            done.unwrap_or_else(|_| {
                call.span().in_scope(|| tracing::error!("the handler panicked"));
                Err(Status::new(Code::Internal, "the server failed while it served the call").into())
            })
        }
        Some(()) = OptionFuture::from(head.deadline.map(|deadline| tokio::time::sleep_until(deadline.at))) => {
            Err(Status::new(Code::DeadlineExceeded, "the deadline passed before the call was over").into())
        }
        () = calls.cut_token().cancelled() => {
            Err(Status::new(Code::Unavailable, "the server shut down before the call was over").into())
        }
    };
    respond(outcome, head.accepts_gzip, call)
}

/// What the headers of a request say to the server itself.
struct Head {
    deadline: Option<Deadline>,
    encoding: Option<CompressionEncoding>,
    accepts_gzip: bool,
}

impl Head {
    fn read(headers: &HeaderMap, settings: &Settings) -> Result<Self, Status> {
        let timeout = match headers.get(TIMEOUT) {
            // The specification does not say what garbage means; grpc-go answers so, too.
            Some(value) => Some(parse_timeout(value.as_bytes()).ok_or_else(|| {
                Status::new(
                    Code::Internal,
                    format!("malformed grpc-timeout {value:?}: expected up to eight digits and a unit, such as `100m`"),
                )
            })?),
            None => settings.default_deadline,
        };
        let encoding = match headers.get(ENCODING).map(HeaderValue::as_bytes) {
            None | Some(b"identity") => None,
            Some(b"gzip") => Some(CompressionEncoding::Gzip),
            Some(other) => {
                let other = String::from_utf8_lossy(other);
                return Err(Status::new(
                    Code::Unimplemented,
                    format!("messages compressed with `{other}` are not supported; gzip and identity are"),
                ));
            }
        };
        let accepts_gzip = headers
            .get_all(ACCEPT_ENCODING)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .any(|encoding| encoding.trim_ascii() == b"gzip");
        Ok(Self { deadline: timeout.and_then(Deadline::after), encoding, accepts_gzip })
    }
}

/// Reads the one request message and has it answered.
async fn serve<B: Backend>(
    backend: &B,
    settings: &Settings,
    context: Context,
    mut messages: Streaming<Bytes>,
) -> Result<Reply, Failure> {
    if context.deadline.is_some_and(|deadline| deadline.remaining().is_zero()) {
        return Err(Status::new(Code::DeadlineExceeded, "the deadline had passed when the call arrived").into());
    }
    let unreadable = |status| unreadable(status, settings.max_request);
    let wrong_count = |count: &str| {
        let path = context.path();
        Status::new(Code::Unimplemented, format!("`{path}` takes one request message, but {count} came"))
    };
    let request = messages.message().await.map_err(unreadable)?.ok_or_else(|| wrong_count("none"))?;
    if messages.message().await.map_err(unreadable)?.is_some() {
        return Err(wrong_count("more than one").into());
    }
    let reply = backend.unary(context, request).await?;
    let (size, limit) = (reply.message.len(), settings.max_response);
    if size > limit {
        let message = format!("the response message has {size} bytes, the limit is {limit}");
        let status = Box::new(Status::new(Code::ResourceExhausted, message));
        return Err(Failure { headers: reply.headers, status });
    }
    Ok(reply)
}

/// Why the request message could not be read. These two codes come from tonic's decoder for messages over the limit, the
/// second after decompression.
fn unreadable(status: tonic::Status, limit: usize) -> Status {
    match status.code() {
        tonic::Code::OutOfRange | tonic::Code::ResourceExhausted => Status::new(
            Code::ResourceExhausted,
            format!("the request message is larger than the limit of {limit} bytes"),
        ),
        _ => status.into(),
    }
}

fn respond(outcome: Result<Reply, Failure>, accepts_gzip: bool, mut call: Call) -> Response<Body> {
    call.outcome(outcome.as_ref().map(drop).map_err(|failure| &*failure.status));
    let (headers, message, trailers) = match outcome {
        Ok(reply) => (reply.headers, Ok(reply.message), reply.trailers),
        Err(failure) if failure.headers.is_empty() => return trailers_only(*failure.status),
        Err(failure) => (failure.headers, Err(tonic::Status::from(*failure.status)), Metadata::default()),
    };
    let compression = match &message {
        Ok(message) if accepts_gzip && message.len() >= COMPRESS_FROM => Some(CompressionEncoding::Gzip),
        _ => None,
    };
    let frames = Body::new(EncodeBody::new_server(
        BytesCodec,
        once(message),
        compression,
        SingleMessageCompressionOverride::default(),
        Some(usize::MAX),
    ));
    let mut response = Response::new(Body::new(Answer { frames, trailers: trailers.to_headers(), _call: call }));
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    if compression.is_some() {
        response.headers_mut().insert(ENCODING, GZIP);
    }
    extend(response.headers_mut(), headers.to_headers());
    response
}

/// A failure without anything before it.
pub(super) fn trailers_only(status: Status) -> Response<Body> {
    let mut response = tonic::Status::from(status).into_http();
    response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip,identity"));
    response
}

fn authority(parts: &http::request::Parts) -> Option<String> {
    let of_uri = parts.uri.authority().map(|authority| authority.as_str());
    let host = || parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    of_uri.or_else(host).map(str::to_owned)
}
