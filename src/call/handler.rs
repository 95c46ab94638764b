//! The one trait of everything that answers calls.
//!
//! Handlers wrap each other as tower services do: the router hands a call to a revision or to an upstream, and a layer
//! that records, mirrors or retries calls is one more handler around another. What a handler is called with and what it
//! answers with are encoded messages; it is told nothing of the protocol's framing.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _, ready};

use crate::call::{CallFailure, Context, Metadata, RequestStream, ResponseSink, Status, UnaryResponse};

/// A call in progress: what it will come to.
pub type CallFuture<T> = BoxFuture<'static, Result<T, CallFailure>>;

/// Answers calls: the router, a revision, an upstream, or a layer around one of them.
pub trait CallHandler: Send + Sync + 'static {
    /// Answers a unary call.
    ///
    /// The request is not validated in any way. The caller enforces the deadline of `context` as well; a handler that
    /// shortens it enforces its own.
    ///
    /// # Errors
    /// The status that the service answers with, or the one that says why the call did not reach it.
    ///
    /// # Cancellation
    /// Dropping the future ends the call with all that it has called in turn.
    fn unary(self: Arc<Self>, context: Context, request: Bytes) -> CallFuture<UnaryResponse>;

    /// Answers a call that streams on either side or both, and returns its trailers.
    ///
    /// A handler may answer before it has read all requests, and may end without having read them to their end.
    ///
    /// # Errors
    /// As of [`unary`](Self::unary). The headers of a failure count only when nothing was sent before.
    ///
    /// # Cancellation
    /// As of [`unary`](Self::unary).
    fn streaming(
        self: Arc<Self>,
        context: Context,
        requests: RequestStream,
        responses: ResponseSink,
    ) -> CallFuture<Metadata>;
}

/// Returns a call that has failed before it began.
pub(crate) fn refuse<T: Send + 'static>(status: Status) -> CallFuture<T> {
    ready(Err(status.into())).boxed()
}
