use std::sync::Arc;

use bytes::BytesMut;
use futures_util::{FutureExt as _, stream};
use http::Response;
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::sync::oneshot;
use tokio_util::sync::DropGuard;
use tonic::body::Body;

use super::answer::{Bounds, Incoming, broken, check_size};
use super::body::Framed;
use super::calls::{Call, Counts};
use super::json::Written;
use super::wire::Wire;
use super::{Backend, Method};
use crate::call::{Code, Failure, Metadata, Part, Requests, Responses, Status, responses};

/// Messages that are ready go together in one frame, up to about so many bytes.
const FRAME: usize = 32 << 10;

type Outcome = Result<Metadata, Failure>;

/// Answers a call that streams on either side or both.
///
/// The handler runs in a task of its own, because it must go on while nobody takes what it answers, and must be stopped
/// at its deadline even then.
pub(super) async fn answer<B: Backend, W: Wire>(
    backend: Arc<B>,
    method: &Method,
    incoming: Incoming,
    wire: W,
) -> Response<Body> {
    let Incoming { context, mut messages, json, max_response, mut call } = incoming;
    let (response_sink, responses) = responses();
    let (tell, outcome) = oneshot::channel();
    let counts = call.count();
    let answer = Answer {
        responses,
        outcome,
        done: None,
        path: context.path(),
        single: !method.is_server_streaming(),
        max_response,
        json,
        wire,
        cancel: Some(context.cancellation.clone().drop_guard()),
        counts: counts.clone(),
        call,
        buffer: BytesMut::new(),
        end: None,
    };
    let many = method.is_client_streaming();
    let abandoned = context.cancellation.clone();
    let bounds = Bounds::new(&context, &answer.call);
    let mut handler = Box::pin(async move {
        let requests = if many {
            messages.requests(counts)
        } else {
            let request = messages.only(&context).await?;
            counts.received();
            Requests::one(request)
        };
        backend.streaming(context, requests, response_sink).await
    });
    let running = async move {
        tokio::select! {
            biased;
            outcome = bounds.run(handler.as_mut()) => drop(tell.send(outcome)),
            () = abandoned.cancelled() => {}
        }
    };
    tokio::spawn(running);
    answer.respond().await
}

/// What goes back to the caller. Dropped before its end, the call is cancelled.
struct Answer<W> {
    responses: Responses,
    outcome: oneshot::Receiver<Outcome>,
    /// The outcome, once it is known. What was sent before goes first.
    done: Option<Outcome>,
    path: String,
    /// Whether there must be one message, no more and no less.
    single: bool,
    max_response: usize,
    json: Option<Written>,
    wire: W,
    cancel: Option<DropGuard>,
    counts: Arc<Counts>,
    call: Call,
    /// Messages as they are sent.
    buffer: BytesMut,
    end: Option<Framed>,
}

impl<W: Wire> Answer<W> {
    /// Waits until there is something to begin with.
    async fn respond(mut self) -> Response<Body> {
        let headers = match self.part().await {
            Some(Part::Headers(headers)) => headers,
            Some(Part::Message(message)) => {
                self.message(&message);
                Metadata::default()
            }
            None => match self.outcome() {
                Err(failure) if failure.headers.is_empty() => return self.wire.failure(*failure.status),
                outcome => self.end(outcome),
            },
        };
        let head = self.wire.head(&headers);
        let frames = stream::unfold(Some(self), |this| async { Some(this?.frame().await) });
        head.map(|()| Body::new(StreamBody::new(frames)))
    }

    /// The next frame; with the last one the call is over.
    async fn frame(mut self) -> (Framed, Option<Self>) {
        while self.buffer.is_empty() {
            if let Some(end) = self.end.take() {
                return (end, None);
            }
            let part = self.part().await;
            self.add(part);
        }
        while self.buffer.len() < FRAME
            && self.end.is_none()
            && let Some(part) = self.part().now_or_never()
        {
            self.add(part);
        }
        (Ok(Frame::data(self.buffer.split().freeze())), Some(self))
    }

    fn add(&mut self, part: Option<Part>) {
        match part {
            Some(Part::Message(message)) => self.message(&message),
            Some(Part::Headers(_)) => {}
            None => {
                let outcome = self.outcome();
                self.end(outcome);
            }
        }
    }

    fn message(&mut self, message: &[u8]) {
        self.wire.message(message, &mut self.buffer);
        self.counts.sent();
    }

    /// Sets the last frame; returns the headers that were said before a failure.
    fn end(&mut self, outcome: Outcome) -> Metadata {
        let (headers, outcome) = match outcome {
            Ok(metadata) => (Metadata::default(), Ok(metadata)),
            Err(failure) => (failure.headers, Err(*failure.status)),
        };
        self.end = Some(self.wire.end(outcome));
        headers
    }

    /// The next part; none when the call is over.
    ///
    /// # Cancellation
    /// No part is lost.
    async fn part(&mut self) -> Option<Part> {
        // A handler may be done while something of it still holds its side of the stream.
        while self.done.is_none() {
            tokio::select! {
                biased;
                Some(part) = self.responses.next() => return self.checked(part),
                told = &mut self.outcome => {
                    self.done = Some(told.unwrap_or_else(|_| Err(broken().into())));
                    if let Some(cancel) = self.cancel.take() {
                        cancel.disarm();
                    }
                }
            }
        }
        let part = self.responses.try_next()?;
        self.checked(part)
    }

    /// Brings a message into the codec of the call; ends the call at one that may not be sent.
    fn checked(&mut self, part: Part) -> Option<Part> {
        let Part::Message(message) = part else { return Some(part) };
        let checked = match self.single && self.counts.number_sent() > 0 {
            true => Err(self.wrong_count("more than one")),
            false => check_size(&message, self.max_response),
        };
        let written = checked.and_then(|()| match &self.json {
            Some(json) => json.write(message),
            None => Ok(message),
        });
        match written {
            Ok(message) => Some(Part::Message(message)),
            Err(status) => {
                self.done = Some(Err(status.into()));
                self.cancel = None;
                None
            }
        }
    }

    /// How the call ended. To be asked once there are no more parts.
    fn outcome(&mut self) -> Outcome {
        let outcome = match self.done.take() {
            Some(Ok(_)) if self.single && self.counts.number_sent() == 0 => Err(self.wrong_count("none").into()),
            Some(outcome) => outcome,
            None => Err(broken().into()),
        };
        self.call.outcome(outcome.as_ref().map(drop).map_err(|failure| &*failure.status));
        outcome
    }

    fn wrong_count(&self, count: &str) -> Status {
        let text = format!("`{}` answers with one response message, but its handler sent {count}", self.path);
        Status::new(Code::Internal, text)
    }
}
