//! What the calls of all protocols have in common.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::OptionFuture;
use tokio_util::sync::CancellationToken;

use super::calls::Call;
use super::json::Written;
use super::messages::Messages;
use crate::call::{Cancellation, Code, Context, Deadline, Failure, Status};

/// A call whose headers were read.
pub(super) struct Incoming {
    pub(super) context: Context,
    pub(super) messages: Messages,
    /// How response messages go back, when not as protobuf.
    pub(super) json: Option<Written>,
    /// Largest response message, in bytes as protobuf.
    pub(super) max_response: usize,
    pub(super) call: Call,
}

/// What ends a call before its handler does.
pub(super) struct Bounds {
    cancellation: Cancellation,
    deadline: Option<Deadline>,
    cut: CancellationToken,
    service: Arc<str>,
    method: Arc<str>,
}

impl Bounds {
    pub(super) fn new(context: &Context, call: &Call) -> Self {
        Self {
            cancellation: context.cancellation.clone(),
            deadline: context.deadline,
            cut: call.cut_token().clone(),
            service: context.service.clone(),
            method: context.method.clone(),
        }
    }

    /// Runs the handler of a call within them. One that panics has failed. It is pinned by who calls: given by value, it
    /// would be kept twice, and every call is a task of this future's size.
    ///
    /// # Cancellation
    /// Ended by a bound, or dropped because the caller is gone, the call is cancelled.
    pub(super) async fn run<R, H>(self, handler: Pin<&mut H>) -> Result<R, Failure>
    where
        H: Future<Output = Result<R, Failure>>,
    {
        let Self { cancellation, deadline, cut, service, method } = self;
        let cancel = cancellation.drop_guard();
        if deadline.is_some_and(|deadline| deadline.remaining().is_zero()) {
            return Err(Status::new(Code::DeadlineExceeded, "the deadline had passed when the call arrived").into());
        }
        let handler = AssertUnwindSafe(handler).catch_unwind();
        tokio::select! {
            biased;
            done = handler => {
                cancel.disarm();
                done.unwrap_or_else(|_| {
                    tracing::error!(%service, %method, "the handler panicked");
                    Err(broken().into())
                })
            }
            Some(()) = OptionFuture::from(deadline.map(|deadline| tokio::time::sleep_until(deadline.at))) => {
                Err(Status::new(Code::DeadlineExceeded, "the deadline passed before the call was over").into())
            }
            () = cut.cancelled() => {
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
