use crate::gateway::tests::*;

#[tokio::test]
async fn a_call_ends_at_its_deadline_and_its_handler_is_cancelled() {
    let mut server = Server::start().await;
    let began = Instant::now();
    let request = post(&server, "/greeter.v1.Greeter/Wait").header("grpc-timeout", "100m").body(()).unwrap();
    let answer = raw(&server, request, framed(&text("Ada")).into()).await;
    assert_eq!(answer.status().code(), Code::DeadlineExceeded);
    assert!((100..5000).contains(&began.elapsed().as_millis()));
    server.began.recv().await.unwrap().cancellation.cancelled().await;
}

#[tokio::test]
async fn the_deadline_covers_a_request_that_never_comes() {
    let server = Server::start().await;
    let (sender, connection) = h2::client::handshake(server.tcp().await).await.unwrap();
    tokio::spawn(connection);
    let request = post(&server, "/greeter.v1.Greeter/Echo").header("grpc-timeout", "50m").body(()).unwrap();
    let (response, _open): (_, h2::SendStream<Bytes>) =
        sender.ready().await.unwrap().send_request(request, false).unwrap();
    assert_eq!(read(response.await.unwrap()).await.status().code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_deadline_in_the_past_never_reaches_the_handler() {
    let server = Server::start().await;
    let request = post(&server, "/greeter.v1.Greeter/Echo").header("grpc-timeout", "0S").body(()).unwrap();
    let answer = raw(&server, request, framed(&text("Ada")).into()).await;
    assert_eq!(answer.status().code(), Code::DeadlineExceeded);
    assert!(server.fake.last.lock().unwrap().is_none());
}

#[tokio::test]
async fn a_malformed_timeout_is_refused() {
    let server = Server::start().await;
    for garbage in ["soon", "5", "-1S", "123456789m", ""] {
        let request = post(&server, "/greeter.v1.Greeter/Echo").header("grpc-timeout", garbage).body(()).unwrap();
        let answer = raw(&server, request, framed(&text("Ada")).into()).await;
        assert_eq!(answer.status().code(), Code::Internal);
        assert!(answer.status().message().starts_with(&format!("malformed grpc-timeout {garbage:?}")));
    }
}

#[tokio::test]
async fn a_call_without_a_deadline_gets_the_default_one() {
    let settings = GatewaySettings { default_deadline: Some(Duration::from_millis(50)), ..GatewaySettings::default() };
    let server = Server::with(settings).await;
    let status = call(server.channel().await, "Wait", request("Ada")).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}
