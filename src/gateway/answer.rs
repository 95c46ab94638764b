//! A gRPC call over HTTP/2: what unary and streaming calls have in common.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::OptionFuture;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response};
use http_body::Body as HttpBody;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use super::body::extend;
use super::calls::Call;
use super::head::{ACCEPT_ENCODING, ENCODING, Head};
use super::messages::Messages;
use super::{Backend, Calls, Served, Settings, route, streaming, unary};
use crate::call::{Cancellation, Code, Codec, Context, Deadline, Failure, Metadata, Protocol, Status};

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// A call whose headers were read.
pub(super) struct Incoming {
    pub(super) context: Context,
    pub(super) messages: Messages,
    /// Whether response messages may be compressed.
    pub(super) gzip: bool,
    /// Largest response message, in bytes.
    pub(super) max_response: usize,
    pub(super) call: Call,
}

/// Answers a gRPC request, whatever it asks for.
pub(super) async fn answer<B, T>(
    backend: &Arc<B>,
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
    let mut call = calls.begin(service.name(), method.name(), peer);
    let read = Head::read(&parts.headers, settings);
    let head = match read {
        Ok(head) => head,
        Err(status) => {
            call.outcome(Err(&status));
            return trailers_only(status);
        }
    };
    let context = Context {
        service: service.name().clone(),
        method: method.name().clone(),
        protocol: Protocol::Grpc,
        codec: Codec::Proto,
        get_query: None,
        metadata: Metadata::from_headers(&parts.headers),
        deadline: head.deadline,
        peer: Some(peer),
        authority: authority(&parts),
        chain: Arc::new([]),
        cancellation: Cancellation::new(),
    };
    let incoming = Incoming {
        context,
        messages: Messages::new(body, head.encoding, settings.max_request),
        gzip: head.gzip,
        max_response: settings.max_response,
        call,
    };
    if method.is_client_streaming() || method.is_server_streaming() {
        streaming::answer(backend.clone(), method, incoming).await
    } else {
        unary::answer(&**backend, incoming).await
    }
}

fn authority(parts: &http::request::Parts) -> Option<String> {
    let of_uri = parts.uri.authority().map(|authority| authority.as_str());
    let host = || parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    of_uri.or_else(host).map(str::to_owned)
}

/// What ends a call before its handler does.
pub(super) struct Bounds {
    cancellation: Cancellation,
    deadline: Option<Deadline>,
    cut: CancellationToken,
}

impl Bounds {
    pub(super) fn new(context: &Context, call: &Call) -> Self {
        Self { cancellation: context.cancellation.clone(), deadline: context.deadline, cut: call.cut_token().clone() }
    }

    /// Runs the handler of a call within them. One that panics has failed.
    ///
    /// # Cancellation
    /// Ended by a bound, or dropped because the caller is gone, the call is cancelled.
    pub(super) async fn run<R>(self, handler: impl Future<Output = Result<R, Failure>>) -> Result<R, Failure> {
        let cancel = self.cancellation.drop_guard();
        if self.deadline.is_some_and(|deadline| deadline.remaining().is_zero()) {
            return Err(Status::new(Code::DeadlineExceeded, "the deadline had passed when the call arrived").into());
        }
        // `select!` would keep a future that it is given by value twice, and every call is a task of this future's size.
        let handler = pin!(AssertUnwindSafe(handler).catch_unwind());
        tokio::select! {
            biased;
            done = handler => {
                cancel.disarm();
                done.unwrap_or_else(|_| {
                    tracing::error!("the handler panicked");
                    Err(broken().into())
                })
            }
            Some(()) = OptionFuture::from(self.deadline.map(|deadline| tokio::time::sleep_until(deadline.at))) => {
                Err(Status::new(Code::DeadlineExceeded, "the deadline passed before the call was over").into())
            }
            () = self.cut.cancelled() => {
                Err(Status::new(Code::Unavailable, "the server shut down before the call was over").into())
            }
        }
    }
}

/// The handler ended without an outcome.
pub(super) fn broken() -> Status {
    Status::new(Code::Internal, "the server failed while it served the call")
}

/// Refuses a response message that is too large.
pub(super) fn check_size(message: &[u8], limit: usize) -> Result<(), Status> {
    // The wire has four bytes for the size.
    let limit = limit.min(u32::MAX as usize);
    if message.len() <= limit {
        return Ok(());
    }
    let text = format!("the response message has {} bytes, the limit is {limit}", message.len());
    Err(Status::new(Code::ResourceExhausted, text))
}

/// An answer with something before its trailers. `gzip` says that some of its messages are compressed.
pub(super) fn response(headers: &Metadata, gzip: bool, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    if gzip {
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
