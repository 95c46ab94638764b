//! Requests that are no calls, and clients that misbehave.

use crate::call::ByteBudget;
use crate::gateway::tests::*;

#[tokio::test]
async fn only_post_is_a_call() {
    let server = Server::start().await;
    let mut get = post(&server, "/greeter.v1.Greeter/Hello").body(()).unwrap();
    *get.method_mut() = Method::GET;
    let answer = raw(&server, get, Bytes::new()).await;
    assert_eq!(
        (answer.head.status, answer.head.headers["allow"].as_bytes()),
        (StatusCode::METHOD_NOT_ALLOWED, &b"POST"[..])
    );
}

#[tokio::test]
async fn other_content_types_are_not_supported() {
    let server = Server::start().await;
    for (content_type, status) in [
        ("application/xml", 415),
        ("application/grpc+xml", 415),
        ("application/grpc-web+xml", 415),
        ("application/grpcx", 415),
        ("application/connect+proto", 415),
        ("", 415),
        ("application/grpc+proto", 200),
        ("Application/gRPC; charset=utf-8", 200),
    ] {
        let mut request = post(&server, "/greeter.v1.Greeter/Echo").body(()).unwrap();
        request.headers_mut().insert("content-type", content_type.parse().unwrap());
        let answer = raw(&server, request, framed(&text("Ada")).into()).await;
        assert_eq!(answer.head.status, status, "{content_type}");
        if status == 415 {
            let text = String::from_utf8(answer.body.into()).unwrap();
            assert!(text.contains("content-type"), "{text}");
        }
    }
}

async fn http1(server: &Server, request: &str) -> String {
    let mut stream = server.tcp().await;
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(Duration::from_secs(2), stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

#[tokio::test]
async fn http1_hears_that_grpc_needs_http2() {
    let server = Server::start().await;
    let head = "POST /greeter.v1.Greeter/Hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 200000\r\n";
    let body = "x".repeat(200_000);
    let answer = http1(&server, &format!("{head}content-type: application/grpc\r\n\r\n{body}")).await;
    assert!(answer.starts_with("HTTP/1.1 505 "), "{answer}");
    assert!(
        answer.ends_with(
            "gRPC needs HTTP/2; this request came over HTTP/1.1, on which gRPC-Web and Connect are served\n"
        ),
        "{answer}"
    );
}

#[tokio::test]
async fn a_connection_that_is_idle_or_old_is_told_to_go_away() {
    let short = Some(Duration::from_millis(100));
    for settings in [
        GatewaySettings { connection_idle: Duration::from_millis(100), ..GatewaySettings::default() },
        GatewaySettings { connection_age: short, ..GatewaySettings::default() },
    ] {
        let server = Server::with(settings).await;
        let (sender, connection) = h2::client::handshake(server.tcp().await).await.unwrap();
        let connection = tokio::spawn(connection);
        let request = post(&server, "/greeter.v1.Greeter/Echo").body(()).unwrap();
        let (response, _stream) = open_on(&sender, request, &framed(&text("Ada")), true).await;
        assert_eq!(read(response.await.unwrap()).await.status().code(), Code::Ok);
        timeout(Duration::from_secs(5), connection).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_call_keeps_its_connection_from_being_idle_and_outlives_its_age() {
    for settings in [
        GatewaySettings { connection_idle: Duration::from_millis(50), ..GatewaySettings::default() },
        GatewaySettings { connection_age: Some(Duration::from_millis(50)), ..GatewaySettings::default() },
    ] {
        let mut server = Server::with(settings).await;
        let holding = tokio::spawn(call(server.channel().await, "Held", request("Ada")));
        server.began.recv().await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.release();
        assert_eq!(holding.await.unwrap().unwrap().into_inner(), text("held"));
    }
}

#[tokio::test]
async fn an_old_connection_is_cut_with_its_calls_in_the_end() {
    let short = Duration::from_millis(50);
    let settings =
        GatewaySettings { connection_age: Some(short), connection_grace: short, ..GatewaySettings::default() };
    let mut server = Server::with(settings).await;
    let waiting = tokio::spawn(call(server.channel().await, "Wait", request("Ada")));
    let context = server.began.recv().await.unwrap();
    waiting.await.unwrap().unwrap_err();
    timeout(Duration::from_secs(5), context.cancellation.cancelled()).await.unwrap();
}

#[tokio::test]
async fn a_flood_of_pings_ends_its_connection_and_no_other() {
    let server = Server::start().await;
    let channel = server.channel().await;
    let mut stream = server.tcp().await;
    stream.write_all(PREFACE).await.unwrap();
    let ping = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    let (mut reading, mut writing) = stream.into_split();
    let draining = tokio::spawn(async move { tokio::io::copy(&mut reading, &mut tokio::io::sink()).await });
    let flooding = async { while writing.write_all(&ping.repeat(100)).await.is_ok() {} };
    timeout(Duration::from_secs(20), flooding).await.unwrap();
    drop(draining);
    call(channel, "Echo", request("Ada")).await.unwrap();
}

/// <https://nvd.nist.gov/vuln/detail/CVE-2023-44487>
#[tokio::test]
async fn rapid_resets_end_their_connection_and_no_other() {
    let server = Server::start().await;
    let channel = server.channel().await;
    let call_and_reset = |id| {
        let head = request_head("/greeter.v1.Greeter/Wait");
        [frame(HEADERS, END_HEADERS, id, &head), frame(RST_STREAM, 0, id, &[0, 0, 0, 8])].concat()
    };
    // Written at once: a client that waits for its turn on a busy machine does not flood.
    let flood: Vec<_> = (0..40_000).flat_map(|number| call_and_reset(2 * number + 1)).collect();
    flood_connection(&server, &flood).await;
    call(channel, "Echo", request("Ada")).await.unwrap();
}

#[tokio::test]
async fn calls_that_their_deadlines_end_take_no_other_call_of_their_connection_along() {
    let mut server = Server::start().await;
    let sender = connection(&server).await;
    let mut neighbours = Vec::new();
    for _ in 0..100 {
        let request = post(&server, "/greeter.v1.Greeter/Held").body(()).unwrap();
        neighbours.push(open_on(&sender, request, &framed(&text("Ada")), true).await);
    }
    for _ in 0..100 {
        server.began.recv().await.unwrap();
    }
    for _ in 0..4 {
        let mut ended = Vec::new();
        for _ in 0..400 {
            let request = post(&server, "/greeter.v1.Greeter/Wait").header("grpc-timeout", "5m").body(()).unwrap();
            ended.push(open_on(&sender, request, &framed(&text("Ada")), true).await);
        }
        // All at once, many of them before the server has accepted them.
        ended.iter_mut().for_each(|(_, stream)| stream.send_reset(h2::Reason::CANCEL));
    }
    server.release();
    for (response, _stream) in neighbours {
        assert_eq!(read(response.await.unwrap()).await.status().code(), Code::Ok);
    }
}

#[tokio::test]
async fn floods_of_any_frame_end_their_connection_and_no_other() {
    let server = Server::start().await;
    let channel = server.channel().await;
    for flood in [
        frame(SETTINGS, 0, 0, &[]),
        frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
        frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1]),
        frame(99, 0, 0, b"unknown"),
        frame(DATA, 0, 1, &[]),
    ] {
        let head = frame(HEADERS, END_HEADERS, 1, &request_head("/greeter.v1.Greeter/Deaf"));
        flood_connection(&server, &[head, flood.repeat(40_000)].concat()).await;
        call(channel.clone(), "Echo", request("Ada")).await.unwrap();
    }
}

/// <https://kb.cert.org/vuls/id/421644>
#[tokio::test]
async fn headers_without_end_end_their_connection_and_no_other() {
    let server = Server::start().await;
    let channel = server.channel().await;
    let head = frame(HEADERS, 0, 1, &request_head("/greeter.v1.Greeter/Echo"));
    let more = frame(CONTINUATION, 0, 1, b"\x00\x01x\x01x");
    flood_connection(&server, &[head, more.repeat(400_000)].concat()).await;
    call(channel, "Echo", request("Ada")).await.unwrap();
}

/// The beginning of an HTTP/2 connection, with empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// A frame of HTTP/2.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(content.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(content);
    frame
}

/// The headers of a call in HPACK, by its static table.
fn request_head(path: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let (post, http) = ([0x83], [0x86]);
    let path = [vec![4], text(path)].concat();
    let authority = [vec![1], text("okra")].concat();
    let content_type = [vec![0x0f, 0x10], text("application/grpc")].concat();
    let trailers = [vec![0], text("te"), text("trailers")].concat();
    [&post, &http, &path[..], &authority, &content_type, &trailers].concat()
}

/// Sends frames until the server ends the connection.
async fn flood_connection(server: &Server, flood: &[u8]) {
    let mut stream = server.tcp().await;
    stream.write_all(PREFACE).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let reading = async { drop(tokio::io::copy(&mut reading, &mut tokio::io::sink()).await) };
    let writing = async { drop(writing.write_all(flood).await) };
    timeout(Duration::from_secs(60), async { tokio::join!(reading, writing) }).await.unwrap();
}

#[tokio::test]
async fn a_client_that_answers_no_pings_is_gone() {
    let short = Duration::from_millis(50);
    let settings =
        GatewaySettings { keepalive_interval: Some(short), keepalive_timeout: short, ..GatewaySettings::default() };
    let server = Server::with(settings).await;
    let mut stream = server.tcp().await;
    stream.write_all(PREFACE).await.unwrap();
    // A client that answers them, as hyper's clients do, stays connected.
    let channel = server.channel().await;
    timeout(Duration::from_secs(5), tokio::io::copy(&mut stream, &mut tokio::io::sink())).await.unwrap().unwrap();
    call(channel, "Echo", request("Ada")).await.unwrap();
}

#[tokio::test]
async fn a_request_that_does_not_come_to_its_end_is_given_up() {
    let server =
        Server::with(GatewaySettings { body_timeout: Duration::from_millis(50), ..GatewaySettings::default() }).await;
    for method in ["Echo", "Repeat"] {
        let request = post(&server, &format!("/greeter.v1.Greeter/{method}")).body(()).unwrap();
        let (response, _stream) = open(&server, request, &framed(&text("Ada"))[..3]).await;
        let status = read(timeout(Duration::from_secs(5), response).await.unwrap().unwrap()).await.status();
        let wanted = "the request message did not come to its end within 50ms";
        assert_eq!((status.code(), status.message()), (Code::DeadlineExceeded, wanted));
    }
}

#[tokio::test]
async fn calls_are_refused_when_there_are_too_many_or_too_little_memory() {
    let mut server = Server::with(GatewaySettings { max_calls: 1, ..GatewaySettings::default() }).await;
    let channel = server.channel().await;
    let holding = tokio::spawn(call(channel.clone(), "Held", request("Ada")));
    server.began.recv().await.unwrap();
    let status = call(channel.clone(), "Echo", request("Ada")).await.unwrap_err();
    let wanted = "the server has as many calls as it can take";
    assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, wanted));
    server.release();
    holding.await.unwrap().unwrap();
    call(channel, "Echo", request("Ada")).await.unwrap();

    let memory = ByteBudget::of_process(100 << 10);
    let server = Server::with(GatewaySettings { memory: memory.clone(), ..GatewaySettings::default() }).await;
    let channel = server.channel().await;
    let held = memory.charge(91 << 10).unwrap();
    let status = call(channel.clone(), "Echo", request("Ada")).await.unwrap_err();
    let wanted = "the process would hold more than its limit of 102400 bytes: `memory` of [limits] in server.toml";
    assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, wanted));
    drop(held);
    call(channel, "Echo", request("Ada")).await.unwrap();
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_until_another_one_has_no_call() {
    let mut server = Server::with(GatewaySettings { max_connections: 1, ..GatewaySettings::default() }).await;
    let first = server.channel().await;
    let holding = tokio::spawn(call(first.clone(), "Held", request("Ada")));
    server.began.recv().await.unwrap();
    let second = server.channel().await;
    let mut waiting = std::pin::pin!(call(second, "Echo", request("Ada")));
    assert!(timeout(Duration::from_millis(1500), &mut waiting).await.is_err());
    server.release();
    holding.await.unwrap().unwrap();
    // The first connection stays open, but does nothing for a second.
    timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap();
}

#[tokio::test]
async fn lengths_of_nothing_and_of_all_there_is_are_read() {
    let server = Server::start().await;
    let request = post(&server, "/greeter.v1.Greeter/Echo").body(()).unwrap();
    let answer = raw(&server, request.clone(), Bytes::from_static(&[0, 0, 0, 0, 0])).await;
    assert_eq!((answer.status().code(), answer.body), (Code::Ok, Bytes::from_static(&[0, 0, 0, 0, 0])));
    let answer = raw(&server, request, Bytes::from_static(&[0, 255, 255, 255, 255, 1])).await;
    assert_eq!(answer.status().code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn clients_that_do_not_go_on_are_shown_out() {
    let settings = GatewaySettings { header_read_timeout: Duration::from_millis(50), ..GatewaySettings::default() };
    let server = Server::with(settings).await;
    http1(&server, "GET / HTTP/1.1\r\nhost: ").await;
    http1(&server, "").await;
}

#[tokio::test]
async fn a_taken_port_is_named_with_what_to_do() {
    use miette::Diagnostic as _;
    let server = Server::start().await;
    let error = listen(&server.address.to_string()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on `{}`", server.address));
    assert!(error.help().unwrap().to_string().contains("--listen HOST:PORT"));
    assert!(listen("nonsense").await.is_err());
}
