//! A call between its admission and its handler.

use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;

use futures_util::FutureExt as _;

use crate::call::{CallDeadline, CallFailure, Cancellation, Code, Context, Status};
use crate::gateway::call::in_flight::CallGuard;
use crate::gateway::call::message_output::MessageOutput;
use crate::gateway::call::request_reader::RequestReader;

/// An admitted call whose headers were read.
pub(crate) struct IncomingCall {
    pub(crate) context: Context,
    pub(crate) request_reader: RequestReader,
    /// How response messages are written; `None` when they are sent as they are.
    pub(crate) message_output: Option<MessageOutput>,
    /// Largest response message, in bytes as protobuf.
    pub(crate) max_response_bytes: usize,
    /// Largest trailers, in bytes on the wire.
    pub(crate) max_trailer_bytes: usize,
    pub(crate) guard: CallGuard,
}

/// The bounds within which the handler of a call runs.
pub(crate) struct HandlerBounds {
    call_deadline: CallDeadline,
    cancellation: Cancellation,
    service: Arc<str>,
    method: Arc<str>,
}

impl HandlerBounds {
    /// Takes the bounds of a call: its deadline, and the moment at which the server cuts calls off.
    pub(crate) fn new(context: &Context, guard: &CallGuard) -> Self {
        Self {
            call_deadline: CallDeadline::new(context).with_shutdown(guard.cut_token().clone()),
            cancellation: context.cancellation.clone(),
            service: context.service.clone(),
            method: context.method.clone(),
        }
    }

    /// Runs the handler of a call.
    ///
    /// The caller pins the handler: given by value, it would be kept twice, and the future of every request has its size.
    ///
    /// # Errors
    /// INTERNAL when the handler panicked, the status of the bound that ended it, or the handler's own failure.
    ///
    /// # Cancellation
    /// When a bound ends the handler, or the future is dropped because the client has gone, the call is cancelled.
    pub(crate) async fn run<R, H>(self, handler: Pin<&mut H>) -> Result<R, CallFailure>
    where
        H: Future<Output = Result<R, CallFailure>>,
    {
        let Self { call_deadline, cancellation, service, method } = self;
        let mut cancel_guard = Some(cancellation.drop_guard());
        let handler = pin!(async {
            let outcome = AssertUnwindSafe(handler).catch_unwind().await;
            if let Some(cancel_guard) = cancel_guard.take() {
                cancel_guard.disarm();
            }
            outcome.unwrap_or_else(|_| {
                tracing::error!(%service, %method, "the handler panicked");
                Err(handler_lost().into())
            })
        });
        call_deadline.run(handler).await
    }
}

/// Returns the status of a call whose handler ended without an outcome.
pub(crate) fn handler_lost() -> Status {
    Status::new(Code::Internal, "the server failed while it served the call")
}

/// Checks the size of a response message.
///
/// # Errors
/// RESOURCE_EXHAUSTED when the message is larger than `limit` bytes.
pub(crate) fn check_response_size(message: &[u8], limit: usize) -> Result<(), Status> {
    // The wire has four bytes for the size.
    let limit = limit.min(u32::MAX as usize);
    if message.len() <= limit {
        return Ok(());
    }
    let text = format!("the response message has {} bytes, the limit is {limit}", message.len());
    Err(Status::new(Code::ResourceExhausted, text))
}
