//! The Connect protocol.

use serde_json::{Value, json};

use crate::call::ByteBudget;
use crate::call::{Codec, Protocol};
use crate::gateway::call::compression::Compression;
use crate::gateway::tests::*;

/// The response to a request by HTTP/1.1.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&self.body)))
    }
}

/// Sends a request by HTTP/1.1, with `headers` as lines.
pub(crate) async fn http1(server: &Server, line: &str, headers: &str, body: &[u8]) -> Answer {
    let mut stream = server.tcp().await;
    let length = if body.is_empty() { String::new() } else { format!("content-length: {}\n", body.len()) };
    let head = format!("{line} HTTP/1.1\nhost: localhost\nconnection: close\n{length}{}\n", headers.trim_start());
    stream.write_all(head.replace('\n', "\r\n").as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        headers.append(http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
    }
    let body = match headers.get("transfer-encoding") {
        Some(_) => unchunked(&answer[end + 4..]),
        None => answer[end + 4..].to_vec(),
    };
    Answer { status, headers, body }
}

fn unchunked(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = chunks.windows(2).position(|window| window == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&chunks[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend(&chunks[end + 2..end + 2 + size]);
        chunks = &chunks[end + 4 + size..];
    }
}

const JSON: &str = "content-type: application/json\n";

#[tokio::test]
async fn a_unary_call_is_a_plain_post() {
    let server = Server::start().await;
    let answer = http1(&server, "POST /greeter.v1.Greeter/Hello", JSON, br#"{"name":"Ada"}"#).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "message": "Hello, Ada!" })));
    assert_eq!(answer.headers["content-type"], "application/json");
    let context = server.fake.last.lock().unwrap().take().unwrap();
    assert_eq!((context.protocol, context.codec, context.deadline), (Protocol::Connect, Codec::Json, None));

    let headers = "content-type: application/proto\nconnect-protocol-version: 1\nconnect-timeout-ms: 5000\n";
    let answer = http1(&server, "POST /greeter.v1.Greeter/Hello", headers, &text("Ada")).await;
    assert_eq!((answer.status, answer.body), (200, text("Hello, Ada!").to_vec()));
    let context = server.fake.last.lock().unwrap().take().unwrap();
    assert_eq!(context.codec, Codec::Proto);
    assert_eq!(context.deadline.unwrap().timeout, Some(Duration::from_secs(5)));
}

#[tokio::test]
async fn metadata_comes_as_headers_and_trailers_go_with_a_prefix() {
    let server = Server::start().await;
    let headers = format!("{JSON}colour: red\ncolour: blue\nkey-bin: AP7/\n");
    let answer = http1(&server, "POST /greeter.v1.Greeter/Mirror", &headers, b"{}").await;
    assert_eq!(answer.headers.get_all("colour").iter().collect::<Vec<_>>(), ["red", "blue"]);
    assert_eq!(answer.headers["key-bin"], "AP7/");
    assert_eq!(answer.headers["trailer-checksum"], "c0ffee");
    assert_eq!(answer.headers.get_all("trailer-checksum-bin").iter().collect::<Vec<_>>(), ["AAH/", "Ag"]);
}

#[tokio::test]
async fn an_error_is_json_with_its_details() {
    let server = Server::start().await;
    let answer = http1(&server, "POST /greeter.v1.Greeter/Fail", JSON, b"{}").await;
    assert_eq!(
        (answer.status, &answer.headers["early"], &answer.headers["trailer-late"]),
        (400, &"bird".parse().unwrap(), &"owl".parse().unwrap())
    );
    let wanted = json!({
        "code": "failed_precondition",
        "message": "not today: déjà vu",
        "details": [
            {
                "type": "google.rpc.ErrorInfo",
                "value": "CgVUSVJFRBIHZ3JlZXRlcg",
                "debug": { "reason": "TIRED", "domain": "greeter" },
            },
            { "type": "x.Unknown", "value": "CAE" },
        ],
    });
    assert_eq!(answer.json(), wanted);
}

#[tokio::test]
async fn what_is_no_call_hears_what_would_be() {
    let server = Server::start().await;
    let answer = http1(&server, "POST /greeter.v1.Greeter/Helo", JSON, b"{}").await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (404, Some("unimplemented")));
    assert!(answer.json()["message"].as_str().unwrap().ends_with("did you mean `Hello`?"));
    let answer = http1(&server, &format!("POST /greeter.v1.Greeter/{}", "x".repeat(8000)), JSON, b"{}").await;
    assert!(answer.json()["message"].as_str().unwrap().len() <= 1024);
    let answer = http1(&server, "POST /greeter.v1.Greeter/Hello", "content-type: text/plain\n", b"{}").await;
    assert_eq!(answer.status, 415);
    assert!(answer.headers["accept-post"].to_str().unwrap().starts_with("application/json, "));
    let answer = http1(&server, "POST /greeter.v1.Greeter/Chat", JSON, b"{}").await;
    assert_eq!(answer.status, 415);
    assert!(String::from_utf8(answer.body).unwrap().contains("application/connect+json"));
    let answer = http1(&server, "GET /greeter.v1.Greeter/Hello?encoding=json&message=%7B%7D", "", b"").await;
    assert_eq!((answer.status, &answer.headers["allow"]), (405, &"POST".parse().unwrap()));
    for (headers, body, code) in [
        ("connect-protocol-version: 2\n", "{}", "invalid_argument"),
        ("connect-timeout-ms: 12345678901\n", "{}", "invalid_argument"),
        ("connect-timeout-ms: -1\n", "{}", "invalid_argument"),
        ("content-encoding: snappy\n", "{}", "unimplemented"),
        ("content-encoding: gzip\n", "{}", "invalid_argument"),
        ("", "{\"name\":", "invalid_argument"),
        ("", "{\"name\":7}", "invalid_argument"),
        ("", "{} {}", "invalid_argument"),
        ("connect-timeout-ms: 0\n", "{}", "deadline_exceeded"),
    ] {
        let answer =
            http1(&server, "POST /greeter.v1.Greeter/Hello", &format!("{JSON}{headers}"), body.as_bytes()).await;
        assert_eq!(answer.json()["code"], code, "{headers}{body}");
    }
}

#[tokio::test]
async fn every_compression_goes_both_ways_and_bombs_do_not_go_off() {
    let server = Server::with(GatewaySettings { max_request: 100_000, ..GatewaySettings::default() }).await;
    for compression in Compression::OF_HTTP {
        let name = compression.name();
        let headers = format!("{JSON}content-encoding: {name}\naccept-encoding: {name}\n");
        let sent = compression.compress(json!({ "name": "x".repeat(5000) }).to_string().as_bytes()).unwrap();
        let answer = http1(&server, "POST /greeter.v1.Greeter/Hello", &headers, &sent).await;
        assert_eq!((answer.status, &answer.headers["content-encoding"]), (200, &name.parse().unwrap()));
        let message = compression.unpack(&answer.body, 10_000, &ByteBudget::of_process(10_000)).unwrap();
        assert_eq!(message, json!({ "message": format!("Hello, {}!", "x".repeat(5000)) }).to_string());
        let bomb = compression.compress(json!({ "name": "x".repeat(50 << 20) }).to_string().as_bytes()).unwrap();
        assert!(bomb.len() < 100_000);
        let answer = http1(&server, "POST /greeter.v1.Greeter/Hello", &headers, &bomb).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (429, Some("resource_exhausted")), "{name}");
    }
}

#[tokio::test]
async fn a_long_request_that_is_refused_hears_why() {
    let server = Server::with(GatewaySettings { max_request: 100, ..GatewaySettings::default() }).await;
    let body = json!({ "name": "x".repeat(2 << 20) }).to_string();
    let answer = http1(&server, "POST /greeter.v1.Greeter/Hello", JSON, body.as_bytes()).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (429, Some("resource_exhausted")));
}

/// The envelopes of a stream: flags and JSON.
fn envelopes(mut body: &[u8]) -> Vec<(u8, Value)> {
    let mut envelopes = Vec::new();
    while let Some((prefix, rest)) = body.split_first_chunk::<5>() {
        let length = u32::from_be_bytes(prefix[1..].try_into().unwrap()) as usize;
        envelopes.push((prefix[0], serde_json::from_slice(&rest[..length]).unwrap()));
        body = &rest[length..];
    }
    envelopes
}

#[tokio::test]
async fn a_stream_ends_with_its_trailers() {
    let server = Server::start().await;
    let request = post(&server, "/greeter.v1.Greeter/Chat").header("colour", "red");
    let mut request = request.body(()).unwrap();
    request.headers_mut().insert("content-type", "application/connect+json".parse().unwrap());
    let requests = [framed(br#"{"name":"Ada"}"#), framed(br#"{"name":"Grace"}"#)].concat();
    let answer = raw(&server, request, requests.into()).await;
    assert_eq!(answer.head.status, StatusCode::OK);
    assert_eq!((&answer.head.headers["colour"], answer.trailers.is_none()), (&"red".parse().unwrap(), true));
    let wanted = [
        (0, json!({ "message": "Hello, Ada!" })),
        (0, json!({ "message": "Hello, Grace!" })),
        (2, json!({ "metadata": { "count": ["2"] } })),
    ];
    assert_eq!(envelopes(&answer.body), wanted);
}

#[tokio::test]
async fn a_stream_that_fails_says_so_at_its_end() {
    let server = Server::start().await;
    for (script, messages) in [("fail-with-headers", 0), ("one fail", 1)] {
        let headers = "content-type: application/connect+json\n";
        let request = framed(json!({ "name": script }).to_string().as_bytes());
        let answer = http1(&server, "POST /greeter.v1.Greeter/Script", headers, &request).await;
        assert_eq!(
            (answer.status, &answer.headers["content-type"]),
            (200, &"application/connect+json".parse().unwrap())
        );
        let envelopes = envelopes(&answer.body);
        assert_eq!(envelopes.len(), messages + 1);
        let error = json!({ "code": "failed_precondition", "message": "not today" });
        assert_eq!(envelopes[messages], (2, json!({ "error": error, "metadata": { "late": ["owl"] } })));
    }
}

#[tokio::test]
async fn who_resets_a_stream_has_cancelled_it() {
    let mut server = Server::start().await;
    let mut request = post(&server, "/greeter.v1.Greeter/Script").body(()).unwrap();
    request.headers_mut().insert("content-type", "application/connect+json".parse().unwrap());
    let (response, mut stream) = open(&server, request, &framed(br#"{"name":"a wait"}"#)).await;
    stream.send_data(Bytes::new(), true).unwrap();
    let context = server.began.recv().await.unwrap();
    drop((response, stream));
    timeout(Duration::from_secs(5), context.cancellation.cancelled()).await.unwrap();
    server.idle().await;
}

#[tokio::test]
async fn pages_of_other_origins_may_call_when_they_are_named() {
    let origins = vec!["https://app.example".to_owned()];
    let server = Server::with(GatewaySettings { origins, ..GatewaySettings::default() }).await;
    let preflight = |origin: &str| {
        format!("origin: {origin}\naccess-control-request-method: POST\naccess-control-request-headers: x-mine\n")
    };
    let path = "OPTIONS /greeter.v1.Greeter/Hello";
    let answer = http1(&server, path, &preflight("https://app.example"), b"").await;
    assert_eq!((answer.status, &answer.headers["access-control-allow-headers"]), (200, &"x-mine".parse().unwrap()));
    assert_eq!(answer.headers["access-control-allow-origin"], "https://app.example");
    let answer = http1(&server, path, &preflight("https://evil.example"), b"").await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    let headers = format!("{JSON}origin: https://app.example\n");
    let answer = http1(&server, "POST /greeter.v1.Greeter/Hello", &headers, b"{}").await;
    assert_eq!(answer.headers["access-control-expose-headers"], "*");
}
