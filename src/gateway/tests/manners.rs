use super::*;

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
        ("application/json", 415),
        ("application/grpc+json", 415),
        ("application/grpc-web", 415),
        ("application/grpcx", 415),
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
            assert!(text.contains("this server speaks gRPC"), "{text}");
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
    assert!(answer.ends_with("gRPC needs HTTP/2; this request came over HTTP/1.1\n"), "{answer}");
    let answer = http1(&server, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 415 "), "{answer}");
}

#[tokio::test]
async fn clients_that_do_not_go_on_are_shown_out() {
    let settings = Settings { header_read_timeout: Duration::from_millis(50), ..Settings::default() };
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
