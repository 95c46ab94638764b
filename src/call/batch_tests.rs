//! Messages of streams that are read together.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use futures_util::{poll, stream};

use crate::call::batch::{BATCH_BYTES, BATCH_MESSAGES};
use crate::call::{Code, RequestStream, Status, request_channel};

#[tokio::test]
async fn a_batch_has_the_messages_that_have_come_and_what_ended_the_stream_comes_behind_it() {
    let (mut sink, mut requests) = request_channel();
    {
        let mut waiting = std::pin::pin!(requests.next_batch());
        assert!(poll!(&mut waiting).is_pending());
        sink.send_all(vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")]).await.unwrap();
        assert_eq!(waiting.await.unwrap().into_messages(), ["one", "two"]);
    }
    assert!(sink.try_send(Bytes::from_static(b"three")).unwrap());
    sink.fail(Status::new(Code::Aborted, "on purpose")).await.unwrap();
    assert_eq!(requests.next_batch().await.unwrap().into_messages(), ["three"]);
    assert_eq!(requests.next_batch().await.unwrap_err().message, "on purpose");
    assert!(requests.next_batch().await.unwrap().into_messages().is_empty());
}

#[tokio::test]
async fn messages_that_were_put_back_are_the_next_ones() {
    let (mut sink, mut requests) = request_channel();
    sink.send_all((b'a'..=b'd').map(|byte| vec![byte].into()).collect()).await.unwrap();
    drop(sink);
    let mut messages = requests.next_batch().await.unwrap().into_messages().into_iter();
    assert_eq!(messages.next().unwrap(), "a");
    requests.put_back(messages);
    assert_eq!(requests.next().await.unwrap().unwrap(), "b");
    assert_eq!(requests.next_batch().await.unwrap().into_messages(), ["c", "d"]);
    assert!(requests.next().await.is_none());
}

#[tokio::test]
async fn a_batch_is_bounded_in_messages_and_bytes_and_a_large_message_goes_alone() {
    let sizes = [1, BATCH_BYTES * 2, BATCH_BYTES / 2, BATCH_BYTES / 2, 1];
    let messages = sizes.map(|size| Ok(Bytes::from(vec![0; size])));
    let many = (0..=BATCH_MESSAGES).map(|_| Ok(Bytes::new()));
    let mut requests = RequestStream::new(stream::iter(messages.into_iter().chain(many)));
    let mut counts = Vec::new();
    loop {
        match requests.next_batch().await.unwrap().into_messages().len() {
            0 => break,
            count => counts.push(count),
        }
    }
    assert_eq!(counts, [1, 1, 2, BATCH_MESSAGES, 2]);
}
