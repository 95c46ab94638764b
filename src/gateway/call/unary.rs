//! Runs the handler of a unary call.

use std::pin::pin;
use std::sync::Arc;

use crate::call::{CallFailure, CallHandler, UnaryResponse};
use crate::gateway::call::in_flight::CallGuard;
use crate::gateway::call::incoming::{HandlerBounds, IncomingCall, check_response_size};

/// Reads the request of a unary call, runs its handler, and returns the outcome with the message in the codec of the call.
///
/// The call is in flight until the returned guard is dropped.
pub(crate) async fn run_unary(
    handler: Arc<dyn CallHandler>,
    incoming: IncomingCall,
) -> (Result<UnaryResponse, CallFailure>, CallGuard) {
    let IncomingCall { context, mut request_reader, message_output, max_response_bytes, mut guard } = incoming;
    let bounds = HandlerBounds::new(&context, &guard);
    let handler = pin!(async {
        let request = request_reader.read_only(&context).await?;
        let UnaryResponse { headers, message, trailers } = handler.unary(context, request).await?;
        let written = check_response_size(&message, max_response_bytes).and_then(|()| match &message_output {
            Some(message_output) => message_output.write(message),
            None => Ok(message),
        });
        match written {
            Ok(message) => Ok(UnaryResponse { headers, message, trailers }),
            Err(status) => Err(CallFailure { headers, status: Box::new(status) }),
        }
    });
    let outcome = bounds.run(handler).await;
    guard.set_outcome(outcome.as_ref().map(drop).map_err(|failure| &*failure.status));
    (outcome, guard)
}
