//! REST with protobuf in place of JSON.

use prost::Message as _;
use serde_json::json;

use crate::call::Codec;
use crate::gateway::tests::connect::{Answer, http1};
use crate::gateway::tests::rest::{JSON, ruled};

const PROTO: &str = "content-type: application/x-protobuf\n";
const ACCEPT_PROTO: &str = "accept: application/x-protobuf\n";

fn content_type(answer: &Answer) -> &str {
    answer.headers["content-type"].to_str().unwrap()
}

/// `ruled.v1.Everything` with these two fields.
fn everything(text: &str, is_flagged: bool) -> Vec<u8> {
    let mut encoded = vec![0x0a, u8::try_from(text.len()).unwrap()];
    encoded.extend_from_slice(text.as_bytes());
    encoded.extend_from_slice(if is_flagged { &[0x10, 1] } else { &[] });
    encoded
}

#[tokio::test]
async fn a_message_may_be_posted_as_protobuf_and_comes_back_so() {
    let server = ruled().await;
    for content_type in ["application/x-protobuf", "application/protobuf"] {
        let head = format!("content-type: {content_type}\n");
        let answer = http1(&server, "POST /v1/echo/a", &head, &everything("overruled", true)).await;
        assert_eq!((answer.status, &answer.headers["content-type"]), (200, &"application/x-protobuf".parse().unwrap()));
        let message = prost_reflect::DynamicMessage::decode(everything_descriptor(), answer.body.as_slice()).unwrap();
        assert_eq!(message.encode_to_vec(), everything("a", true));
    }
    let context = server.fake.last.lock().unwrap().take().unwrap();
    assert_eq!(context.codec, Codec::Proto);
}

fn everything_descriptor() -> prost_reflect::MessageDescriptor {
    let pool = crate::gateway::tests::rest::compile_rules(crate::gateway::tests::rest::RULED);
    pool.get_message_by_name("ruled.v1.Everything").unwrap()
}

#[tokio::test]
async fn the_response_is_in_the_codec_that_the_client_accepts() {
    let server = ruled().await;
    let answer = http1(&server, "POST /v1/echo/a", &format!("{JSON}{ACCEPT_PROTO}"), b"{\"flag\":true}").await;
    assert_eq!((answer.status, content_type(&answer)), (200, "application/x-protobuf"));
    let head = format!("{PROTO}accept: application/json\n");
    let answer = http1(&server, "POST /v1/echo/a", &head, &everything("", true)).await;
    assert_eq!(answer.json(), json!({ "text": "a", "flag": true }));
    let answer = http1(&server, "GET /v1/shelves/1/books/2", ACCEPT_PROTO, b"").await;
    assert_eq!(answer.body, everything("shelves/1/books/2", false));
}

#[tokio::test]
async fn a_field_of_the_request_or_response_may_be_protobuf() {
    let server = ruled().await;
    let answer =
        http1(&server, "PUT /v1/echo/a/inner", &format!("{PROTO}accept: application/json\n"), b"\n\x01x").await;
    assert_eq!(answer.json(), json!({ "text": "a", "inner": { "name": "x" } }));
    let answer = http1(&server, "GET /v1/echo/x:inner", ACCEPT_PROTO, b"").await;
    assert_eq!((content_type(&answer), answer.body.as_slice()), ("application/x-protobuf", &b"\n\x01x"[..]));
}

#[tokio::test]
async fn an_error_is_a_status_in_the_codec_of_the_response() {
    let server = ruled().await;
    let answer = http1(&server, "DELETE /v1/fail/x", ACCEPT_PROTO, b"").await;
    assert_eq!((answer.status, content_type(&answer)), (400, "application/x-protobuf"));
    let status = tonic_types::pb::Status::decode(answer.body.as_slice()).unwrap();
    assert_eq!((status.code, status.message.as_str(), status.details.len()), (9, "not today: déjà vu", 2));
    let answer =
        http1(&server, "POST /v1/echo/a", "content-type: text/plain\naccept: application/protobuf\n", b"x").await;
    assert_eq!((answer.status, content_type(&answer)), (415, "application/x-protobuf"));
    let status = tonic_types::pb::Status::decode(answer.body.as_slice()).unwrap();
    let wanted = "`/v1/echo/{text}` takes a body with content-type application/json or application/x-protobuf";
    assert_eq!((status.code, status.message.as_str()), (3, wanted));
}

#[tokio::test]
async fn a_protobuf_body_may_be_compressed() {
    let server = ruled().await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, &everything("", true)).unwrap();
    let head = format!("{PROTO}content-encoding: gzip\n");
    let answer = http1(&server, "POST /v1/echo/a", &head, &gzip.finish().unwrap()).await;
    assert_eq!(answer.status, 200);
}
