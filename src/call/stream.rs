//! Streams of messages to a handler and back.
//!
//! Backpressure: between tasks messages wait in bounded queues, and a request stream is polled for the messages that its
//! handler asks for, so that a slow reader slows the writer. A reader of batches gets what has arrived already.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

use crate::call::batch::MessageBatch;
use crate::call::guest_thread::is_busy_thread;
use crate::call::queue::{QueueReceiver, QueueSender, StreamClosed, TrySend, queue};
use crate::call::{BudgetExceeded, ByteBudget, Code, Metadata, Status, StreamActivity, WrongCount};

/// Where requests come from: a task of this process, or another stream.
enum RequestOrigin {
    Queue(QueueReceiver<Result<Bytes, Box<Status>>>),
    Stream(BoxStream<'static, Result<Bytes, Box<Status>>>),
}

impl Stream for RequestOrigin {
    type Item = Result<Bytes, Box<Status>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut *self {
            Self::Queue(queue) => queue.poll_next_unpin(cx),
            Self::Stream(messages) => messages.poll_next_unpin(cx),
        }
    }
}

/// The request messages of a call, as its handler reads them.
pub struct RequestStream {
    messages: RequestOrigin,
    /// Messages that have come and are still to be read, or the end.
    ahead: VecDeque<Option<Result<Bytes, Box<Status>>>>,
    activity: Option<Arc<StreamActivity>>,
    /// The largest message, in bytes.
    max_bytes: usize,
    /// Whether the messages are read from a connection.
    is_of_connection: bool,
    /// The task that reads them for a handler on a thread for long work.
    reading: Option<AbortOnDropHandle<()>>,
}

/// The writing end of a call's requests. Dropping it ends them: the caller has sent all of them.
#[derive(Debug)]
pub struct RequestSink(QueueSender<Result<Bytes, Box<Status>>>);

/// The request messages of a call: where they go in, and where they come out.
pub fn request_channel() -> (RequestSink, RequestStream) {
    request_channel_within(None)
}

/// Makes a stream of requests whose bytes are charged to the budget while they wait. The stream ends when there is no room
/// for one of them.
pub(crate) fn request_channel_within(budget: Option<Arc<ByteBudget>>) -> (RequestSink, RequestStream) {
    let (sender, receiver) = queue(budget);
    let requests = RequestStream::of(RequestOrigin::Queue(receiver));
    (RequestSink(sender), RequestStream { is_of_connection: false, ..requests })
}

impl RequestStream {
    /// Wraps a stream of encoded messages. It is polled when the handler wants the next message and not before.
    pub fn new(messages: impl Stream<Item = Result<Bytes, Box<Status>>> + Send + 'static) -> Self {
        Self::of(RequestOrigin::Stream(messages.boxed()))
    }

    fn of(messages: RequestOrigin) -> Self {
        Self {
            messages,
            ahead: VecDeque::new(),
            activity: None,
            max_bytes: usize::MAX,
            is_of_connection: true,
            reading: None,
        }
    }

    /// Records each message that is read.
    pub(crate) fn with_activity(self, activity: Arc<StreamActivity>) -> Self {
        Self { activity: Some(activity), ..self }
    }

    /// Refuses messages of more than `max_bytes` bytes.
    pub(crate) fn with_limit(self, max_bytes: usize) -> Self {
        Self { max_bytes, ..self }
    }

    /// Waits until [`next`](Self::next) has the first message, or the end. Called before any message was read.
    ///
    /// # Cancellation
    /// No message is lost.
    pub(crate) async fn wait_for_first(&mut self) {
        if self.ahead.is_empty() {
            let first = self.messages.next().await;
            self.ahead.push_back(first);
        }
    }

    /// Makes a stream of one message.
    pub fn one(message: Bytes) -> Self {
        Self { is_of_connection: false, ..Self::new(stream::iter([Ok(message)])) }
    }

    /// Waits for the next message; `None` when the caller has sent all of them.
    ///
    /// # Errors
    /// Why no more messages can be read, such as one that is too large. No message comes after an error.
    ///
    /// # Cancellation
    /// No message is lost.
    pub async fn next(&mut self) -> Option<Result<Bytes, Box<Status>>> {
        let message = self.next_checked().await;
        if matches!(message, Some(Ok(_))) {
            self.touch();
        }
        message
    }

    /// Waits for the next message, and returns it with those behind it that have arrived; none when the caller has sent all of
    /// them. An error behind messages is returned by the next call.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    ///
    /// # Cancellation
    /// No message is lost.
    pub(crate) async fn next_batch(&mut self) -> Result<MessageBatch, Box<Status>> {
        let mut batch = MessageBatch::default();
        let Some(first) = self.next_checked().await.transpose()? else { return Ok(batch) };
        let mut next = batch.add(first).err().map(|first| Some(Ok(first)));
        while next.is_none() && batch.has_room() {
            next = match self.next_checked().now_or_never() {
                Some(Some(Ok(message))) => batch.add(message).err().map(|message| Some(Ok(message))),
                Some(end) => Some(end),
                None => break,
            };
        }
        if let Some(next) = next {
            self.ahead.push_front(next);
        }
        self.touch();
        Ok(batch)
    }

    /// Makes messages that were read the next ones, in their order.
    pub(crate) fn put_back(&mut self, messages: impl DoubleEndedIterator<Item = Bytes>) {
        for message in messages.rev() {
            self.ahead.push_front(Some(Ok(message)));
        }
    }

    /// Returns the next message if it is not too large.
    async fn next_checked(&mut self) -> Option<Result<Bytes, Box<Status>>> {
        if self.is_of_connection && is_busy_thread() {
            self.read_in_task();
        }
        let message = match self.ahead.pop_front() {
            Some(message) => message,
            None => self.messages.next().await,
        };
        if let Some(Ok(message)) = &message
            && let Err(status) = check_request_size(message, self.max_bytes)
        {
            self.messages = RequestOrigin::Stream(stream::empty().boxed());
            return Some(Err(status));
        }
        message
    }

    /// Records that a message was read.
    fn touch(&self) {
        if let Some(activity) = &self.activity {
            activity.touch();
        }
    }
}

impl RequestStream {
    /// Reads the messages in a task from now on, up to a [queue](queue()) of them. To read takes locks of the connection, for which
    /// its task would wait while a thread of a low priority has them and does not run.
    fn read_in_task(&mut self) {
        self.is_of_connection = false;
        let Ok(runtime) = Handle::try_current() else { return };
        let (mut sender, receiver) = queue(None);
        let mut messages = std::mem::replace(&mut self.messages, RequestOrigin::Queue(receiver));
        self.reading = Some(AbortOnDropHandle::new(runtime.spawn(async move {
            while let Some(message) = messages.next().await {
                let size = message.as_ref().map_or(0, Bytes::len);
                if sender.send(message, size).await.is_err() {
                    break;
                }
            }
        })));
    }
}

/// Checks the size of a request message. The gateway has done so for clients; components in this process have none before
/// them.
///
/// # Errors
/// RESOURCE_EXHAUSTED when the message is larger than `limit` bytes.
pub(crate) fn check_request_size(message: &[u8], limit: usize) -> Result<(), Box<Status>> {
    check_request_bytes(message.len(), limit)
}

/// As [`check_request_size`], with the bytes of the message.
///
/// # Errors
/// As [`check_request_size`].
pub(crate) fn check_request_bytes(bytes: usize, limit: usize) -> Result<(), Box<Status>> {
    if bytes <= limit {
        return Ok(());
    }
    let text = format!("the request message has {bytes} bytes, the limit is {limit}");
    Err(Box::new(Status::new(Code::ResourceExhausted, text)))
}

impl fmt::Debug for RequestStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").finish_non_exhaustive()
    }
}

impl RequestSink {
    /// Waits until the queue has room for the message, and sends it.
    ///
    /// # Errors
    /// When the handler no longer reads.
    ///
    /// # Cancellation
    /// The message is sent or not; what was sent stays.
    pub async fn send(&mut self, message: Bytes) -> Result<(), StreamClosed> {
        let size = message.len();
        self.0.send(Ok(message), size).await
    }

    /// Whether there is room for a message as large as the last one; for a small one, perhaps.
    pub(crate) fn may_have_room(&self) -> bool {
        self.0.may_have_room()
    }

    /// Sends a message if there is room for it, and tells whether there was.
    ///
    /// # Errors
    /// When the handler no longer reads.
    pub(crate) fn try_send(&mut self, message: Bytes) -> Result<bool, StreamClosed> {
        let size = message.len();
        self.0.try_send(Ok(message), size).map(|sent| matches!(sent, TrySend::Sent))
    }

    /// Waits until the queue has room for the messages, and sends them in their order.
    ///
    /// # Errors
    /// When the handler no longer reads.
    ///
    /// # Cancellation
    /// The first of them are sent, the others not.
    pub(crate) async fn send_all(&mut self, messages: Vec<Bytes>) -> Result<(), StreamClosed> {
        let sized = messages.into_iter().map(|message| {
            let size = message.len();
            (Ok(message), size)
        });
        self.0.send_all(sized).await
    }

    /// Returns the budget that had no room for a message, which has ended the stream.
    pub(crate) fn exceeded(&self) -> Option<BudgetExceeded> {
        self.0.exceeded()
    }

    /// Ends the stream with the reason why no more messages come.
    ///
    /// # Errors
    /// When the handler no longer reads.
    pub async fn fail(mut self, status: Status) -> Result<(), StreamClosed> {
        self.0.send(Err(Box::new(status)), 0).await
    }
}

/// One part of a streaming response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponsePart {
    /// The response headers: at most once, and before any message.
    Headers(Metadata),
    /// A response message.
    Message(Bytes),
}

/// The response headers and messages of a call, as its caller reads them.
#[derive(Debug)]
pub struct ResponseStream(QueueReceiver<ResponsePart>);

/// The writing end of a call's response headers and messages.
#[derive(Debug)]
pub struct ResponseSink {
    sender: QueueSender<ResponsePart>,
    begun: bool,
    activity: Option<Arc<StreamActivity>>,
}

/// Makes a stream of responses and returns its two ends.
pub fn response_channel() -> (ResponseSink, ResponseStream) {
    response_channel_within(None)
}

/// Makes a stream of responses whose bytes are charged to the budget while they wait. The stream ends when there is no room
/// for one of them.
pub(crate) fn response_channel_within(budget: Option<Arc<ByteBudget>>) -> (ResponseSink, ResponseStream) {
    let (sender, receiver) = queue(budget);
    (ResponseSink { sender, begun: false, activity: None }, ResponseStream(receiver))
}

impl ResponseStream {
    /// Waits for the next part; `None` when the handler has ended, whose outcome says how.
    ///
    /// # Cancellation
    /// No part is lost.
    pub async fn next(&mut self) -> Option<ResponsePart> {
        self.0.next().await
    }

    /// Reads the headers and the only message of a stream, to its end.
    ///
    /// # Errors
    /// When the stream has another number of messages.
    pub(crate) async fn read_single(&mut self) -> Result<(Metadata, Bytes), WrongCount> {
        let (mut headers, mut messages, mut single) = (Metadata::default(), 0_usize, None);
        while let Some(part) = self.next().await {
            match part {
                ResponsePart::Headers(part) => headers = part,
                ResponsePart::Message(message) => {
                    messages += 1;
                    single = Some(message);
                }
            }
        }
        match single {
            None => Err(WrongCount::None),
            Some(message) if messages == 1 => Ok((headers, message)),
            Some(_) => Err(WrongCount::MoreThanOne),
        }
    }

    /// Returns the budget that had no room for a message, which has ended the stream.
    pub(crate) fn exceeded(&self) -> Option<BudgetExceeded> {
        self.0.exceeded()
    }

    /// Returns the next part if there is one already.
    pub fn try_next(&mut self) -> Option<ResponsePart> {
        self.0.try_next()
    }
}

impl ResponseSink {
    /// Records each message that is sent.
    pub(crate) fn with_activity(self, activity: Arc<StreamActivity>) -> Self {
        Self { activity: Some(activity), ..self }
    }

    /// Whether headers or a message have been sent, after which no headers can follow.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// Sends the response headers. Does nothing when headers or a message were sent before.
    ///
    /// # Errors
    /// When the caller has gone.
    pub async fn headers(&mut self, headers: Metadata) -> Result<(), StreamClosed> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        self.sender.send(ResponsePart::Headers(headers), 0).await
    }

    /// Waits until the queue has room for the message, and sends it: a slow caller slows its handler.
    ///
    /// # Errors
    /// When the caller has gone.
    ///
    /// # Cancellation
    /// The message is sent or not; what was sent stays.
    pub async fn send(&mut self, message: Bytes) -> Result<(), StreamClosed> {
        self.begun = true;
        let size = message.len();
        self.sender.send(ResponsePart::Message(message), size).await?;
        self.touch();
        Ok(())
    }

    /// Whether there is room for a message as large as the last one; for a small one, perhaps.
    pub(crate) fn may_have_room(&self) -> bool {
        self.sender.may_have_room()
    }

    /// Sends a message if there is room for it, and tells whether there was. There is when nothing was sent yet. `headers` go
    /// before the first message.
    ///
    /// # Errors
    /// When the caller has gone.
    pub(crate) fn try_send(&mut self, headers: Metadata, message: Bytes) -> Result<bool, StreamClosed> {
        if !self.begun && !headers.is_empty() {
            self.sender.try_send(ResponsePart::Headers(headers), 0)?;
        }
        self.begun = true;
        let size = message.len();
        let sent = matches!(self.sender.try_send(ResponsePart::Message(message), size)?, TrySend::Sent);
        if sent {
            self.touch();
        }
        Ok(sent)
    }

    /// Waits until the queue has room for the messages, and sends them in their order.
    ///
    /// # Errors
    /// When the caller has gone.
    ///
    /// # Cancellation
    /// The first of them are sent, the others not.
    pub(crate) async fn send_all(&mut self, messages: Vec<Bytes>) -> Result<(), StreamClosed> {
        self.begun = true;
        let sized = messages.into_iter().map(|message| {
            let size = message.len();
            (ResponsePart::Message(message), size)
        });
        self.sender.send_all(sized).await?;
        self.touch();
        Ok(())
    }

    /// Records that a message was sent.
    fn touch(&self) {
        if let Some(activity) = &self.activity {
            activity.touch();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures_util::poll;

    use super::*;
    use crate::call::guest_thread::begin_busy_thread;
    use crate::call::queue::{BYTES, ITEMS};

    #[tokio::test]
    async fn a_stream_holds_so_many_messages() {
        let (mut sink, mut requests) = request_channel();
        for number in 0..ITEMS {
            sink.send(vec![number as u8].into()).await.unwrap();
        }
        {
            let mut more = std::pin::pin!(sink.send(Bytes::from_static(b"more")));
            assert!(poll!(&mut more).is_pending());
            assert_eq!(requests.next().await.unwrap().unwrap().as_ref(), [0]);
            more.await.unwrap();
        }
        drop(sink);
        let mut rest = 0;
        while requests.next().await.is_some() {
            rest += 1;
        }
        assert_eq!(rest, ITEMS);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_handler_on_a_thread_for_long_work_does_not_read_the_connection_itself() {
        let messages = stream::iter(0..100_u8).map(|number| {
            assert!(!is_busy_thread());
            Ok(Bytes::from(vec![number]))
        });
        let mut requests = RequestStream::new(messages);
        let home = Handle::current();
        let read = tokio::task::spawn_blocking(move || {
            std::thread::spawn(move || {
                begin_busy_thread();
                let mut read = Vec::new();
                while let Some(message) = home.block_on(requests.next()) {
                    read.extend_from_slice(&message.unwrap());
                }
                read
            })
            .join()
            .unwrap()
        });
        assert_eq!(read.await.unwrap(), (0..100).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_stream_holds_so_many_bytes() {
        let (mut sink, mut responses) = response_channel();
        sink.send(vec![0; BYTES * 2].into()).await.unwrap();
        {
            let mut more = std::pin::pin!(sink.send(Bytes::from_static(b"more")));
            assert!(poll!(&mut more).is_pending());
            assert!(
                matches!(responses.next().await, Some(ResponsePart::Message(message)) if message.len() == BYTES * 2)
            );
            more.await.unwrap();
        }
        drop(responses);
        assert_eq!(sink.send(Bytes::from_static(b"more")).await, Err(StreamClosed));
    }

    #[tokio::test]
    async fn messages_are_charged_while_they_wait_and_end_the_stream_when_there_is_no_room() {
        let budget = ByteBudget::of_process(300 * 1024);
        let (mut sink, mut responses) = response_channel_within(Some(budget.clone()));
        sink.send(vec![0; 1024].into()).await.unwrap();
        assert_eq!(budget.used(), 0);
        sink.send(vec![0; 100 * 1024].into()).await.unwrap();
        assert_eq!(budget.used(), 128 * 1024);
        responses.next().await.unwrap();
        responses.next().await.unwrap();
        assert_eq!(budget.used(), 0);
        assert_eq!(sink.send(vec![0; 320 * 1024].into()).await, Err(StreamClosed));
        assert_eq!(responses.next().await, None);
        assert_eq!(responses.exceeded().unwrap().limit, 300 * 1024);
    }

    #[tokio::test]
    async fn the_first_message_or_the_end_can_be_waited_for_and_is_read_all_the_same() {
        let (mut sink, mut requests) = request_channel();
        assert!(poll!(std::pin::pin!(requests.wait_for_first())).is_pending());
        sink.send(Bytes::from_static(b"one")).await.unwrap();
        requests.wait_for_first().await;
        requests.wait_for_first().await;
        sink.send(Bytes::from_static(b"two")).await.unwrap();
        drop(sink);
        assert_eq!(requests.next().await.unwrap().unwrap(), "one");
        assert_eq!(requests.next().await.unwrap().unwrap(), "two");
        assert_eq!(requests.next().await, None);
        let (sink, mut requests) = request_channel();
        drop(sink);
        requests.wait_for_first().await;
        assert_eq!(requests.next().await, None);
    }

    #[tokio::test]
    async fn a_stream_is_idle_when_no_message_has_moved_in_either_direction() {
        let activity = Arc::new(StreamActivity::new());
        let (mut requests, mut queued) = request_channel();
        queued = queued.with_activity(activity.clone());
        let (sink, _responses) = response_channel();
        let mut sink = sink.with_activity(activity.clone());
        let longest = std::time::Duration::from_millis(500);
        for turn in 0..4 {
            tokio::time::sleep(longest / 4).await;
            match turn % 2 {
                0 => sink.send(Bytes::new()).await.unwrap(),
                _ => {
                    requests.send(Bytes::new()).await.unwrap();
                    queued.next().await.unwrap().unwrap();
                }
            }
            assert!(poll!(std::pin::pin!(activity.wait_until_idle(longest))).is_pending());
        }
        activity.wait_until_idle(longest).await;
    }

    #[tokio::test]
    async fn who_waits_for_room_learns_that_the_reader_has_gone() {
        let (mut sink, responses) = response_channel();
        sink.send(vec![0; BYTES].into()).await.unwrap();
        let mut more = std::pin::pin!(sink.send(Bytes::from_static(b"more")));
        assert!(poll!(&mut more).is_pending());
        drop(responses);
        assert_eq!(more.await, Err(StreamClosed));
    }

    #[tokio::test]
    async fn headers_go_once_and_first() {
        let (mut sink, mut responses) = response_channel();
        sink.headers(Metadata::default()).await.unwrap();
        sink.headers(Metadata::default()).await.unwrap();
        sink.send(Bytes::new()).await.unwrap();
        drop(sink);
        assert_eq!(responses.next().await, Some(ResponsePart::Headers(Metadata::default())));
        assert_eq!(responses.next().await, Some(ResponsePart::Message(Bytes::new())));
        assert_eq!(responses.next().await, None);
    }
}
