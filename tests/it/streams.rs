//! Calls with streams: served, called, and broken on the way.

use std::time::Duration;

use bytes::Bytes;
use bytesize::ByteSize;
use okra::call::{
    CallFailure, Code, Context, Deadline, Metadata, ResponsePart, ResponseSink, ResponseStream, request_channel,
    response_channel,
};
use okra::runtime::PoolCounts;

use super::host::TestHost;

pub(crate) const STREAMS: &str = "test.streams.v1.Streams";
pub(crate) const ONWARD: &str = "test.streams.v1.Onward";

guests! {
    rust: "tests/guests/streams", python: "tests/guests/streams-python", go: "tests/guests/streams-go";
    all_shapes_are_served
    requests_need_not_be_read
    headers_trailers_and_an_error_behind_messages
    one_request_is_one_request
    a_malformed_message_ends_the_stream_of_its_call_only
    a_panic_behind_a_message
    a_slow_reader_suspends_the_guest
    a_caller_that_goes_away_frees_the_whole_chain
    a_guest_that_ignores_that_its_caller_has_gone_runs_out_of_time
    a_call_that_is_dropped_is_cancelled_at_the_callee
    streams_have_the_deadline_of_their_caller
    ten_thousand_abandoned_streams_leave_nothing
}

async fn host(guest: &str) -> TestHost {
    TestHost::with(&[guest]).await
}

/// An encoded `Number`.
fn number(value: u64) -> Bytes {
    let mut wire = vec![8];
    prost::encoding::encode_varint(value, &mut wire);
    if value == 0 { Bytes::new() } else { wire.into() }
}

fn value(mut wire: &[u8]) -> u64 {
    if wire.is_empty() {
        return 0;
    }
    assert_eq!(wire[0], 8);
    wire = &wire[1..];
    prost::encoding::decode_varint(&mut wire).unwrap()
}

#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) headers: Option<Metadata>,
    pub(crate) numbers: Vec<u64>,
    pub(crate) outcome: Result<Metadata, CallFailure>,
}

fn context(host: &TestHost, service: &str, method: &str) -> Context {
    let (mut context, _) = host.prepare(&format!("{service}/{method}"), "{}");
    context.deadline = Deadline::after(Duration::from_secs(20));
    context
}

/// Makes a call with these requests, sent before anything is read.
pub(crate) async fn call(host: &TestHost, service: &str, method: &str, sent: &[u64]) -> Heard {
    let (mut sink, requests) = request_channel();
    let (response_sink, mut responses) = response_channel();
    let work = host.runtime.handler().streaming(context(host, service, method), requests, response_sink);
    let send = async move {
        for value in sent {
            if sink.send(number(*value)).await.is_err() {
                break;
            }
        }
    };
    let hear = async {
        let (mut headers, mut numbers) = (None, Vec::new());
        while let Some(part) = responses.next().await {
            match part {
                ResponsePart::Headers(found) => headers = Some(found),
                ResponsePart::Message(message) => numbers.push(value(&message)),
            }
        }
        (headers, numbers)
    };
    let (outcome, (), (headers, numbers)) = tokio::join!(work, send, hear);
    Heard { headers, numbers, outcome }
}

/// Every place of the pool is free again.
pub(crate) async fn is_whole(host: &TestHost) {
    let heard = call(host, STREAMS, "Count", &[2]).await;
    assert_eq!(heard.numbers, [1, 2]);
    for _ in 0..500 {
        let PoolCounts { lent, waiting, .. } = host.runtime.counts(STREAMS).await.unwrap();
        if (lent, waiting) == (0, 0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("instances are still lent: {:?}", host.runtime.counts(STREAMS).await);
}

async fn all_shapes_are_served(guest: &str) {
    let host = host(guest).await;
    for service in [STREAMS, ONWARD] {
        let count = call(&host, service, "Count", &[1000]).await;
        assert_eq!(count.numbers, (1..=1000).collect::<Vec<_>>(), "{service}: {:?}", count.outcome);
        let sum = call(&host, service, "Sum", &(1..=100).collect::<Vec<_>>()).await;
        assert_eq!(sum.numbers, [5050], "{service}: {:?}", sum.outcome);
        let double = call(&host, service, "Double", &[1, 2, 3]).await;
        assert_eq!(double.numbers, [2, 4, 6], "{service}: {:?}", double.outcome);
        let none = call(&host, service, "Double", &[]).await;
        assert!(none.numbers.is_empty() && none.outcome.is_ok(), "{service}: {:?}", none.outcome);
    }
    is_whole(&host).await;
}

async fn requests_need_not_be_read(guest: &str) {
    let host = host(guest).await;
    let many: Vec<_> = (0..1000).collect();
    assert_eq!(call(&host, STREAMS, "Shout", &many).await.numbers, [1, 2, 3]);
    assert_eq!(call(&host, STREAMS, "Until", &many).await.numbers, [11]);
    is_whole(&host).await;
}

async fn headers_trailers_and_an_error_behind_messages(guest: &str) {
    let host = host(guest).await;
    let heard = call(&host, STREAMS, "Break", &[7]).await;
    assert_eq!(heard.numbers, [7, 8]);
    assert_eq!(heard.headers.unwrap().get("x-early"), Some(&b"header"[..]));
    let failure = heard.outcome.unwrap_err();
    assert_eq!((failure.status.code, &*failure.status.message), (Code::Aborted, "on purpose"));
    assert_eq!(failure.status.metadata.get("x-end"), Some(&b"trailer"[..]));

    let nothing = call(&host, STREAMS, "Nothing", &[7]).await;
    assert_eq!(nothing.headers.unwrap().get("x-early"), Some(&b"header"[..]));
    assert_eq!(nothing.outcome.unwrap().get("x-end"), Some(&b"trailer"[..]));

    let (context, request) = host.prepare(&format!("{ONWARD}/Tell"), r#"{"value":"7"}"#);
    let told = host.runtime.handler().unary(context, request).await.unwrap();
    assert_eq!(host.json(&format!("{ONWARD}/Tell"), &told), r#"{"text":"7 8 ABORTED: on purpose, header, trailer"}"#);
}

async fn one_request_is_one_request(guest: &str) {
    let host = host(guest).await;
    for sent in [&[][..], &[1, 2]] {
        let failure = call(&host, STREAMS, "Count", sent).await.outcome.unwrap_err();
        assert_eq!(failure.status.code, Code::Unimplemented, "{}", failure.status);
    }
}

async fn a_malformed_message_ends_the_stream_of_its_call_only(guest: &str) {
    let host = host(guest).await;
    let (mut sink, requests) = request_channel();
    let (response_sink, mut responses) = response_channel();
    sink.send(number(21)).await.unwrap();
    sink.send(Bytes::from_static(b"\x0a\x05hi")).await.unwrap();
    let work = host.runtime.handler().streaming(context(&host, STREAMS, "Double"), requests, response_sink);
    let failure = work.await.unwrap_err();
    assert_eq!(failure.status.code, Code::Internal, "{}", failure.status);
    assert_eq!(next(&mut responses).await, Some(42));
    is_whole(&host).await;
}

async fn a_panic_behind_a_message(guest: &str) {
    let host = host(guest).await;
    let heard = call(&host, STREAMS, "Panic", &[]).await;
    assert_eq!(heard.numbers, [1]);
    assert_eq!(heard.outcome.unwrap_err().status.code, Code::Internal);
    is_whole(&host).await;
}

async fn next(responses: &mut ResponseStream) -> Option<u64> {
    loop {
        match responses.next().await? {
            ResponsePart::Headers(_) => {}
            ResponsePart::Message(message) => return Some(value(&message)),
        }
    }
}

fn open(host: &TestHost, service: &str, method: &str, request: u64) -> (ResponseStream, tokio::task::JoinHandle<bool>) {
    let (mut sink, requests) = request_channel();
    let (response_sink, responses): (ResponseSink, ResponseStream) = response_channel();
    let (runtime, context) = (host.runtime.clone(), context(host, service, method));
    let work = tokio::spawn(async move {
        let _ = sink.send(number(request)).await;
        drop(sink);
        runtime.handler().streaming(context, requests, response_sink).await.is_ok()
    });
    (responses, work)
}

async fn a_slow_reader_suspends_the_guest(guest: &str) {
    let host = host(guest).await;
    let (mut responses, work) = open(&host, STREAMS, "Count", u64::MAX);
    assert_eq!(next(&mut responses).await, Some(1));
    // It would be at its end of CPU time long before, did it run.
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert!(!work.is_finished());
    assert_eq!(next(&mut responses).await, Some(2));
    drop(responses);
    assert!(!work.await.unwrap(), "the write fails");
    is_whole(&host).await;
}

async fn a_caller_that_goes_away_frees_the_whole_chain(guest: &str) {
    let host = host(guest).await;
    let (mut responses, work) = open(&host, ONWARD, "Count", u64::MAX);
    assert_eq!(next(&mut responses).await, Some(1));
    work.abort();
    drop(responses);
    is_whole(&host).await;
}

async fn a_guest_that_ignores_that_its_caller_has_gone_runs_out_of_time(guest: &str) {
    let host = host(guest).await;
    let (mut responses, work) = open(&host, STREAMS, "Spin", 1);
    assert_eq!(next(&mut responses).await, Some(0));
    drop(responses);
    assert!(!work.await.unwrap());
    is_whole(&host).await;
}

async fn a_call_that_is_dropped_is_cancelled_at_the_callee(guest: &str) {
    let host = host(guest).await;
    assert_eq!(host.call(&format!("{ONWARD}/Leave"), r#"{"value":"3"}"#).await.unwrap(), r#"{"value":"3"}"#);
    is_whole(&host).await;
}

async fn streams_have_the_deadline_of_their_caller(guest: &str) {
    let host = host(guest).await;
    let (_sink, requests) = request_channel();
    let (response_sink, _responses) = response_channel();
    let mut context = context(&host, STREAMS, "Double");
    context.deadline = Deadline::after(Duration::from_millis(30));
    let failure = host.runtime.handler().streaming(context, requests, response_sink).await.unwrap_err();
    assert_eq!(failure.status.code, Code::DeadlineExceeded);
    is_whole(&host).await;
}

async fn ten_thousand_abandoned_streams_leave_nothing(guest: &str) {
    let host = host(guest).await;
    for _ in 0..10_000 {
        let (_, requests) = request_channel();
        let (response_sink, responses) = response_channel();
        let work = host.runtime.handler().streaming(context(&host, STREAMS, "Double"), requests, response_sink);
        {
            let mut work = std::pin::pin!(work);
            assert!(futures_util::poll!(&mut work).is_pending());
        }
        drop(responses);
    }
    is_whole(&host).await;
}

#[tokio::test]
async fn a_stream_that_was_kept_from_an_earlier_call_is_none() {
    let host = host("tests/guests/streams").await;
    let keep = "test.streams.v1.Keeper/Keep";
    host.call(keep, r#"{"value":"1"}"#).await.unwrap();
    let status = host.call(keep, r#"{"value":"1"}"#).await.unwrap_err().status;
    assert_eq!(status.code, Code::Internal, "{status}");
    assert!(status.message.contains("belongs to an earlier call"), "{status}");
    is_whole(&host).await;
}

#[tokio::test]
async fn the_largest_request_bounded_streamed_responses_and_the_largest_response_did_not() {
    let small_requests = TestHost::running("tests/guests/streams", |run| run.max_request = ByteSize::b(2)).await;
    // Messages with numbers above 127 have three bytes.
    let heard = call(&small_requests, STREAMS, "Double", &[100]).await;
    assert_eq!((heard.outcome.is_ok(), heard.numbers), (true, vec![200]), "{:?}", heard.outcome);
    let small_responses = TestHost::running("tests/guests/streams", |run| run.max_response = ByteSize::b(2)).await;
    let heard = call(&small_responses, STREAMS, "Count", &[200]).await;
    let status = heard.outcome.unwrap_err().status;
    assert_eq!((status.code, heard.numbers.len()), (Code::ResourceExhausted, 127), "{status}");
}
