//! The streams of an instance: those of the call that it serves, and the calls with streams that it makes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use tokio_util::sync::DropGuard;
use tokio_util::task::AbortOnDropHandle;

use crate::call::CallHandler;
use crate::call::{
    BudgetExceeded, ByteBudget, CallFailure, Code, Context, MessageBatch, MessageSource, Metadata, RequestSink,
    RequestStream, ResponsePart, ResponseSink, ResponseStream, Status, StreamClosed, read_single,
    request_channel_within, response_channel_within,
};

/// The most streams that an instance may have open at the same time.
const MAX_STREAMS: usize = 1000;

/// The stream behind a number.
enum GuestStream {
    /// The requests of the call being served.
    Requests(RequestStream),
    /// The responses of the call being served.
    Responses(ResponseSink),
    /// A call that the guest has begun.
    Call(Box<OutgoingCall>),
}

/// The streams that are open, by their numbers. A number is never used again, so that a handle kept from an earlier call
/// refers to no stream.
pub(crate) struct StreamTable {
    open: BTreeMap<u32, GuestStream>,
    next: u32,
    /// The budget of the messages of the calls that the guest makes.
    held: Arc<ByteBudget>,
}

/// No open stream has this number, or the stream does not have this operation.
#[derive(Debug, thiserror::Error)]
#[error("the component used a stream that is not open: it belongs to an earlier call")]
pub(crate) struct StreamNotOpen;

impl StreamTable {
    /// Makes a table without streams. What the host holds of their messages is charged to the budget.
    pub(crate) fn new(held: Arc<ByteBudget>) -> Self {
        Self { open: BTreeMap::new(), next: 0, held }
    }

    /// Ends all streams: none outlives the call that it belongs to.
    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }

    fn insert(&mut self, stream: GuestStream) -> Result<u32, StreamNotOpen> {
        let number = self.next;
        self.next = self.next.checked_add(1).ok_or(StreamNotOpen)?;
        self.open.insert(number, stream);
        Ok(number)
    }

    pub(crate) fn requests(&mut self, requests: RequestStream) -> Result<u32, StreamNotOpen> {
        self.insert(GuestStream::Requests(requests))
    }

    pub(crate) fn responses(&mut self, responses: ResponseSink) -> Result<u32, StreamNotOpen> {
        self.insert(GuestStream::Responses(responses))
    }

    /// Takes back the sink of the responses when the handler has ended.
    pub(crate) fn take_responses(&mut self, number: u32) -> Option<ResponseSink> {
        match self.open.remove(&number) {
            Some(GuestStream::Responses(responses)) => Some(responses),
            _ => None,
        }
    }

    /// Begins a call. Without `request`, its requests are a stream.
    pub(crate) fn open_call(
        &mut self,
        handler: Arc<dyn CallHandler>,
        context: Context,
        request: Option<Bytes>,
        scope: Option<u32>,
    ) -> Result<Result<u32, Box<Status>>, StreamNotOpen> {
        if self.open.len() >= MAX_STREAMS {
            let message = format!("the component has {MAX_STREAMS} streams open, which is the most that it may");
            return Ok(Err(Box::new(Status::new(Code::ResourceExhausted, message))));
        }
        let request = match request.map(|request| self.hold(request)).transpose() {
            Ok(request) => request,
            Err(exceeded) => return Ok(Err(Box::new(held_status(exceeded)))),
        };
        let call = OutgoingCall::begin(handler, context, request, scope, &self.held);
        self.insert(GuestStream::Call(Box::new(call))).map(Ok)
    }

    /// Charges a request that waits until its call is served.
    fn hold(&self, request: Bytes) -> Result<Bytes, BudgetExceeded> {
        Ok(self.held.charge(request.len() as u64)?.attach(request))
    }

    /// Whether a stream gives the requests of the call that is served.
    pub(crate) fn is_requests(&self, number: u32) -> bool {
        matches!(self.open.get(&number), Some(GuestStream::Requests(_)))
    }

    /// Whether a stream takes the responses of the call that is served.
    pub(crate) fn is_responses(&self, number: u32) -> bool {
        matches!(self.open.get(&number), Some(GuestStream::Responses(_)))
    }

    /// Returns the reading end of a stream.
    pub(crate) fn reader(&mut self, number: u32) -> Result<StreamReader<'_>, StreamNotOpen> {
        match self.open.get_mut(&number) {
            Some(GuestStream::Requests(requests)) => Ok(StreamReader::Requests(requests)),
            Some(GuestStream::Call(call)) => Ok(StreamReader::Call(call)),
            Some(GuestStream::Responses(_)) | None => Err(StreamNotOpen),
        }
    }

    /// Returns the writing end of a stream.
    pub(crate) fn writer(&mut self, number: u32) -> Result<StreamWriter<'_>, StreamNotOpen> {
        match self.open.get_mut(&number) {
            Some(GuestStream::Responses(responses)) => Ok(StreamWriter::Responses(responses)),
            Some(GuestStream::Call(call)) => Ok(StreamWriter::Call(call)),
            Some(GuestStream::Requests(_)) | None => Err(StreamNotOpen),
        }
    }

    /// Returns the call of a stream.
    pub(crate) fn call_mut(&mut self, number: u32) -> Result<&mut OutgoingCall, StreamNotOpen> {
        match self.open.get_mut(&number) {
            Some(GuestStream::Call(call)) => Ok(call),
            _ => Err(StreamNotOpen),
        }
    }

    /// Removes the stream whose handle the guest has dropped. A call that is not over is cancelled.
    pub(crate) fn remove(&mut self, number: u32) {
        self.open.remove(&number);
    }
}

fn held_status(exceeded: BudgetExceeded) -> Status {
    Status::new(Code::ResourceExhausted, format!("the messages of the calls that the component makes: {exceeded}"))
}

pub(crate) enum StreamReader<'a> {
    Requests(&'a mut RequestStream),
    Call(&'a mut OutgoingCall),
}

pub(crate) enum StreamWriter<'a> {
    Responses(&'a mut ResponseSink),
    Call(&'a mut OutgoingCall),
}

impl StreamReader<'_> {
    /// Waits for the next message; `None` at the end.
    pub(crate) async fn read(self) -> Result<Option<Bytes>, Box<Status>> {
        match self {
            StreamReader::Requests(requests) => requests.next().await.transpose(),
            StreamReader::Call(call) => call.read().await,
        }
    }

    /// Waits for the next message, and returns it with those behind it that have come; none at the end.
    pub(crate) async fn read_batch(self) -> Result<MessageBatch, Box<Status>> {
        match self {
            StreamReader::Requests(requests) => requests.next_batch().await,
            StreamReader::Call(call) => call.read_batch().await,
        }
    }

    /// Makes messages that were read the next ones, in their order.
    pub(crate) fn put_back(self, messages: impl DoubleEndedIterator<Item = Bytes>) {
        match self {
            StreamReader::Requests(requests) => requests.put_back(messages),
            StreamReader::Call(call) => messages.rev().for_each(|message| call.ahead.push_front(message)),
        }
    }
}

impl StreamWriter<'_> {
    /// Whether there is room for a message as large as the last one; for a small one, perhaps.
    pub(crate) fn may_have_room(&self) -> bool {
        match self {
            StreamWriter::Responses(responses) => responses.may_have_room(),
            StreamWriter::Call(call) => call.requests.as_ref().is_none_or(RequestSink::may_have_room),
        }
    }

    /// Waits for room for messages, and sends them. `headers` go before the first message of the call that is served.
    pub(crate) async fn write(self, headers: Metadata, messages: Vec<Bytes>) -> Result<(), Box<Status>> {
        match self {
            StreamWriter::Responses(responses) => {
                if !responses.has_begun() && !headers.is_empty() {
                    responses.headers(headers).await.map_err(caller_gone)?;
                }
                responses.send_all(messages).await.map_err(caller_gone)
            }
            StreamWriter::Call(call) => call.write(messages).await,
        }
    }

    /// Sends a message if there is room for it, and tells whether there was. `headers` go before the first message of the call
    /// that is served.
    pub(crate) fn try_write(self, headers: Metadata, message: Bytes) -> Result<bool, Box<Status>> {
        match self {
            StreamWriter::Responses(responses) => responses.try_send(headers, message).map_err(caller_gone),
            StreamWriter::Call(call) => call.try_write(message),
        }
    }
}

fn caller_gone(_: StreamClosed) -> Box<Status> {
    Box::new(Status::new(Code::Cancelled, "the caller has gone"))
}

/// A streaming call that a guest has begun. Dropped, it is cancelled.
pub(crate) struct OutgoingCall {
    path: String,
    requests: Option<RequestSink>,
    responses: ResponseStream,
    /// Responses that have come and are still to be read.
    ahead: VecDeque<Bytes>,
    outcome: OutgoingOutcome,
    /// The metadata that came back.
    headers: Metadata,
    trailers: Metadata,
    /// The scope in which it began.
    scope: Option<u32>,
    _cancel: DropGuard,
}

impl Drop for OutgoingCall {
    fn drop(&mut self) {
        // If the requests just ended here, the handler could take them for complete.
        if let (Some(requests), Ok(runtime)) = (self.requests.take(), tokio::runtime::Handle::try_current()) {
            let status = Status::new(Code::Cancelled, "the caller has gone");
            runtime.spawn(async move { requests.fail(status).await });
        }
    }
}

enum OutgoingOutcome {
    Pending(AbortOnDropHandle<Result<Metadata, CallFailure>>),
    Known(Result<(), Box<Status>>),
}

impl OutgoingCall {
    fn begin(
        handler: Arc<dyn CallHandler>,
        context: Context,
        request: Option<Bytes>,
        scope: Option<u32>,
        held: &Arc<ByteBudget>,
    ) -> Self {
        let path = context.path();
        let cancel = context.cancellation.clone().drop_guard();
        let (response_sink, responses) = response_channel_within(Some(held.clone()));
        let (own, requests) = match request {
            None => {
                let (sink, requests) = request_channel_within(Some(held.clone()));
                (Some(sink), requests)
            }
            Some(request) => (None, RequestStream::one(request)),
        };
        let task = tokio::spawn(handler.streaming(context, requests, response_sink));
        Self {
            path,
            requests: own,
            responses,
            ahead: VecDeque::new(),
            outcome: OutgoingOutcome::Pending(AbortOnDropHandle::new(task)),
            headers: Metadata::default(),
            trailers: Metadata::default(),
            scope,
            _cancel: cancel,
        }
    }

    /// Returns the scope in which the call began, if any, with the headers and trailers that have come.
    pub(crate) fn take_metadata(&self) -> Option<(u32, Metadata, Metadata)> {
        Some((self.scope?, self.headers.clone(), self.trailers.clone()))
    }

    async fn outcome(&mut self) -> Result<(), Box<Status>> {
        if let OutgoingOutcome::Pending(task) = &mut self.outcome {
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
            self.outcome = OutgoingOutcome::Known(ended);
        }
        match &self.outcome {
            OutgoingOutcome::Known(ended) => ended.clone(),
            OutgoingOutcome::Pending(_) => Ok(()),
        }
    }

    async fn read(&mut self) -> Result<Option<Bytes>, Box<Status>> {
        if let Some(message) = self.ahead.pop_front() {
            return Ok(Some(message));
        }
        loop {
            match self.responses.next().await {
                Some(ResponsePart::Headers(headers)) => self.headers = headers,
                Some(ResponsePart::Message(message)) => return Ok(Some(message)),
                None => {
                    if let Some(exceeded) = self.responses.exceeded() {
                        return Err(Box::new(held_status(exceeded)));
                    }
                    return self.outcome().await.map(|()| None);
                }
            }
        }
    }

    async fn read_batch(&mut self) -> Result<MessageBatch, Box<Status>> {
        let mut batch = MessageBatch::default();
        let mut next = self.read().await?;
        while let Some(message) = next {
            if let Err(message) = batch.add(message) {
                self.ahead.push_front(message);
                break;
            }
            next = if batch.has_room() { self.read_ready() } else { None };
        }
        Ok(batch)
    }

    /// Returns the next response if it has come.
    fn read_ready(&mut self) -> Option<Bytes> {
        self.ahead.pop_front().or_else(|| match self.responses.try_next()? {
            ResponsePart::Message(message) => Some(message),
            // They come before all messages, and so were read.
            ResponsePart::Headers(_) => None,
        })
    }

    fn requests(&mut self) -> Result<&mut RequestSink, Box<Status>> {
        self.requests.as_mut().ok_or_else(|| {
            let message = format!("`{}`: a request was written after the last one", self.path);
            Box::new(Status::new(Code::FailedPrecondition, message))
        })
    }

    async fn write(&mut self, messages: Vec<Bytes>) -> Result<(), Box<Status>> {
        let sent = self.requests()?.send_all(messages).await;
        sent.map_err(|closed| self.requests_closed(closed))
    }

    fn try_write(&mut self, message: Bytes) -> Result<bool, Box<Status>> {
        let sent = self.requests()?.try_send(message);
        sent.map_err(|closed| self.requests_closed(closed))
    }

    fn requests_closed(&self, _: StreamClosed) -> Box<Status> {
        if let Some(exceeded) = self.requests.as_ref().and_then(RequestSink::exceeded) {
            return Box::new(held_status(exceeded));
        }
        // A handler that reads no more has ended or soon will. Reading from the call says why.
        let message = format!("`{}` reads no more requests", self.path);
        Box::new(Status::new(Code::Cancelled, message))
    }

    /// Ends the requests.
    pub(crate) fn done_writing(&mut self) {
        self.requests = None;
    }

    /// Ends the requests, and waits for the one response.
    pub(crate) async fn finish(&mut self) -> Result<Bytes, Box<Status>> {
        self.done_writing();
        let path = self.path.clone();
        read_single(self, |count| Box::new(count.of_responses(&path))).await
    }
}

impl MessageSource for OutgoingCall {
    type Error = Box<Status>;

    async fn next_message(&mut self) -> Result<Option<Bytes>, Box<Status>> {
        self.read().await
    }
}
