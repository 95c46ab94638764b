use crate::gateway::tests::*;

#[tokio::test]
async fn gzip_goes_both_ways() {
    let server = Server::start().await;
    let grpc = Grpc::new(server.channel().await)
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip);
    let reply = unary(grpc, "/greeter.v1.Greeter/Echo", request(&"x".repeat(5000))).await.unwrap();
    assert_eq!(reply.metadata().get("grpc-encoding").unwrap(), "gzip");
    assert_eq!(reply.into_inner(), text(&"x".repeat(5000)));
}

#[tokio::test]
async fn short_responses_and_those_nobody_asked_to_compress_are_plain() {
    let server = Server::start().await;
    for (size, accept) in [("100", "gzip"), ("5000", "identity"), ("5000", "snappy, br")] {
        let request = post(&server, "/greeter.v1.Greeter/Big").header("grpc-accept-encoding", accept);
        let answer = raw(&server, request.body(()).unwrap(), framed(&text(size)).into()).await;
        assert_eq!(answer.body[0], 0, "{accept}");
        assert!(!answer.head.headers.contains_key("grpc-encoding"));
    }
    let request = post(&server, "/greeter.v1.Greeter/Big").header("grpc-accept-encoding", "identity, br, gzip");
    let answer = raw(&server, request.body(()).unwrap(), framed(&text("5000")).into()).await;
    assert_eq!((answer.body[0], answer.head.headers["grpc-encoding"].as_bytes()), (1, &b"gzip"[..]));
}

#[tokio::test]
async fn another_encoding_is_unimplemented_and_hears_which_are_not() {
    let server = Server::start().await;
    let request = post(&server, "/greeter.v1.Greeter/Echo").header("grpc-encoding", "snappy").body(()).unwrap();
    let answer = raw(&server, request, framed(&text("Ada")).into()).await;
    assert_eq!(answer.status().code(), Code::Unimplemented);
    assert_eq!(
        answer.status().message(),
        "messages compressed with `snappy` are not supported; gzip, deflate, zstd and identity are"
    );
    assert_eq!(answer.head.headers["grpc-accept-encoding"], "gzip,deflate,zstd,identity");
}
