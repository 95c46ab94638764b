use std::collections::VecDeque;

use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

use crate::gateway::tests::*;

/// A `HelloRequest` with `times`.
fn times(name: &str, times: u8) -> Bytes {
    [&text(name)[..], &[0x10, times]].concat().into()
}

async fn script(server: &Server, script: &str) -> Result<tonic::Response<Streaming<Bytes>>, Status> {
    stream(server.channel().await, "Script", tokio_stream::once(text(script))).await
}

/// Messages until the end, and how it ended.
async fn rest(messages: &mut Streaming<Bytes>) -> (Vec<Bytes>, Result<HeaderMap, Status>) {
    let mut got = Vec::new();
    loop {
        match messages.message().await {
            Ok(Some(message)) => got.push(message),
            Ok(None) => return (got, Ok(messages.trailers().await.unwrap().unwrap_or_default().into_headers())),
            Err(status) => return (got, Err(status)),
        }
    }
}

fn texts(words: &[&str]) -> Vec<Bytes> {
    words.iter().map(|word| text(word)).collect()
}

/// The messages of a body, each with whether it is compressed.
fn unframed(body: &[u8]) -> Vec<(bool, Vec<u8>)> {
    let mut bytes = VecDeque::from(body.to_vec());
    let mut messages = Vec::new();
    while let Some(flag) = bytes.pop_front() {
        let size = u32::from_be_bytes(std::array::from_fn(|_| bytes.pop_front().unwrap()));
        messages.push((flag == 1, bytes.drain(..size as usize).collect()));
    }
    messages
}

async fn raw_script(server: &Server, script: &str) -> Raw {
    let request = post(server, "/greeter.v1.Greeter/Script").body(()).unwrap();
    raw(server, request, framed(&text(script)).into()).await
}

#[tokio::test]
async fn one_request_brings_many_responses() {
    let server = Server::start().await;
    let requests = tokio_stream::once(times("Ada", 3));
    let mut messages = stream(server.channel().await, "Repeat", requests).await.unwrap().into_inner();
    let (got, end) = rest(&mut messages).await;
    assert_eq!(got, texts(&["Hello, Ada! 1", "Hello, Ada! 2", "Hello, Ada! 3"]));
    assert!(end.is_ok());
}

#[tokio::test]
async fn no_responses_are_an_answer_too() {
    let server = Server::start().await;
    let answer =
        raw(&server, post(&server, "/greeter.v1.Greeter/Repeat").body(()).unwrap(), framed(&times("Ada", 0)).into())
            .await;
    assert!(answer.body.is_empty());
    assert!(!answer.head.headers.contains_key("grpc-status"));
    assert_eq!(answer.trailers.unwrap()["grpc-status"], "0");
}

#[tokio::test]
async fn many_requests_bring_one_response() {
    let server = Server::start().await;
    let requests = tokio_stream::iter(texts(&["Ada", "Grace", "Mary"]));
    let mut messages = stream(server.channel().await, "Gather", requests).await.unwrap().into_inner();
    assert_eq!(rest(&mut messages).await.0, texts(&["Hello, Ada, Grace, Mary!"]));
    let mut messages = stream(server.channel().await, "Gather", tokio_stream::empty()).await.unwrap().into_inner();
    assert_eq!(rest(&mut messages).await.0, texts(&["Hello, !"]));
}

#[tokio::test]
async fn a_chat_goes_back_and_forth() {
    let server = Server::start().await;
    let (send, requests) = mpsc::unbounded_channel();
    let mut messages =
        stream(server.channel().await, "Chat", UnboundedReceiverStream::new(requests)).await.unwrap().into_inner();
    for name in ["Ada", "Grace"] {
        send.send(text(name)).unwrap();
        assert_eq!(messages.message().await.unwrap(), Some(text(&format!("Hello, {name}!"))));
    }
    drop(send);
    let (got, end) = rest(&mut messages).await;
    assert!(got.is_empty());
    assert_eq!(end.unwrap()["count"], "2");
    server.idle().await;
}

#[tokio::test]
async fn the_context_is_that_of_a_unary_call() {
    let server = Server::start().await;
    let request = post(&server, "/greeter.v1.Greeter/Chat").header("colour", "red").header("grpc-timeout", "60S");
    let answer = raw(&server, request.body(()).unwrap(), Bytes::new()).await;
    assert_eq!((answer.status().code(), answer.head.headers["colour"].as_bytes()), (Code::Ok, &b"red"[..]));
    let context = server.fake.last.lock().unwrap().take().unwrap();
    assert_eq!(context.path(), "/greeter.v1.Greeter/Chat");
    assert_eq!(context.deadline.unwrap().timeout, Some(Duration::from_secs(60)));
    assert!(!context.cancellation.is_cancelled());
}

#[tokio::test]
async fn headers_go_before_any_message() {
    let server = Server::start().await;
    let response = script(&server, "headers held a").await.unwrap();
    assert_eq!(response.metadata().get("early").unwrap(), "bird");
    server.release();
    let (got, end) = rest(&mut response.into_inner()).await;
    assert_eq!((got, end.unwrap()["late"].as_bytes()), (texts(&["a"]), &b"owl"[..]));
}

#[tokio::test]
async fn what_came_before_a_failure_arrives() {
    let server = Server::start().await;
    let (got, end) = rest(&mut script(&server, "a b fail").await.unwrap().into_inner()).await;
    assert_eq!(got, texts(&["a", "b"]));
    let status = end.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "not today"));
    assert_eq!(status.metadata().get("late").unwrap(), "owl");
}

#[tokio::test]
async fn a_failure_before_any_message_keeps_headers_and_trailers_apart() {
    let server = Server::start().await;
    let only = raw_script(&server, "fail").await;
    assert_eq!((only.head.headers["grpc-status"].as_bytes(), only.trailers), (&b"9"[..], None));
    for script in ["fail-with-headers", "headers fail", "headers fail-with-headers"] {
        let answer = raw_script(&server, script).await;
        assert_eq!(answer.head.headers.get_all("early").iter().count(), 1, "{script}");
        assert!(!answer.head.headers.contains_key("grpc-status"), "{script}");
        assert!(answer.body.is_empty());
        let trailers = answer.trailers.unwrap();
        assert_eq!((trailers["grpc-status"].as_bytes(), trailers["late"].as_bytes()), (&b"9"[..], &b"owl"[..]));
    }
    // Too late for headers.
    let answer = raw_script(&server, "a fail-with-headers").await;
    assert!(!answer.head.headers.contains_key("early"));
    assert_eq!(answer.status().code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn a_panic_in_mid_stream_ends_one_call() {
    let server = Server::start().await;
    let (got, end) = rest(&mut script(&server, "a panic").await.unwrap().into_inner()).await;
    assert_eq!(got, texts(&["a"]));
    let status = end.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Internal, "the server failed while it served the call"));
    assert_eq!(raw_script(&server, "panic").await.status().code(), Code::Internal);
    server.idle().await;
}

#[tokio::test]
async fn the_end_of_the_handler_is_the_end_of_the_call() {
    let server = Server::start().await;
    let (got, end) = rest(&mut script(&server, "a b leak").await.unwrap().into_inner()).await;
    assert_eq!((got, end.unwrap()["late"].as_bytes()), (texts(&["a", "b"]), &b"owl"[..]));
}

#[tokio::test]
async fn a_single_response_is_one_no_more_and_no_less() {
    let server = Server::start().await;
    for (number, wrong) in [("0", "none"), ("2", "more than one")] {
        let requests = tokio_stream::once(text(number));
        let status = match stream(server.channel().await, "Miscount", requests).await {
            Ok(response) => rest(&mut response.into_inner()).await.1.unwrap_err(),
            Err(status) => status,
        };
        let wanted =
            format!("`/greeter.v1.Greeter/Miscount` answers with one response message, but its handler sent {wrong}");
        assert_eq!((status.code(), status.message()), (Code::Internal, &*wanted));
    }
    let mut messages =
        stream(server.channel().await, "Miscount", tokio_stream::once(text("1"))).await.unwrap().into_inner();
    assert_eq!(rest(&mut messages).await.0, texts(&["one"]));
}

#[tokio::test]
async fn a_single_request_is_one_no_more_and_no_less() {
    let server = Server::start().await;
    for (body, wrong) in [(vec![], "none"), ([framed(&text("a")), framed(&text("b"))].concat(), "more than one")] {
        let answer = raw(&server, post(&server, "/greeter.v1.Greeter/Script").body(()).unwrap(), body.into()).await;
        let wanted = format!("`/greeter.v1.Greeter/Script` takes one request message, but {wrong} came");
        assert_eq!((answer.status().code(), answer.status().message()), (Code::Unimplemented, &*wanted));
    }
    assert!(server.fake.last.lock().unwrap().is_none());
}

#[tokio::test]
async fn each_message_is_compressed_if_it_is_worth_it() {
    let server = Server::start().await;
    let request = post(&server, "/greeter.v1.Greeter/Script").header("grpc-accept-encoding", "gzip").body(()).unwrap();
    let answer = raw(&server, request, framed(&text("a big a")).into()).await;
    assert_eq!(answer.head.headers["grpc-encoding"], "gzip");
    let messages = unframed(&answer.body);
    assert_eq!(messages.iter().map(|(compressed, _)| *compressed).collect::<Vec<_>>(), [false, true, false]);
    let plain = raw_script(&server, "a big a").await;
    assert!(!plain.head.headers.contains_key("grpc-encoding"));
    assert!(unframed(&plain.body).iter().all(|(compressed, _)| !compressed));
    let mut grpc = Grpc::new(server.channel().await).accept_compressed(CompressionEncoding::Gzip);
    grpc.ready().await.unwrap();
    let request = tonic::Request::new(tokio_stream::once(text("a big a")));
    let path = PathAndQuery::from_static("/greeter.v1.Greeter/Script");
    let mut messages = grpc.streaming(request, path, BytesCodec).await.unwrap().into_inner();
    assert_eq!(rest(&mut messages).await.0, texts(&["a", &"x".repeat(5000), "a"]));
}

#[tokio::test]
async fn compressed_requests_are_read() {
    let server = Server::start().await;
    let mut grpc = Grpc::new(server.channel().await).send_compressed(CompressionEncoding::Gzip);
    grpc.ready().await.unwrap();
    let name = "x".repeat(5000);
    let request = tonic::Request::new(tokio_stream::iter(texts(&["a", &name])));
    let path = PathAndQuery::from_static("/greeter.v1.Greeter/Gather");
    let mut messages = grpc.streaming(request, path, BytesCodec).await.unwrap().into_inner();
    assert_eq!(rest(&mut messages).await.0, texts(&[&format!("Hello, a, {name}!")]));
}

#[tokio::test]
async fn a_response_over_the_limit_ends_the_call_and_its_handler() {
    let mut server = Server::with(GatewaySettings { max_response: 100, ..GatewaySettings::default() }).await;
    let (got, end) = rest(&mut script(&server, "a big wait").await.unwrap().into_inner()).await;
    assert_eq!(got, texts(&["a"]));
    let status = end.unwrap_err();
    let wanted = "the response message has 5003 bytes, the limit is 100";
    assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, wanted));
    server.idle().await;
    assert!(server.began.recv().await.unwrap().cancellation.is_cancelled());
    assert_eq!(raw_script(&server, "big wait").await.status().message(), wanted);
    server.idle().await;
}

#[tokio::test]
async fn a_request_over_the_limit_fails_with_the_code_of_a_unary_call() {
    let server = Server::with(GatewaySettings { max_request: 100, ..GatewaySettings::default() }).await;
    let requests = tokio_stream::iter([text("a"), text(&"x".repeat(99))]);
    let response = stream(server.channel().await, "Gather", requests).await;
    let status = response.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.message(), "the request message is larger than the limit of 100 bytes");
}

#[tokio::test]
async fn what_was_good_before_garbage_is_answered() {
    let server = Server::start().await;
    let good = framed(&text("Ada"));
    for garbage in [
        [&good[..], &[7, 0, 0, 0, 0], &good].concat(),
        [&good[..], &[1, 0, 0, 0, 1, 0]].concat(),
        // Half a message, and half of what comes before one.
        [&good[..], &good[..7]].concat(),
        [&good[..], &[0, 0]].concat(),
    ] {
        let answer = raw(&server, post(&server, "/greeter.v1.Greeter/Chat").body(()).unwrap(), garbage.into()).await;
        assert_eq!(unframed(&answer.body), [(false, text("Hello, Ada!").to_vec())]);
        assert_eq!(answer.status().code(), Code::Internal);
    }
    server.idle().await;
}

#[tokio::test]
async fn a_handler_that_is_done_does_not_wait_for_more_requests() {
    let server = Server::start().await;
    server.release();
    let request = post(&server, "/greeter.v1.Greeter/Deaf").body(()).unwrap();
    let (response, mut open) = open(&server, request, &framed(&text("Ada"))).await;
    let answer = read(response.await.unwrap()).await;
    assert_eq!((answer.status().code(), answer.body), (Code::Ok, Bytes::from(framed(&text("deaf")))));
    // Nothing went wrong, which is how HTTP/2 says it.
    let reset = std::future::poll_fn(|cx| open.poll_reset(cx));
    assert_eq!(timeout(Duration::from_secs(2), reset).await.unwrap().unwrap(), h2::Reason::NO_ERROR);
}

mod deadlines {
    use super::*;

    #[tokio::test]
    async fn one_in_mid_stream_ends_call_and_handler() {
        let mut server = Server::start().await;
        let request = post(&server, "/greeter.v1.Greeter/Script").header("grpc-timeout", "100m").body(()).unwrap();
        let answer = raw(&server, request, framed(&text("a wait")).into()).await;
        assert_eq!(unframed(&answer.body).len(), 1);
        assert_eq!(answer.trailers.as_ref().unwrap()["grpc-status"], "4");
        assert_eq!(answer.status().message(), "the deadline passed before the call was over");
        server.idle().await;
        assert!(server.began.recv().await.unwrap().cancellation.is_cancelled());
    }

    #[tokio::test]
    async fn it_covers_what_comes_before_the_first_message() {
        let server = Server::start().await;
        let request = post(&server, "/greeter.v1.Greeter/Script").header("grpc-timeout", "100m").body(()).unwrap();
        let answer = raw(&server, request, framed(&text("wait")).into()).await;
        assert_eq!(answer.head.headers["grpc-status"], "4");
    }

    #[tokio::test]
    async fn it_covers_a_request_that_does_not_end() {
        let server = Server::start().await;
        for method in ["Chat", "Gather", "Script"] {
            let request = post(&server, &format!("/greeter.v1.Greeter/{method}")).header("grpc-timeout", "100m");
            let (response, _open) = open(&server, request.body(()).unwrap(), &framed(&text("Ada"))).await;
            assert_eq!(read(response.await.unwrap()).await.status().code(), Code::DeadlineExceeded, "{method}");
        }
        server.idle().await;
    }

    #[tokio::test]
    async fn it_stops_a_handler_whose_caller_does_not_read() {
        let mut server = Server::start().await;
        let request = post(&server, "/greeter.v1.Greeter/Endless").header("grpc-timeout", "100m").body(()).unwrap();
        let (response, mut stream) = open(&server, request, &framed(&text("Ada"))).await;
        stream.send_data(Bytes::new(), true).unwrap();
        let _unread = response.await.unwrap();
        server.idle().await;
        assert!(server.began.recv().await.unwrap().cancellation.is_cancelled());
    }

    #[tokio::test]
    async fn one_in_the_past_never_reaches_the_handler() {
        let server = Server::start().await;
        let request = post(&server, "/greeter.v1.Greeter/Chat").header("grpc-timeout", "0S").body(()).unwrap();
        let answer = raw(&server, request, framed(&text("Ada")).into()).await;
        assert_eq!(answer.status().code(), Code::DeadlineExceeded);
        assert!(server.fake.last.lock().unwrap().is_none());
    }
}

mod shutdown {
    use super::*;

    #[tokio::test]
    async fn streams_in_flight_finish() {
        let mut server = Server::start().await;
        let mut messages = script(&server, "a held b").await.unwrap().into_inner();
        messages.message().await.unwrap();
        server.stop();
        while tokio::net::TcpStream::connect(server.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.release();
        let (got, end) = rest(&mut messages).await;
        assert_eq!(got, texts(&["b"]));
        end.unwrap();
        assert_eq!(server.stopped().await, ShutdownReport { finished: 1, cut: vec![] });
    }

    #[tokio::test]
    async fn streams_that_outlast_the_grace_are_cut_and_named() {
        let mut server =
            Server::with(GatewaySettings { grace: Duration::from_millis(100), ..GatewaySettings::default() }).await;
        let mut messages = script(&server, "a wait").await.unwrap().into_inner();
        messages.message().await.unwrap();
        let context = server.began.recv().await.unwrap();
        server.stop();
        let status = rest(&mut messages).await.1.unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::Unavailable, "the server shut down before the call was over")
        );
        server.idle().await;
        assert!(context.cancellation.is_cancelled());
        let shutdown = server.stopped().await;
        assert_eq!(shutdown, ShutdownReport { finished: 0, cut: vec!["greeter.v1.Greeter/Script".to_owned()] });
    }
}
