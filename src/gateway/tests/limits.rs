//! Limits on messages and headers.

use crate::gateway::tests::*;

#[tokio::test]
async fn a_request_over_the_limit_is_refused_by_its_size() {
    let server = Server::with(GatewaySettings { max_request: 100, ..GatewaySettings::default() }).await;
    let channel = server.channel().await;
    call(channel.clone(), "Echo", request(&"x".repeat(98))).await.unwrap();
    let status = call(channel, "Echo", request(&"x".repeat(99))).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.message(), "the request message is larger than the limit of 100 bytes");
}

#[tokio::test]
async fn a_compressed_request_is_measured_after_decompression() {
    let server = Server::with(GatewaySettings { max_request: 100_000, ..GatewaySettings::default() }).await;
    let grpc = Grpc::new(server.channel().await).send_compressed(CompressionEncoding::Gzip);
    let status = unary(grpc, "/greeter.v1.Greeter/Echo", request(&"x".repeat(1 << 20))).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.message(), "the request message is larger than the limit of 100000 bytes");
}

#[tokio::test]
async fn a_response_over_the_limit_is_refused_by_its_size() {
    let server = Server::with(GatewaySettings { max_response: 100, ..GatewaySettings::default() }).await;
    let channel = server.channel().await;
    call(channel.clone(), "Big", request("100")).await.unwrap();
    let status = call(channel, "Big", request("101")).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.message(), "the response message has 101 bytes, the limit is 100");
}

#[tokio::test]
async fn a_large_message_goes_both_ways() {
    let server = Server::start().await;
    let grpc = Grpc::new(server.channel().await).max_decoding_message_size(8 << 20);
    let message = text(&"x".repeat((4 << 20) - 6));
    let reply = unary(grpc, "/greeter.v1.Greeter/Echo", tonic::Request::new(message.clone())).await.unwrap();
    assert_eq!(reply.into_inner(), message);
}

#[tokio::test]
async fn headers_over_the_limit_are_refused_by_http() {
    let server = Server::with(GatewaySettings { max_header_list: 1000, ..GatewaySettings::default() }).await;
    let request = post(&server, "/greeter.v1.Greeter/Echo").header("long", "x".repeat(2000)).body(()).unwrap();
    let answer = raw(&server, request, framed(&text("Ada")).into()).await;
    assert_eq!(answer.head.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}

#[tokio::test]
async fn an_error_quotes_no_more_than_a_kibibyte_of_its_request() {
    let server = Server::start().await;
    let body = format!(r#"{{"times":"{}"}}"#, "x".repeat(1 << 20));
    let request = Request::post(format!("http://{}/greeter.v1.Greeter/Echo", server.address))
        .version(Version::HTTP_2)
        .header("content-type", "application/json")
        .body(())
        .unwrap();
    let (response, mut stream) = open(&server, request, &[]).await;
    for part in body.as_bytes().chunks(16 << 10) {
        stream.send_data(Bytes::copy_from_slice(part), false).unwrap();
    }
    stream.send_data(Bytes::new(), true).unwrap();
    let answer = read(response.await.unwrap()).await;
    assert_eq!(answer.head.status, StatusCode::BAD_REQUEST);
    let text = String::from_utf8(answer.body.into()).unwrap();
    assert!(text.len() < 1200, "{} bytes", text.len());
}
