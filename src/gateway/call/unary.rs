//! Runs the handler of a unary call.

use std::pin::pin;
use std::sync::Arc;

use crate::call::{CallFailure, CallHandler, UnaryResponse};
use crate::gateway::call::host_work::do_host_work;
use crate::gateway::call::in_flight::CallGuard;
use crate::gateway::call::incoming::{HandlerBounds, IncomingCall, check_response_size};
use crate::gateway::call::trailers::fit_outcome;

/// Reads the request of a unary call, runs its handler, and returns the outcome with the message in the codec of the call.
///
/// The call is in flight until the returned guard is dropped.
pub(crate) async fn run_unary(
    handler: Arc<dyn CallHandler>,
    incoming: IncomingCall,
) -> (Result<UnaryResponse, CallFailure>, CallGuard) {
    let IncomingCall { context, mut request_reader, message_output, max_response_bytes, max_trailer_bytes, mut guard } =
        incoming;
    let bounds = HandlerBounds::new(&context, &guard);
    let handler = pin!(async {
        let request = request_reader.read_only(&context).await?;
        let UnaryResponse { headers, message, trailers } = handler.unary(context, request).await?;
        let written = match (check_response_size(&message, max_response_bytes), message_output) {
            (Err(status), _) => Err(status),
            (Ok(()), None) => Ok(message),
            (Ok(()), Some(output)) => do_host_work(message.len(), move || output.write(message)).await,
        };
        match written {
            Ok(message) => Ok(UnaryResponse { headers, message, trailers }),
            Err(status) => Err(CallFailure { headers, status: Box::new(status) }),
        }
    });
    let outcome = fit_outcome(bounds.run(handler).await, |response| &response.trailers, max_trailer_bytes);
    guard.set_outcome(outcome.as_ref().map(drop).map_err(|failure| &*failure.status));
    (outcome, guard)
}
