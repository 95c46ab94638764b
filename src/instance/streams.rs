//! The streams of an instance: those of the call that it serves, and the calls with streams that it makes.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio_util::sync::DropGuard;
use tokio_util::task::AbortOnDropHandle;

use super::state::Callee;
use crate::call::{
    Code, Context, Failure, Gone, Metadata, Part, RequestSink, Requests, ResponseSink, Responses, Status, requests,
    responses,
};

/// Streams that an instance may have open at the same time.
const MAX_STREAMS: usize = 1000;

/// What stands behind a stream's number.
enum Stream {
    /// The requests of the call being served.
    Requests(Requests),
    /// The responses of the call being served.
    Responses(ResponseSink),
    /// A call that the guest has begun.
    Call(Box<Call>),
}

/// The streams that are open, by their numbers. A number is never used again: whoever kept one from an earlier call
/// finds nothing behind it.
#[derive(Default)]
pub(super) struct Streams {
    open: BTreeMap<u32, Stream>,
    next: u32,
}

/// There is no such stream, or it does not do that.
#[derive(Debug, thiserror::Error)]
#[error("the component used a stream that is not open: it belongs to an earlier call")]
pub(super) struct NotOpen;

impl Streams {
    /// Ends all streams: none outlives the call that it belongs to.
    pub(super) fn clear(&mut self) {
        self.open.clear();
    }

    fn insert(&mut self, stream: Stream) -> Result<u32, NotOpen> {
        let number = self.next;
        self.next = self.next.checked_add(1).ok_or(NotOpen)?;
        self.open.insert(number, stream);
        Ok(number)
    }

    pub(super) fn requests(&mut self, requests: Requests) -> Result<u32, NotOpen> {
        self.insert(Stream::Requests(requests))
    }

    pub(super) fn responses(&mut self, responses: ResponseSink) -> Result<u32, NotOpen> {
        self.insert(Stream::Responses(responses))
    }

    /// Takes back where responses go, when the handler is done.
    pub(super) fn take_responses(&mut self, number: u32) -> Option<ResponseSink> {
        match self.open.remove(&number) {
            Some(Stream::Responses(responses)) => Some(responses),
            _ => None,
        }
    }

    /// Begins a call. Without `request`, its requests are a stream.
    pub(super) fn call(
        &mut self,
        callee: Arc<dyn Callee>,
        context: Context,
        request: Option<Bytes>,
        scope: Option<u32>,
    ) -> Result<Result<u32, Box<Status>>, NotOpen> {
        if self.open.len() >= MAX_STREAMS {
            let message = format!("the component has {MAX_STREAMS} streams open, which is the most that it may");
            return Ok(Err(Box::new(Status::new(Code::ResourceExhausted, message))));
        }
        self.insert(Stream::Call(Box::new(Call::begin(callee, context, request, scope)))).map(Ok)
    }

    /// The reading end behind a number.
    pub(super) fn reader(&mut self, number: u32) -> Result<Reader<'_>, NotOpen> {
        match self.open.get_mut(&number) {
            Some(Stream::Requests(requests)) => Ok(Reader::Requests(requests)),
            Some(Stream::Call(call)) => Ok(Reader::Call(call)),
            Some(Stream::Responses(_)) | None => Err(NotOpen),
        }
    }

    /// The writing end behind a number.
    pub(super) fn writer(&mut self, number: u32) -> Result<Writer<'_>, NotOpen> {
        match self.open.get_mut(&number) {
            Some(Stream::Responses(responses)) => Ok(Writer::Responses(responses)),
            Some(Stream::Call(call)) => Ok(Writer::Call(call)),
            Some(Stream::Requests(_)) | None => Err(NotOpen),
        }
    }

    /// The call behind a number.
    pub(super) fn call_mut(&mut self, number: u32) -> Result<&mut Call, NotOpen> {
        match self.open.get_mut(&number) {
            Some(Stream::Call(call)) => Ok(call),
            _ => Err(NotOpen),
        }
    }

    /// Whether responses have begun to leave.
    pub(super) fn have_begun(&self) -> bool {
        self.open.values().any(|stream| matches!(stream, Stream::Responses(responses) if responses.has_begun()))
    }

    /// The guest has dropped its handle. A call ends by it.
    pub(super) fn dropped(&mut self, number: u32) {
        self.open.remove(&number);
    }
}

pub(super) enum Reader<'a> {
    Requests(&'a mut Requests),
    Call(&'a mut Call),
}

pub(super) enum Writer<'a> {
    Responses(&'a mut ResponseSink),
    Call(&'a mut Call),
}

impl Reader<'_> {
    /// The next message; none at the end.
    pub(super) async fn read(self) -> Result<Option<Bytes>, Box<Status>> {
        match self {
            Reader::Requests(requests) => requests.next().await.transpose(),
            Reader::Call(call) => call.read().await,
        }
    }
}

impl Writer<'_> {
    /// Waits for room for a message. `headers` go before the first one of a call that is served.
    pub(super) async fn write(self, headers: Metadata, message: Bytes) -> Result<(), Box<Status>> {
        match self {
            Writer::Responses(responses) => {
                let gone = |Gone| Box::new(Status::new(Code::Cancelled, "the caller has gone"));
                if !responses.has_begun() && !headers.is_empty() {
                    responses.headers(headers).await.map_err(gone)?;
                }
                responses.send(message).await.map_err(gone)
            }
            Writer::Call(call) => call.write(message).await,
        }
    }
}

/// A call with streams that a guest has begun. Dropped, it is cancelled.
pub(super) struct Call {
    path: String,
    requests: Option<RequestSink>,
    responses: Responses,
    outcome: Outcome,
    /// What came back beside the messages.
    headers: Metadata,
    trailers: Metadata,
    /// The scope in which it began.
    scope: Option<u32>,
    _cancel: DropGuard,
}

impl Drop for Call {
    fn drop(&mut self) {
        // Were the requests just to end here, the callee could take them for complete.
        if let (Some(requests), Ok(runtime)) = (self.requests.take(), tokio::runtime::Handle::try_current()) {
            let status = Status::new(Code::Cancelled, "the caller has gone");
            runtime.spawn(async move { requests.fail(status).await });
        }
    }
}

enum Outcome {
    Pending(AbortOnDropHandle<Result<Metadata, Failure>>),
    Known(Result<(), Box<Status>>),
}

impl Call {
    fn begin(callee: Arc<dyn Callee>, context: Context, request: Option<Bytes>, scope: Option<u32>) -> Self {
        let path = context.path();
        let cancel = context.cancellation.clone().drop_guard();
        let (response_sink, responses) = responses();
        let (own, requests) = match request {
            None => {
                let (sink, requests) = requests();
                (Some(sink), requests)
            }
            Some(request) => (None, Requests::one(request)),
        };
        let task = tokio::spawn(callee.streaming(context, requests, response_sink));
        Self {
            path,
            requests: own,
            responses,
            outcome: Outcome::Pending(AbortOnDropHandle::new(task)),
            headers: Metadata::default(),
            trailers: Metadata::default(),
            scope,
            _cancel: cancel,
        }
    }

    /// The scope in which the call began, if in one, with the headers and trailers that have come.
    pub(super) fn said(&self) -> Option<(u32, Metadata, Metadata)> {
        Some((self.scope?, self.headers.clone(), self.trailers.clone()))
    }

    async fn outcome(&mut self) -> Result<(), Box<Status>> {
        if let Outcome::Pending(task) = &mut self.outcome {
            let ended = match task.await {
                Ok(Ok(trailers)) => {
                    self.trailers = trailers;
                    Ok(())
                }
                Ok(Err(failure)) => {
                    self.headers.extend(failure.headers);
                    self.trailers = failure.status.metadata.clone();
                    Err(failure.status)
                }
                Err(_) => Err(Box::new(Status::new(Code::Internal, format!("the call of `{}` broke off", self.path)))),
            };
            self.outcome = Outcome::Known(ended);
        }
        match &self.outcome {
            Outcome::Known(ended) => ended.clone(),
            Outcome::Pending(_) => Ok(()),
        }
    }

    async fn read(&mut self) -> Result<Option<Bytes>, Box<Status>> {
        loop {
            match self.responses.next().await {
                Some(Part::Headers(headers)) => self.headers = headers,
                Some(Part::Message(message)) => return Ok(Some(message)),
                None => return self.outcome().await.map(|()| None),
            }
        }
    }

    async fn write(&mut self, message: Bytes) -> Result<(), Box<Status>> {
        let Some(requests) = &mut self.requests else {
            let message = format!("`{}`: a request was written after the last one", self.path);
            return Err(Box::new(Status::new(Code::FailedPrecondition, message)));
        };
        if requests.send(message).await.is_ok() {
            return Ok(());
        }
        // A callee that reads no more is done, or soon will be. Why, is for whoever reads.
        let message = format!("`{}` reads no more requests", self.path);
        Err(Box::new(Status::new(Code::Cancelled, message)))
    }

    /// No more requests follow.
    pub(super) fn done_writing(&mut self) {
        self.requests = None;
    }

    /// No more requests follow; the one response.
    pub(super) async fn finish(&mut self) -> Result<Bytes, Box<Status>> {
        self.done_writing();
        let wrong = |count: &str, path: &str| {
            Box::new(Status::new(Code::Internal, format!("`{path}` answers with one message, but {count} came")))
        };
        let message = self.read().await?.ok_or_else(|| wrong("none", &self.path))?;
        match self.read().await? {
            None => Ok(message),
            Some(_) => Err(wrong("more than one", &self.path)),
        }
    }
}
