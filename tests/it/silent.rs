//! Streams on which nothing happens, and clients that take more than their share of the instances.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use okra::call::{
    CallFailure, Code, Context, Deadline, Metadata, RequestSink, ResponsePart, ResponseStream, request_channel,
    response_channel,
};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::host::TestHost;
use super::streams::{STREAMS, call, is_whole};

const GUEST: &str = "tests/guests/streams";

/// A call that has begun.
struct OpenStream {
    requests: RequestSink,
    responses: ResponseStream,
    work: JoinHandle<Result<Metadata, CallFailure>>,
}

impl OpenStream {
    /// Begins a call from the address of a client.
    fn begin(host: &TestHost, method: &str, client: u8) -> Self {
        let (requests, request_stream) = request_channel();
        let (response_sink, responses) = response_channel();
        let context = Context::new(STREAMS, method)
            .with_deadline(Deadline::after(Duration::from_secs(60)))
            .with_client(SocketAddr::from(([10, 0, 0, client], 1)), None, None);
        let work = tokio::spawn(host.runtime.handler().streaming(context, request_stream, response_sink));
        Self { requests, responses, work }
    }

    /// Sends a number, and returns the answer.
    async fn ask(&mut self, value: u8) -> Option<Bytes> {
        self.requests.send(vec![8, value].into()).await.ok()?;
        self.hear().await
    }

    async fn hear(&mut self) -> Option<Bytes> {
        loop {
            match timeout(Duration::from_secs(10), self.responses.next()).await.unwrap()? {
                ResponsePart::Message(message) => return Some(message),
                ResponsePart::Headers(_) => {}
            }
        }
    }
}

#[tokio::test]
async fn silent_streams_hold_no_instance() {
    let host = TestHost::running(GUEST, |run| run.instances = 16.try_into().unwrap()).await;
    let silent: Vec<_> = (0..32).map(|_| OpenStream::begin(&host, "Sum", 1)).collect();
    // A handler that sends messages may be the one that begins, so these get the instances that can be spared.
    let mute: Vec<_> = (0..32).map(|_| OpenStream::begin(&host, "Double", 1)).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(host.runtime.counts(STREAMS).await.unwrap().lent <= 12);
    assert_eq!(call(&host, STREAMS, "Count", &[2]).await.numbers, [1, 2]);
    drop((silent, mute));
}

#[tokio::test]
async fn a_handler_may_begin() {
    let host = TestHost::running(GUEST, |run| run.instances = 1.try_into().unwrap()).await;
    let mut open = OpenStream::begin(&host, "Shout", 1);
    assert_eq!(open.hear().await.unwrap()[..], [8, 1]);
}

#[tokio::test]
async fn a_stream_without_messages_ends_after_its_idle_time() {
    let host = TestHost::running(GUEST, |run| run.stream_idle = Some(Duration::from_millis(300))).await;
    let (silent, mut heard) = (OpenStream::begin(&host, "Sum", 1), OpenStream::begin(&host, "Double", 1));
    for value in 1..8 {
        assert_eq!(heard.ask(value).await.unwrap()[..], [8, value * 2]);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for (open, method) in [(silent, "Sum"), (heard, "Double")] {
        let failure = timeout(Duration::from_secs(10), open.work).await.unwrap().unwrap().unwrap_err();
        let wanted =
            format!("`/{STREAMS}/{method}`: no message came or went for 300ms, which is `stream-idle` of [run]");
        assert_eq!((failure.status.code, failure.status.message), (Code::DeadlineExceeded, wanted));
    }
    is_whole(&host).await;
}

#[tokio::test]
async fn the_streams_of_one_client_make_room_for_another() {
    let host = TestHost::running(GUEST, |run| run.instances = 4.try_into().unwrap()).await;
    let mut greedy = Vec::new();
    for _ in 0..4 {
        let mut open = OpenStream::begin(&host, "Double", 1);
        open.ask(1).await.unwrap();
        greedy.push(open);
    }
    // More calls of the same client wait, and come after those of others.
    let waiting: Vec<_> = (0..8).map(|_| OpenStream::begin(&host, "Count", 1)).collect();
    let mut other = OpenStream::begin(&host, "Double", 2);
    assert_eq!(other.ask(21).await.unwrap()[..], [8, 42]);
    let newest = greedy.pop().unwrap();
    let failure = timeout(Duration::from_secs(10), newest.work).await.unwrap().unwrap().unwrap_err();
    assert_eq!(failure.status.code, Code::ResourceExhausted, "{}", failure.status);
    // Three quarters are its own.
    for open in &mut greedy {
        assert_eq!(open.ask(5).await.unwrap()[..], [8, 10]);
    }
    drop(waiting);
}
