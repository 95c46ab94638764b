//! Backpressure, and streams whose other end has gone.

use tokio::sync::watch;

use crate::call::{ByteBudget, MessageSource as _};
use crate::gateway::call::request_reader::{RequestBounds, RequestReader};
use crate::gateway::peer::Connections;
use crate::gateway::tests::*;

/// Waits until a number does not grow any more.
async fn settled(number: &watch::Sender<usize>) -> usize {
    let mut before = *number.borrow();
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = *number.borrow();
        if now == before && now > 0 {
            return now;
        }
        before = now;
    }
}

/// Sends messages of a kibibyte as long as there is room; returns how many fitted.
async fn fill(stream: &mut h2::SendStream<Bytes>) -> usize {
    let message = framed(&text(&"x".repeat(1016)));
    let mut sent = 0;
    loop {
        stream.reserve_capacity(message.len());
        while stream.capacity() < message.len() {
            let capacity = std::future::poll_fn(|cx| stream.poll_capacity(cx));
            match timeout(Duration::from_millis(200), capacity).await {
                Ok(capacity) => drop(capacity.unwrap().unwrap()),
                Err(_) => return sent,
            }
        }
        stream.send_data(message.clone().into(), false).unwrap();
        sent += 1;
    }
}

#[tokio::test]
async fn a_caller_that_does_not_read_stops_its_handler() {
    let server = Server::start().await;
    let request = post(&server, "/greeter.v1.Greeter/Endless").body(()).unwrap();
    let (response, mut open) = open(&server, request, &framed(&text("Ada"))).await;
    open.send_data(Bytes::new(), true).unwrap();
    let mut body = response.await.unwrap().into_body();
    let stopped = settled(&server.fake.sent).await;
    assert!(stopped < 1500, "{stopped} KiB were sent to one who does not read");
    // It goes on once there is room again.
    let mut read = 0;
    while read < 4 << 20 {
        let data = body.data().await.unwrap().unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        read += data.len();
    }
    assert!(*server.fake.sent.borrow() > stopped);
    drop((body, open));
    server.idle().await;
}

#[tokio::test]
async fn a_handler_that_does_not_read_stops_its_caller_and_no_other_call() {
    let server = Server::start().await;
    let sender = connection(&server).await;
    let mut stalled = Vec::new();
    for _ in 0..4 {
        let request = post(&server, "/greeter.v1.Greeter/Slow").body(()).unwrap();
        let (response, mut stream) = open_on(&sender, request, &[], false).await;
        let sent = fill(&mut stream).await;
        assert!((100..1000).contains(&sent), "{sent} KiB were sent to one who does not read");
        stalled.push((response, stream, sent));
    }
    assert_eq!(*server.fake.read.borrow(), 0);
    let request = post(&server, "/greeter.v1.Greeter/Echo").body(()).unwrap();
    let (response, _stream) = open_on(&sender, request, &framed(&text("Ada")), true).await;
    let answer = timeout(Duration::from_secs(5), response).await.unwrap().unwrap();
    assert_eq!(read(answer).await.status().code(), Code::Ok);
    server.release();
    let mut all = 0;
    for (response, mut stream, sent) in stalled {
        stream.send_data(Bytes::new(), true).unwrap();
        assert_eq!(read(response.await.unwrap()).await.body, framed(&text("read")));
        all += sent;
    }
    assert_eq!(*server.fake.read.borrow(), all);
}

#[tokio::test]
async fn a_stopped_caller_is_let_go_when_the_handler_is_done() {
    let server = Server::start().await;
    let request = post(&server, "/greeter.v1.Greeter/Deaf").body(()).unwrap();
    let (response, mut stream) = open(&server, request, &[]).await;
    fill(&mut stream).await;
    server.release();
    let answer = read(timeout(Duration::from_secs(5), response).await.unwrap().unwrap()).await;
    assert_eq!((answer.status().code(), answer.body), (Code::Ok, Bytes::from(framed(&text("deaf")))));
}

#[tokio::test]
async fn a_reset_cancels_the_handler_and_only_it() {
    let mut server = Server::start().await;
    let sender = connection(&server).await;
    let mut calls = Vec::new();
    // Before anything was answered; in mid-stream; while the request goes on; with a response that is not read.
    for (method, name, end) in
        [("Script", "wait", true), ("Script", "a wait", true), ("Chat", "Ada", false), ("Endless", "Ada", true)]
    {
        let request = post(&server, &format!("/greeter.v1.Greeter/{method}")).body(()).unwrap();
        let (response, stream) = open_on(&sender, request, &framed(&text(name)), end).await;
        calls.push((response, stream, server.began.recv().await.unwrap()));
    }
    let last = *server.fake.alive.borrow();
    assert_eq!(last, calls.len());
    for (left, (response, mut stream, context)) in calls.into_iter().enumerate() {
        assert!(!context.cancellation.is_cancelled());
        stream.send_reset(h2::Reason::CANCEL);
        timeout(Duration::from_secs(5), context.cancellation.cancelled()).await.unwrap();
        let mut alive = server.fake.alive.subscribe();
        let gone = alive.wait_for(|alive| *alive == last - left - 1);
        timeout(Duration::from_secs(5), gone).await.unwrap().unwrap();
        drop(response);
    }
}

#[tokio::test]
async fn a_closed_connection_cancels_its_handlers() {
    let mut server = Server::start().await;
    let channel = server.channel().await;
    let mut held = Vec::new();
    for name in ["a wait", "headers wait"] {
        let messages = stream(channel.clone(), "Script", tokio_stream::once(text(name))).await.unwrap().into_inner();
        held.push((messages, server.began.recv().await.unwrap()));
    }
    let (messages, contexts): (Vec<_>, Vec<_>) = held.into_iter().unzip();
    drop((channel, messages));
    server.idle().await;
    assert!(contexts.iter().all(|context| context.cancellation.is_cancelled()));
}

/// A handler would believe that it had read them all.
#[tokio::test]
async fn a_request_that_broke_off_has_not_ended() {
    let frames = [Ok(http_body::Frame::data(Bytes::from(framed(b"whole")))), Err(h2::Error::from(h2::Reason::CANCEL))];
    let body = http_body_util::StreamBody::new(tokio_stream::iter(frames));
    let connections = Connections::new(ByteBudget::of_process(1 << 20), 1 << 20);
    let peer = Arc::new(connections.open("127.0.0.1:1".parse().unwrap()));
    let body = tonic::body::Body::new(body);
    let bounds = RequestBounds { max_bytes: 4 << 20, body_timeout: Duration::from_secs(60) };
    let mut messages = RequestReader::of_frames(body, None, bounds, &peer);
    assert_eq!(messages.next_message().await.unwrap(), Some(Bytes::from_static(b"whole")));
    let status = messages.next_message().await.unwrap_err();
    assert_eq!(status.code, crate::call::Code::Cancelled);
    assert!(status.message.starts_with("the request broke off before its end: "), "{}", status.message);
}

#[tokio::test]
async fn a_thousand_abandoned_streams_leave_nothing() {
    let mut server = Server::with(GatewaySettings { grace: Duration::ZERO, ..GatewaySettings::default() }).await;
    let sender = connection(&server).await;
    let requests = ["Chat", "Endless", "Script", "Gather"]
        .map(|method| post(&server, &format!("/greeter.v1.Greeter/{method}")).body(()).unwrap());
    let _stays = open_on(&sender, requests[0].clone(), &framed(&text("Ada")), false).await;
    let mut last = server.began.recv().await.unwrap();
    for number in 0..1000 {
        let (name, end) = [("a", false), ("a", true), ("wait", true), ("a", false)][number % 4];
        let request = requests[number % 4].clone();
        let (response, mut stream) = open_on(&sender, request, &framed(&text(name)), end).await;
        last = server.began.recv().await.unwrap();
        match number % 3 {
            0 => drop((response, stream)),
            1 => stream.send_reset(h2::Reason::CANCEL),
            _ => {
                // Some have begun to answer, some never will.
                let _ = timeout(Duration::from_millis(1), response).await;
            }
        }
    }
    timeout(Duration::from_secs(5), last.cancellation.cancelled()).await.unwrap();
    let mut alive = server.fake.alive.subscribe();
    timeout(Duration::from_secs(5), alive.wait_for(|alive| *alive == 1)).await.unwrap().unwrap();
    server.stop();
    assert_eq!(server.stopped().await.cut, ["greeter.v1.Greeter/Chat"]);
}
