use std::pin::pin;

use super::Backend;
use super::answer::{Bounds, Incoming, check_size};
use super::calls::Call;
use crate::call::{Failure, Reply};

/// Runs the handler of a unary call. The message that it answers with is in the codec of the call.
///
/// The call ends when what comes with the outcome is dropped.
pub(super) async fn answer<B: Backend>(backend: &B, incoming: Incoming) -> (Result<Reply, Failure>, Call) {
    let Incoming { context, mut messages, json, max_response, mut call } = incoming;
    let bounds = Bounds::new(&context, &call);
    let handler = pin!(async {
        let request = messages.only(&context).await?;
        let Reply { headers, message, trailers } = backend.unary(context, request).await?;
        let written = check_size(&message, max_response).and_then(|()| match &json {
            Some(json) => json.write(message),
            None => Ok(message),
        });
        match written {
            Ok(message) => Ok(Reply { headers, message, trailers }),
            Err(status) => Err(Failure { headers, status: Box::new(status) }),
        }
    });
    let outcome = bounds.run(handler).await;
    call.outcome(outcome.as_ref().map(drop).map_err(|failure| &*failure.status));
    (outcome, call)
}
