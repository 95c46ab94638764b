//! What clients make the server hold: bytes of requests, responses that are not read, calls and connections.

use tokio::net::TcpSocket;

use crate::call::ByteBudget;
use crate::gateway::tests::*;

/// Waits until a condition holds.
async fn until(mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(10), waiting).await.unwrap();
}

/// A connection whose client has no room for responses.
async fn connection_without_window(server: &Server) -> h2::client::SendRequest<Bytes> {
    let mut builder = h2::client::Builder::new();
    let (sender, connection) = builder.initial_window_size(0).handshake(server.tcp().await).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// Sends as much of a body as the windows allow.
async fn send_all(stream: &mut h2::SendStream<Bytes>, mut body: Bytes) {
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        let capacity = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await;
        let Some(Ok(capacity)) = capacity else { return };
        if stream.send_data(body.split_to(capacity.min(body.len())), false).is_err() {
            return;
        }
    }
}

fn with_memory(bytes: u64) -> (Arc<ByteBudget>, GatewaySettings) {
    let memory = ByteBudget::of_process(bytes);
    (memory.clone(), GatewaySettings { memory, ..GatewaySettings::default() })
}

#[tokio::test]
async fn the_bytes_of_requests_are_charged_as_they_arrive_and_released_with_them() {
    let (memory, settings) = with_memory(8 << 20);
    let server = Server::with(settings).await;
    let sender = connection(&server).await;
    let body = framed(&[7; 1 << 20]);
    let mut open = Vec::new();
    for _ in 0..4 {
        let request = post(&server, "/greeter.v1.Greeter/Echo").body(()).unwrap();
        let (response, mut stream) = open_on(&sender, request, &[], false).await;
        send_all(&mut stream, Bytes::copy_from_slice(&body[..body.len() - 1])).await;
        open.push((response, stream));
    }
    until(|| memory.used() > 4 << 20).await;
    assert!(memory.used() < 5 << 20, "{}", memory.used());
    for (response, mut stream) in open {
        stream.send_data(Bytes::from_static(&[7]), true).unwrap();
        assert_eq!(read(response.await.unwrap()).await.body, body);
    }
    until(|| memory.used() == 0).await;
}

#[tokio::test]
async fn requests_beyond_the_memory_fail_while_their_bytes_arrive_and_others_go_on_after_them() {
    let (memory, settings) = with_memory(4 << 20);
    let server = Server::with(settings).await;
    let (mut refused, mut open) = (0, Vec::new());
    for _ in 0..10 {
        let request = post(&server, "/greeter.v1.Greeter/Echo").body(()).unwrap();
        let (response, mut stream) =
            open_on(&connection(&server).await, request, &framed(&[7; 1 << 20])[..5], false).await;
        open.push((
            response,
            tokio::spawn(async move {
                send_all(&mut stream, vec![7; (1 << 20) - 1].into()).await;
                stream
            }),
        ));
    }
    let mut held = Vec::new();
    for (response, sending) in open {
        match timeout(Duration::from_millis(500), response).await {
            Ok(response) => {
                let status = read(response.unwrap()).await.status();
                assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
                refused += 1;
            }
            Err(_) => held.push(sending),
        }
        assert!(memory.used() <= 4 << 20);
    }
    assert!((6..=9).contains(&refused), "{refused}");
    for sending in held {
        drop(sending.await.unwrap());
    }
    until(|| memory.used() == 0).await;
    call(server.channel().await, "Echo", request("Ada")).await.unwrap();
}

#[tokio::test]
async fn one_connection_holds_no_more_than_its_budget() {
    let settings = GatewaySettings { connection_memory: 1 << 20, ..GatewaySettings::default() };
    let server = Server::with(settings).await;
    let status = call(server.channel().await, "Big", request("1100000")).await.unwrap_err();
    let wanted = "the connection would hold more than its limit of 1048576 bytes: `connection-memory` of [limits] in \
                  server.toml";
    assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, wanted));
    call(server.channel().await, "Big", request("1000000")).await.unwrap();
}

#[tokio::test]
async fn requests_that_never_end_are_refused_and_their_connection_goes_on() {
    let settings = GatewaySettings { connection_memory: 4 << 20, ..GatewaySettings::default() };
    let server = Server::with(settings).await;
    let sender = connection(&server).await;
    let mut open = Vec::new();
    for _ in 0..10 {
        let request = post(&server, "/greeter.v1.Greeter/Echo").body(()).unwrap();
        let (response, mut stream) = open_on(&sender, request, &framed(&[7; 1 << 20])[..5], false).await;
        let sending = tokio::spawn(async move {
            send_all(&mut stream, vec![7; (1 << 20) - 1].into()).await;
            stream
        });
        open.push((response, sending));
    }
    // There is room for fewer than four of them, and for a call beside them.
    let request = post(&server, "/greeter.v1.Greeter/Echo").body(()).unwrap();
    let (response, _stream) = open_on(&sender, request, &framed(&text("Ada")), true).await;
    let answer = timeout(Duration::from_secs(10), response).await.unwrap().unwrap();
    assert_eq!(read(answer).await.body, framed(&text("Ada")));
    let mut refused = 0;
    for (response, _sending) in &mut open {
        if let Ok(response) = timeout(Duration::from_millis(200), response).await {
            assert_eq!(read(response.unwrap()).await.status().code(), Code::ResourceExhausted);
            refused += 1;
        }
    }
    assert!(refused >= 6, "{refused}");
}

#[tokio::test]
async fn a_response_is_charged_until_its_client_has_taken_it() {
    let (memory, settings) = with_memory(64 << 20);
    let server = Server::with(settings).await;
    let request = post(&server, "/greeter.v1.Greeter/Big").body(()).unwrap();
    let (response, stream) =
        open_on(&connection_without_window(&server).await, request, &framed(&text("2000000")), true).await;
    let body = response.await.unwrap().into_body();
    assert!(memory.used() >= 2_000_000, "{}", memory.used());
    drop((body, stream));
    until(|| memory.used() == 0).await;
}

#[tokio::test]
async fn a_response_that_its_client_does_not_take_is_given_up_and_its_neighbours_are_not() {
    let (memory, settings) = with_memory(64 << 20);
    let settings = GatewaySettings { response_timeout: Duration::from_millis(300), ..settings };
    let mut server = Server::with(settings).await;
    let sender = connection_without_window(&server).await;
    let mut stuck = Vec::new();
    for (method, name) in [("Big", "2000000"), ("Endless", "Ada"), ("Echo", "Ada")] {
        let request = post(&server, &format!("/greeter.v1.Greeter/{method}")).body(()).unwrap();
        let (response, _stream) = open_on(&sender, request, &framed(&text(name)), true).await;
        stuck.push(response.await.unwrap().into_body());
    }
    let request = post(&server, "/greeter.v1.Greeter/Held").body(()).unwrap();
    let (neighbour, _stream) = open_on(&sender, request, &framed(&text("Ada")), true).await;
    while &*server.began.recv().await.unwrap().method != "Held" {}
    for mut body in stuck {
        let error = timeout(Duration::from_secs(10), body.data()).await.unwrap().unwrap().unwrap_err();
        assert_eq!(error.reason(), Some(h2::Reason::CANCEL));
    }
    server.idle().await;
    // The neighbour holds what it was charged at its beginning.
    until(|| memory.used() == 16 << 10).await;
    server.release();
    assert_eq!(neighbour.await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_response_over_http_1_that_its_client_does_not_take_is_given_up() {
    let (memory, settings) = with_memory(64 << 20);
    let settings = GatewaySettings { response_timeout: Duration::from_millis(300), ..settings };
    let server = Server::with(settings).await;
    let mut stream = server.tcp().await;
    let head = "POST /greeter.v1.Greeter/Big HTTP/1.1\r\nhost: a\r\ncontent-type: application/proto\r\ncontent-length: 10\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&text("50000000")).await.unwrap();
    until(|| memory.used() >= 50_000_000).await;
    until(|| memory.used() == 0).await;
}

#[tokio::test]
async fn a_client_that_takes_its_response_slowly_is_given_its_time() {
    let settings = GatewaySettings { response_timeout: Duration::from_millis(400), ..GatewaySettings::default() };
    let server = Server::with(settings).await;
    let request = post(&server, "/greeter.v1.Greeter/Big").body(()).unwrap();
    let (response, _stream) = open_on(&connection(&server).await, request, &framed(&text("800000")), true).await;
    let mut body = response.await.unwrap().into_body();
    let mut read = 0;
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        read += data.len();
        tokio::time::sleep(Duration::from_millis(20)).await;
        body.flow_control().release_capacity(data.len()).unwrap();
    }
    assert_eq!(read, 800_005);
}

#[tokio::test]
async fn a_message_of_a_stream_that_does_not_come_to_its_end_is_given_up() {
    let settings = GatewaySettings { body_timeout: Duration::from_millis(100), ..GatewaySettings::default() };
    let server = Server::with(settings).await;
    let request = post(&server, "/greeter.v1.Greeter/Gather").body(()).unwrap();
    let (response, mut stream) = open(&server, request, &framed(&text("Ada"))).await;
    // Between messages a stream may be silent.
    tokio::time::sleep(Duration::from_millis(300)).await;
    stream.send_data(Bytes::from_static(&[0, 0]), false).unwrap();
    let status = read(timeout(Duration::from_secs(5), response).await.unwrap().unwrap()).await.status();
    let wanted = "the request message did not come to its end within 100ms";
    assert_eq!((status.code(), status.message()), (Code::DeadlineExceeded, wanted));
}

#[tokio::test]
async fn under_pressure_the_connection_that_leaves_the_most_waiting_is_cut_off() {
    let (memory, settings) = with_memory(10 << 20);
    let server = Server::with(settings).await;
    let (greedy, modest) = (connection_without_window(&server).await, connection_without_window(&server).await);
    let mut bodies = Vec::new();
    for (sender, bytes) in [(&greedy, "4000000"), (&greedy, "5000000"), (&modest, "1250000")] {
        let request = post(&server, "/greeter.v1.Greeter/Big").body(()).unwrap();
        let (response, _stream) = open_on(sender, request, &framed(&text(bytes)), true).await;
        bodies.push(response.await.unwrap().into_body());
    }
    // No call of theirs is admitted, but those of connections that hold little are.
    let request_again = post(&server, "/greeter.v1.Greeter/Echo").body(()).unwrap();
    let (response, _stream) = open_on(&modest, request_again, &framed(&text("Ada")), true).await;
    let wanted = "the server is short of memory, and this connection holds much of it";
    assert_eq!(read(response.await.unwrap()).await.status().message(), wanted);
    let channel = server.channel().await;
    call(channel.clone(), "Echo", request("Ada")).await.unwrap();
    until(|| memory.used() < 2 << 20).await;
    assert!(bodies.remove(0).data().await.unwrap().is_err());
    assert!(timeout(Duration::from_millis(300), bodies.remove(1).data()).await.is_err());
    call(channel, "Echo", request("Ada")).await.unwrap();
}

#[tokio::test]
async fn a_client_leaves_room_for_the_calls_of_others() {
    let mut server = Server::with(GatewaySettings { max_calls: 8, ..GatewaySettings::default() }).await;
    let mut calls = Vec::new();
    for _ in 0..6 {
        calls.push(tokio::spawn(call(server.channel().await, "Held", request("Ada"))));
        server.began.recv().await.unwrap();
    }
    let status = call(server.channel().await, "Echo", request("Ada")).await.unwrap_err();
    let wanted = "this client has as many of the server's calls as one client can have while the server is this full";
    assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, wanted));
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let stream = socket.connect(server.address).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = post(&server, "/greeter.v1.Greeter/Echo").body(()).unwrap();
    let (response, _stream) = open_on(&sender, request, &framed(&text("Ada")), true).await;
    assert_eq!(read(response.await.unwrap()).await.status().code(), Code::Ok);
}

#[tokio::test]
async fn streams_of_health_and_reflection_are_calls() {
    let server = Server::with(GatewaySettings { max_calls: 5, ..GatewaySettings::default() }).await;
    let sender = connection(&server).await;
    let mut open = Vec::new();
    let paths = ["/grpc.health.v1.Health/Watch", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"];
    let mut refused = 0;
    for path in paths.into_iter().cycle().take(20) {
        let request = post(&server, path).body(()).unwrap();
        let is_watch = path == paths[0];
        let (response, stream) = open_on(&sender, request, if is_watch { &[0; 5] } else { &[] }, is_watch).await;
        let response = response.await.unwrap();
        refused += usize::from(response.headers().contains_key("grpc-status"));
        open.push((response, stream));
    }
    assert_eq!(refused, 16);
    // Whether the server is well can be asked all the same.
    let check = post(&server, "/grpc.health.v1.Health/Check").body(()).unwrap();
    let (response, _stream) = open_on(&sender, check, &framed(&[]), true).await;
    assert_eq!(read(response.await.unwrap()).await.status().code(), Code::Ok);
    drop(open);
    let channel = server.channel().await;
    for _ in 0..100 {
        if call(channel.clone(), "Echo", request("Ada")).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the calls did not end with their streams");
}

/// Sends parts of a body to a call that does not read them.
async fn send_unread(server: &Server, sender: &h2::client::SendRequest<Bytes>, parts: &[Bytes]) -> Open {
    let request = post(server, "/greeter.v1.Greeter/Slow").body(()).unwrap();
    let (response, mut stream) = open_on(sender, request, &[], false).await;
    for part in parts {
        send_all(&mut stream, part.clone()).await;
    }
    (response, stream)
}

#[tokio::test]
async fn what_a_call_does_not_read_is_charged_until_it_does() {
    let (memory, settings) = with_memory(64 << 20);
    let server = Server::with(settings).await;
    let sender = connection(&server).await;
    let message = Bytes::from(framed(&text(&"x".repeat(60_000))));
    let mut open = Vec::new();
    for _ in 0..10 {
        open.push(send_unread(&server, &sender, &[message.clone(), message.clone(), message.clone()]).await);
    }
    until(|| memory.used() > 10 * 180_000).await;
    assert!(memory.used() < 10 * 300_000, "{}", memory.used());
    server.release();
    for (response, mut stream) in open {
        stream.send_data(Bytes::new(), true).unwrap();
        assert_eq!(read(response.await.unwrap()).await.status().code(), Code::Ok);
    }
    until(|| memory.used() == 0).await;
}

#[tokio::test]
async fn what_calls_leave_unread_is_forgotten_with_them() {
    let (memory, settings) = with_memory(64 << 20);
    let server = Server::with(settings).await;
    let sender = connection(&server).await;
    for _ in 0..20 {
        let (response, mut stream) = send_unread(&server, &sender, &[vec![0; 200_000].into()]).await;
        stream.send_reset(h2::Reason::CANCEL);
        response.await.unwrap_err();
    }
    until(|| memory.used() == 0).await;
    let request = post(&server, "/greeter.v1.Greeter/Echo").body(()).unwrap();
    let (response, _stream) = open_on(&sender, request, &framed(&text("Ada")), true).await;
    assert_eq!(read(response.await.unwrap()).await.status().code(), Code::Ok);
}

#[tokio::test]
async fn a_connection_waits_that_leaves_more_unread_than_there_is_room_for_and_ends_in_the_end() {
    let (memory, settings) = with_memory(8 << 20);
    let short = Duration::from_millis(300);
    let server = Server::with(GatewaySettings { connection_memory: 2 << 20, body_timeout: short, ..settings }).await;
    // A part of one byte takes far more than one.
    for parts in [vec![Bytes::from(vec![0; 200_000])], vec![Bytes::from_static(b"0"); 1_000]] {
        let (sender, connection) = h2::client::handshake(server.tcp().await).await.unwrap();
        let connection = tokio::spawn(connection);
        let sending = async {
            let mut open = Vec::new();
            while !connection.is_finished() {
                let Ok(Ok(opened)) = timeout(Duration::from_millis(100), async {
                    let mut sender = sender.clone().ready().await?;
                    let request = post(&server, "/greeter.v1.Greeter/Slow").body(()).unwrap();
                    let (response, mut stream) = sender.send_request(request, false)?;
                    for part in &parts {
                        send_all(&mut stream, part.clone()).await;
                    }
                    Ok::<_, h2::Error>((response, stream))
                })
                .await
                else {
                    continue;
                };
                open.push(opened);
                assert!(memory.used() <= 2 << 20);
            }
        };
        timeout(Duration::from_secs(20), sending).await.unwrap();
        until(|| memory.used() == 0).await;
        call(server.channel().await, "Echo", request("Ada")).await.unwrap();
    }
}

#[tokio::test]
async fn a_check_of_the_health_that_does_not_come_to_its_end_is_given_up() {
    let settings = GatewaySettings { header_read_timeout: Duration::from_millis(200), ..GatewaySettings::default() };
    let server = Server::with(settings).await;
    let check = post(&server, "/grpc.health.v1.Health/Check").body(()).unwrap();
    let (response, _stream) = open(&server, check, &[0, 0]).await;
    let status = read(timeout(Duration::from_secs(5), response).await.unwrap().unwrap()).await.status();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}
