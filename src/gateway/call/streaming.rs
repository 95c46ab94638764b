//! Serves a streaming call: runs its handler in a task of its own and sends what it answers.

use std::sync::Arc;
use std::task::Poll;

use bytes::BytesMut;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, stream};
use http::Response;
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::sync::oneshot;
use tokio_util::sync::DropGuard;
use tonic::body::Body;

use crate::call::{
    CallFailure, CallHandler, Metadata, RequestStream, ResponsePart, ResponseStream, Status, WrongCount,
    response_channel_within,
};
use crate::gateway::call::body::{FrameResult, append_headers};
use crate::gateway::call::encoder::{ResponseEncoder, WrittenMessage};
use crate::gateway::call::host_work::{AT_ONCE, do_host_work};
use crate::gateway::call::in_flight::{CallGuard, MessageCounts, over_budget};
use crate::gateway::call::incoming::{HandlerBounds, IncomingCall, check_response_size, handler_lost};
use crate::gateway::call::message_output::MessageOutput;
use crate::gateway::call::trailers::fit_outcome;
use crate::gateway::catalog::CatalogMethod;

/// Messages that are ready are sent in one frame of about this many bytes.
const FRAME_BYTES: usize = 32 << 10;

type StreamOutcome = Result<Metadata, CallFailure>;

/// Serves a call that streams on either side or both.
///
/// The handler runs in a task of its own, because it goes on while its client reads nothing, and is ended at its deadline
/// even then.
pub(crate) async fn serve_streaming<E: ResponseEncoder>(
    handler: Arc<dyn CallHandler>,
    method: &CatalogMethod,
    incoming: IncomingCall,
    encoder: E,
) -> Response<Body> {
    let IncomingCall { context, mut request_reader, message_output, max_response_bytes, max_trailer_bytes, mut guard } =
        incoming;
    let (response_sink, responses) = response_channel_within(Some(guard.transit().clone()));
    let (outcome_sender, outcome) = oneshot::channel();
    let counts = guard.message_counts();
    let bounds = HandlerBounds::new(&context, &guard);
    let response = StreamingResponse {
        responses,
        outcome,
        done: None,
        path: context.path(),
        is_single: !method.is_server_streaming(),
        max_response_bytes,
        max_trailer_bytes,
        message_output: message_output.map(Arc::new),
        encoder,
        writing: None,
        cancel_guard: Some(context.cancellation.clone().drop_guard()),
        counts: counts.clone(),
        guard,
        buffer: BytesMut::new(),
        end: None,
    };
    let is_client_streaming = method.is_client_streaming();
    let mut work = Box::pin(async move {
        let requests = if is_client_streaming {
            request_reader.into_stream(counts)
        } else {
            let request = request_reader.read_only(&context).await?;
            counts.count_received();
            RequestStream::one(request)
        };
        handler.streaming(context, requests, response_sink).await
    });
    // When the client has gone, the outcome has no receiver any more.
    tokio::spawn(async move { drop(outcome_sender.send(bounds.run(work.as_mut()).await)) });
    response.begin().await
}

/// One part of a response in the codec of the call.
enum WrittenPart {
    Headers(Metadata),
    Message(WrittenMessage),
}

/// The response of a streaming call. Dropped before its end, the call is cancelled.
struct StreamingResponse<E> {
    responses: ResponseStream,
    outcome: oneshot::Receiver<StreamOutcome>,
    /// The outcome of the handler, once it is known. Messages sent before go first.
    done: Option<StreamOutcome>,
    path: String,
    /// Whether the method answers with exactly one message.
    is_single: bool,
    max_response_bytes: usize,
    max_trailer_bytes: usize,
    message_output: Option<Arc<MessageOutput>>,
    encoder: E,
    /// The message that is being written; a large one takes a while.
    writing: Option<BoxFuture<'static, Result<WrittenMessage, Status>>>,
    cancel_guard: Option<DropGuard>,
    counts: Arc<MessageCounts>,
    guard: CallGuard,
    /// Encoded messages that were not sent yet.
    buffer: BytesMut,
    /// The last frame, once the call is over.
    end: Option<FrameResult>,
}

impl<E: ResponseEncoder> StreamingResponse<E> {
    /// Waits until the head of the response is known, and makes the response.
    async fn begin(mut self) -> Response<Body> {
        let needs_message = self.encoder.needs_message_for_head();
        let mut headers = Metadata::default();
        let part = match self.next_part().await {
            Some(WrittenPart::Headers(early)) if needs_message => {
                headers = early;
                self.next_part().await
            }
            part => part,
        };
        match part {
            Some(WrittenPart::Headers(early)) => headers = early,
            Some(WrittenPart::Message(message)) => self.put_message(&message),
            None => match self.take_outcome() {
                Err(failure) if needs_message || failure.headers.is_empty() => {
                    headers.extend(failure.headers);
                    let mut response = self.encoder.failure_response(*failure.status);
                    append_headers(response.headers_mut(), headers.to_headers());
                    return response;
                }
                outcome => headers.extend(self.set_end(outcome)),
            },
        }
        let head = self.encoder.response_head(&headers);
        let frames = stream::unfold(Some(self), |this| async { Some(this?.next_frame().await) });
        head.map(|()| Body::new(StreamBody::new(frames)))
    }

    /// Waits for the next frame. With the last one the call is over.
    async fn next_frame(mut self) -> (FrameResult, Option<Self>) {
        while self.buffer.is_empty() {
            if let Some(end) = self.end.take() {
                return (end, None);
            }
            let part = self.next_part().await;
            self.put_part(part);
        }
        while self.buffer.len() < FRAME_BYTES
            && self.end.is_none()
            && let Some(part) = self.ready_part().or_else(|| self.next_part().now_or_never())
        {
            self.put_part(part);
        }
        match self.guard.charge_part(self.buffer.split().freeze()) {
            Ok(part) => (Ok(Frame::data(part)), Some(self)),
            Err(status) => {
                self.guard.set_outcome(Err(&status));
                (self.encoder.end_frame(Err(status)), None)
            }
        }
    }

    fn put_part(&mut self, part: Option<WrittenPart>) {
        match part {
            Some(WrittenPart::Message(message)) => self.put_message(&message),
            Some(WrittenPart::Headers(_)) => {}
            None => {
                let outcome = self.take_outcome();
                self.set_end(outcome);
            }
        }
    }

    fn put_message(&mut self, message: &WrittenMessage) {
        self.encoder.put_message(message, &mut self.buffer);
        self.counts.count_sent();
    }

    /// Sets the last frame, and returns the headers that were set before a failure.
    fn set_end(&mut self, outcome: StreamOutcome) -> Metadata {
        let (headers, outcome) = match outcome {
            Ok(metadata) => (Metadata::default(), Ok(metadata)),
            Err(failure) => (failure.headers, Err(*failure.status)),
        };
        self.end = Some(self.encoder.end_frame(outcome));
        headers
    }

    /// Waits for the next part; `None` when the call is over.
    ///
    /// # Cancellation
    /// No part is lost.
    async fn next_part(&mut self) -> Option<WrittenPart> {
        loop {
            if let Some(writing) = &mut self.writing {
                let written = writing.await;
                self.writing = None;
                return self.message_or_end(written);
            }
            let part = self.next_unwritten().await?;
            if let Poll::Ready(part) = self.write_part(part) {
                return part;
            }
        }
    }

    /// Returns the next part if the handler has sent it already and it needs no wait; the inner `None` when the call is over.
    fn ready_part(&mut self) -> Option<Option<WrittenPart>> {
        if self.writing.is_some() || self.done.is_some() {
            return None;
        }
        let part = self.responses.try_next()?;
        match self.write_part(part) {
            Poll::Ready(part) => Some(part),
            Poll::Pending => None,
        }
    }

    /// Writes a part in the codec of the call; `None` when the call is over. For a large message that takes a while and goes on
    /// in `writing`.
    fn write_part(&mut self, part: ResponsePart) -> Poll<Option<WrittenPart>> {
        let message = match part {
            ResponsePart::Headers(headers) => return Poll::Ready(Some(WrittenPart::Headers(headers))),
            ResponsePart::Message(message) => message,
        };
        if let Err(status) = self.check_message(&message) {
            return Poll::Ready(self.message_or_end(Err(status)));
        }
        let compression = self.encoder.compression();
        if self.message_output.is_none() && compression.is_none() {
            return Poll::Ready(Some(WrittenPart::Message(WrittenMessage::new(message, None))));
        }
        let (bytes, output) = (message.len(), self.message_output.clone());
        let write = move || {
            let message = output.map_or(Ok(message.clone()), |output| output.write(message))?;
            Ok(WrittenMessage::new(message, compression))
        };
        if bytes <= AT_ONCE {
            return Poll::Ready(self.message_or_end(write()));
        }
        self.writing = Some(do_host_work(bytes, write).boxed());
        Poll::Pending
    }

    /// Waits for the next part as the handler has sent it; `None` when the call is over.
    async fn next_unwritten(&mut self) -> Option<ResponsePart> {
        // A handler may have ended while a guest's handle still holds its side of the stream.
        while self.done.is_none() {
            tokio::select! {
                biased;
                Some(part) = self.responses.next() => return Some(part),
                outcome = &mut self.outcome => {
                    self.done = Some(outcome.unwrap_or_else(|_| Err(handler_lost().into())));
                    if let Some(cancel_guard) = self.cancel_guard.take() {
                        cancel_guard.disarm();
                    }
                }
            }
        }
        self.responses.try_next()
    }

    fn check_message(&self, message: &[u8]) -> Result<(), Status> {
        match self.is_single && self.counts.sent_count() > 0 {
            true => Err(WrongCount::MoreThanOne.of_responses(&self.path)),
            false => check_response_size(message, self.max_response_bytes),
        }
    }

    /// Returns a message, or ends the call at one that must not be sent.
    fn message_or_end(&mut self, written: Result<WrittenMessage, Status>) -> Option<WrittenPart> {
        match written {
            Ok(message) => Some(WrittenPart::Message(message)),
            Err(status) => {
                self.done = Some(Err(status.into()));
                self.cancel_guard = None;
                None
            }
        }
    }

    /// Takes the outcome of the call. Called when there are no more parts.
    fn take_outcome(&mut self) -> StreamOutcome {
        let outcome = match self.done.take() {
            Some(Ok(_)) if self.is_single && self.counts.sent_count() == 0 => {
                Err(WrongCount::None.of_responses(&self.path).into())
            }
            Some(outcome) => outcome,
            None => Err(handler_lost().into()),
        };
        // The handler took it for a client that has gone.
        let outcome = self.responses.exceeded().map_or(outcome, |exceeded| Err(over_budget(exceeded).into()));
        let outcome = fit_outcome(outcome, |trailers| trailers, self.max_trailer_bytes);
        self.guard.set_outcome(outcome.as_ref().map(drop).map_err(|failure| &*failure.status));
        outcome
    }
}
