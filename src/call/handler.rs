//! The one trait of everything that answers calls.
//!
//! Handlers wrap each other as tower services do: the router hands a call to a revision or to an upstream, and a layer
//! that records, mirrors or retries calls is one more handler around another. What a handler is called with and what it
//! answers with are encoded messages; it is told nothing of the protocol's framing.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _, ready};

use crate::call::{
    CallFailure, Code, Context, LocalMessage, Metadata, MethodLayouts, RequestStream, ResponseSink, Status,
    TypedMessage, UnaryResponse,
};

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

    /// Returns the callee to which typed values of these layouts go without an encoding, and the number of the method in it: a
    /// component of this process, with no handler in between that has a use for messages. Its calls are checked as those of
    /// [`unary`](Self::unary) are.
    ///
    /// `None`, as by default, where messages must be encoded.
    fn typed_callee(self: Arc<Self>, service: &str, method: &str, layouts: &MethodLayouts) -> Option<TypedMethod> {
        let _ = (service, method, layouts);
        None
    }
}

/// The successful outcome of a call within the process.
#[derive(Clone, Debug)]
pub struct LocalResponse {
    /// Response headers.
    pub(crate) headers: Metadata,
    /// The response message.
    pub(crate) message: LocalMessage,
    /// Response trailers.
    pub(crate) trailers: Metadata,
}

impl From<UnaryResponse> for LocalResponse {
    fn from(UnaryResponse { headers, message, trailers }: UnaryResponse) -> Self {
        Self { headers, message: LocalMessage::Encoded(message), trailers }
    }
}

impl LocalResponse {
    /// Returns the response with its encoded message.
    ///
    /// # Errors
    /// INTERNAL when the message is typed, for which the caller has not asked.
    pub(crate) fn into_unary(self) -> Result<UnaryResponse, CallFailure> {
        let Self { headers, message, trailers } = self;
        match message {
            LocalMessage::Encoded(message) => Ok(UnaryResponse { headers, message, trailers }),
            LocalMessage::Typed(_) => {
                debug_assert!(false, "a response is typed where the caller has asked for it");
                Err(Status::new(Code::Internal, "the response is not encoded").into())
            }
        }
    }
}

/// A callee that takes typed values, with its number of the method.
pub type TypedMethod = (Arc<dyn TypedCallee>, usize);

/// Answers unary calls whose requests are typed values.
pub trait TypedCallee: Send + Sync {
    /// Answers a call of the method with this number with a message of its request's layout. The response has the layout of the method, or is
    /// encoded.
    ///
    /// # Errors
    /// As of [`CallHandler::unary`].
    ///
    /// # Cancellation
    /// As of [`CallHandler::unary`].
    fn unary_typed(
        self: Arc<Self>,
        context: Context,
        method: usize,
        request: TypedMessage,
    ) -> CallFuture<LocalResponse>;
}

/// Returns a call that has failed before it began.
pub(crate) fn refuse<T: Send + 'static>(status: Status) -> CallFuture<T> {
    ready(Err(status.into())).boxed()
}
