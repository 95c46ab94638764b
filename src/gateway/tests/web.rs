use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::call::Protocol;
use crate::gateway::tests::connect::http1;
use crate::gateway::tests::*;

/// The frames of an answer: flags and content.
fn frames(mut body: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some((prefix, rest)) = body.split_first_chunk::<5>() {
        let length = u32::from_be_bytes(prefix[1..].try_into().unwrap()) as usize;
        frames.push((prefix[0], rest[..length].to_vec()));
        body = &rest[length..];
    }
    frames
}

#[tokio::test]
async fn a_call_has_its_trailers_in_the_body() {
    let server = Server::start().await;
    let headers = "content-type: application/grpc-web+proto\nx-grpc-web: 1\ncolour: red\nkey-bin: AP7/\n";
    let answer = http1(&server, "POST /greeter.v1.Greeter/Mirror", headers, &framed(&text("Ada"))).await;
    assert_eq!((answer.status, &answer.headers["colour"]), (200, &"red".parse().unwrap()));
    assert_eq!(answer.headers["content-type"], "application/grpc-web+proto");
    assert_eq!(answer.headers["key-bin"], "AP7/");
    let frames = frames(&answer.body);
    assert_eq!(frames[0], (0, text("mirrored").to_vec()));
    let trailers = String::from_utf8(frames[1].1.clone()).unwrap();
    assert_eq!((frames[1].0, frames.len()), (0x80, 2));
    for line in ["grpc-status:0", "checksum:c0ffee", "checksum-bin:AAH/", "checksum-bin:Ag"] {
        assert!(trailers.split("\r\n").any(|trailer| trailer == line), "{trailers}");
    }
    let context = server.fake.last.lock().unwrap().take().unwrap();
    assert_eq!(context.protocol, Protocol::GrpcWeb);
    assert_eq!(context.metadata.get("key-bin"), Some(&[0, 254, 255][..]));
}

#[tokio::test]
async fn text_is_base64_both_ways() {
    let server = Server::start().await;
    let request = STANDARD.encode(framed(&text("Ada")));
    for kind in ["application/grpc-web-text", "application/grpc-web-text+proto"] {
        let headers = format!("content-type: {kind}\naccept: {kind}\n");
        let answer = http1(&server, "POST /greeter.v1.Greeter/Hello", &headers, request.as_bytes()).await;
        assert_eq!(answer.headers["content-type"], "application/grpc-web-text+proto");
        // Each part of an answer has its own padding.
        let body = String::from_utf8(answer.body).unwrap();
        let ends = body.match_indices('=').map(|(at, _)| at + 1).chain([body.len()]);
        let mut body = body.as_str();
        let mut bytes = Vec::new();
        let mut taken = 0;
        for end in ends {
            let (part, rest) = body.split_at((end - taken).next_multiple_of(4).min(body.len()));
            bytes.extend(STANDARD.decode(part).unwrap());
            taken += part.len();
            body = rest;
            if body.is_empty() {
                break;
            }
        }
        let frames = frames(&bytes);
        assert_eq!(frames[0], (0, text("Hello, Ada!").to_vec()));
        assert!(String::from_utf8_lossy(&frames[1].1).contains("grpc-status:0"));
    }
}

#[tokio::test]
async fn broken_text_is_a_broken_call() {
    let server = Server::start().await;
    let headers = "content-type: application/grpc-web-text\n";
    let answer = http1(&server, "POST /greeter.v1.Greeter/Hello", headers, b"!!!!").await;
    assert_eq!(answer.status, 200);
    assert_ne!(answer.headers["grpc-status"], "0");
}

#[tokio::test]
async fn messages_may_be_json() {
    let server = Server::start().await;
    let headers = "content-type: application/grpc-web+json\n";
    let answer = http1(&server, "POST /greeter.v1.Greeter/Hello", headers, &framed(br#"{"name":"Ada"}"#)).await;
    assert_eq!(answer.headers["content-type"], "application/grpc-web+json");
    assert_eq!(frames(&answer.body)[0], (0, br#"{"message":"Hello, Ada!"}"#.to_vec()));
}
