use crate::gateway::tests::*;

#[tokio::test]
async fn a_call_is_answered() {
    let server = Server::start().await;
    let reply = call(server.channel().await, "Hello", request("Ada")).await.unwrap();
    assert_eq!(reply.into_inner(), text("Hello, Ada!"));
}

#[tokio::test]
async fn the_context_says_what_is_known_of_a_call() {
    let server = Server::start().await;
    let mut request = request("Ada");
    request.set_timeout(Duration::from_secs(60));
    call(server.channel().await, "Echo", request).await.unwrap();
    let context = server.fake.last.lock().unwrap().take().unwrap();
    assert_eq!(context.path(), "/greeter.v1.Greeter/Echo");
    assert_eq!(context.protocol, crate::call::Protocol::Grpc);
    assert_eq!(context.authority, Some(server.address.to_string()));
    assert!(context.peer.unwrap().ip().is_loopback());
    assert_eq!(context.deadline.unwrap().timeout, Some(Duration::from_secs(60)));
    assert!(!context.cancellation.is_cancelled());
    assert!(context.chain.is_empty());
}

#[tokio::test]
async fn metadata_goes_in_and_out_with_repeated_and_binary_values() {
    let server = Server::start().await;
    let mut request = request("Ada");
    request.metadata_mut().append("colour", "red".parse().unwrap());
    request.metadata_mut().append("colour", "blue".parse().unwrap());
    request.metadata_mut().append_bin("key-bin", MetadataValue::from_bytes(&[0, 254, 255]));
    let reply = call(server.channel().await, "Mirror", request).await.unwrap();
    let metadata = reply.metadata();
    assert_eq!(metadata.get_all("colour").iter().collect::<Vec<_>>(), ["red", "blue"]);
    assert_eq!(metadata.get_bin("key-bin").unwrap().to_bytes().unwrap(), [0, 254, 255][..]);
    assert!(metadata.get("grpc-timeout").is_none());
}

#[tokio::test]
async fn an_ok_call_has_its_trailers_after_the_message() {
    let server = Server::start().await;
    let request = post(&server, "/greeter.v1.Greeter/Mirror").header("colour", "red").body(()).unwrap();
    let answer = raw(&server, request, framed(&text("Ada")).into()).await;
    assert_eq!(answer.head.headers["colour"], "red");
    assert!(!answer.head.headers.contains_key("checksum"));
    assert!(!answer.head.headers.contains_key("date"));
    assert_eq!(answer.body, framed(&text("mirrored")));
    let trailers = answer.trailers.unwrap();
    assert_eq!(trailers["grpc-status"], "0");
    assert_eq!(trailers["checksum"], "c0ffee");
    assert_eq!(trailers.get_all("checksum-bin").iter().collect::<Vec<_>>(), ["AAH/", "Ag"]);
}

#[tokio::test]
async fn a_failure_keeps_its_headers_apart_from_its_trailers() {
    let server = Server::start().await;
    let request = post(&server, "/greeter.v1.Greeter/Fail").body(()).unwrap();
    let answer = raw(&server, request, framed(&text("Ada")).into()).await;
    assert_eq!(answer.head.headers["early"], "bird");
    assert!(!answer.head.headers.contains_key("grpc-status"));
    assert!(answer.body.is_empty());
    let trailers = answer.trailers.as_ref().unwrap();
    assert_eq!(trailers["late"], "owl");
    assert_eq!(trailers["grpc-status"], "9");
    assert_eq!(trailers["grpc-message"], "not%20today:%20d%C3%A9j%C3%A0%20vu");
    let status = tonic_types::pb::Status::decode(answer.status().details()).unwrap();
    assert_eq!((status.code, &*status.message), (9, "not today: déjà vu"));
    assert_eq!(status.details[0].type_url, "type.googleapis.com/google.rpc.ErrorInfo");
    assert_eq!(status.details[1].value, [8, 1]);
}

#[tokio::test]
async fn a_failure_without_headers_is_trailers_only() {
    let server = Server::start().await;
    let request = post(&server, "/greeter.v1.Greeter/Fail").body(()).unwrap();
    let answer = raw(&server, request, framed(&text("bare")).into()).await;
    assert_eq!(answer.head.status, StatusCode::OK);
    assert_eq!(answer.head.headers["grpc-status"], "5");
    assert_eq!(answer.head.headers["content-type"], "application/grpc");
    assert!(answer.trailers.is_none());
}

#[tokio::test]
async fn a_panic_fails_one_call_and_the_connection_lives_on() {
    let server = Server::start().await;
    let channel = server.channel().await;
    let status = call(channel.clone(), "Panic", request("Ada")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Internal, "the server failed while it served the call"));
    call(channel, "Echo", request("Ada")).await.unwrap();
}

#[tokio::test]
async fn no_message_and_two_messages_are_not_unary_calls() {
    let server = Server::start().await;
    let status = |answer: Raw| (answer.status().code(), answer.status().message().to_owned());
    let none = raw(&server, post(&server, "/greeter.v1.Greeter/Echo").body(()).unwrap(), Bytes::new()).await;
    let wanted = "`/greeter.v1.Greeter/Echo` takes one request message, but none came";
    assert_eq!(status(none), (Code::Unimplemented, wanted.to_owned()));
    let two = [framed(&text("a")), framed(&text("b"))].concat();
    let two = raw(&server, post(&server, "/greeter.v1.Greeter/Echo").body(()).unwrap(), two.into()).await;
    let wanted = "`/greeter.v1.Greeter/Echo` takes one request message, but more than one came";
    assert_eq!(status(two), (Code::Unimplemented, wanted.to_owned()));
}

#[tokio::test]
async fn a_broken_frame_is_internal() {
    let server = Server::start().await;
    for broken in [&[0, 0][..], &[0, 0, 0, 0, 9, 1], &[7, 0, 0, 0, 0], &[1, 0, 0, 0, 1, 0]] {
        let request = post(&server, "/greeter.v1.Greeter/Echo").body(()).unwrap();
        let answer = raw(&server, request, Bytes::copy_from_slice(broken)).await;
        assert_eq!(answer.status().code(), Code::Internal, "{broken:?}");
    }
}
