//! REST by HTTP rules.

use serde_json::json;

use crate::call::{Codec, Protocol};
use crate::gateway::tests::connect::http1;
use crate::gateway::tests::*;

pub(crate) const RULED: &str = r#"
syntax = "proto3";
package ruled.v1;

import "google/api/annotations.proto";
import "google/protobuf/timestamp.proto";

// Greets by rules.
service Ruled {
  // Answers with what came.
  rpc Echo(Everything) returns (Everything) {
    option (google.api.http) = {
      post: "/v1/echo/{text}"
      body: "*"
      additional_bindings { put: "/v1/echo/{text}/inner" body: "inner" }
      additional_bindings { get: "/v1/{text=shelves/*/books/**}" }
      additional_bindings { get: "/v1/echo/{inner.name}:inner" response_body: "inner" }
      additional_bindings { custom { kind: "PURGE" path: "/v1/echo/{text}" } }
      additional_bindings { get: "/v1/broken/{nothing}" }
    };
    option idempotency_level = NO_SIDE_EFFECTS;
  }
  rpc Repeat(Repeated) returns (Reply) {}
  // Greets some times.
  rpc Script(Repeated) returns (stream Reply) {
    option (google.api.http) = { get: "/v1/script" };
  }
  // Fails.
  rpc Fail(Repeated) returns (Reply) {
    option (google.api.http) = { delete: "/v1/fail/{name}" };
  }
}

message Everything {
  // Some text.
  string text = 1;
  bool flag = 2;
  int64 big = 3;
  double real = 4;
  bytes raw = 5;
  Colour colour = 6;
  repeated int32 numbers = 7;
  Inner inner = 8;
  map<string, string> labels = 9;
  google.protobuf.Timestamp at = 10;
}

message Inner {
  string name = 1;
  Inner inner = 2;
}

enum Colour {
  COLOUR_UNSPECIFIED = 0;
  COLOUR_RED = 1;
}

message Repeated {
  string name = 1;
  int32 times = 2;
}

message Reply {
  string message = 1;
}
"#;

const HTTP_BODY: &str = r#"
syntax = "proto3";
package google.api;

import "google/protobuf/any.proto";

message HttpBody {
  string content_type = 1;
  bytes data = 2;
  repeated google.protobuf.Any extensions = 3;
}
"#;

/// Compiles a file that may have HTTP rules.
pub(crate) fn compile_rules(file: &str) -> prost_reflect::DescriptorPool {
    compile(&[
        ("google/api/http.proto", include_str!("../../../guest-sdk/codegen/proto/google/api/http.proto")),
        ("google/api/annotations.proto", include_str!("../../../guest-sdk/codegen/proto/google/api/annotations.proto")),
        ("google/api/httpbody.proto", HTTP_BODY),
        ("rules.proto", file),
    ])
}

/// Serves the greeter and all services of a file with HTTP rules.
pub(crate) fn serve_rules(server: &Server, file: &str) {
    let mut served = catalog();
    for service in compile_rules(file).services() {
        served.add(service, ServiceHealth::Serving);
    }
    server.fake.catalog.send_replace(Arc::new(served));
}

/// A server of the greeter, and of the service above.
pub(crate) async fn ruled() -> Server {
    let server = Server::start().await;
    serve_rules(&server, RULED);
    server
}

pub(crate) const JSON: &str = "content-type: application/json\n";

#[tokio::test]
async fn path_query_and_body_make_the_request() {
    let server = ruled().await;
    let answer = http1(&server, "POST /v1/echo/a%20b", JSON, br#"{"flag":true,"text":"overruled"}"#).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "text": "a b", "flag": true })));
    let context = server.fake.last.lock().unwrap().take().unwrap();
    assert_eq!((context.protocol, context.codec, &*context.method), (Protocol::Rest, Codec::Json, "Echo"));

    let answer = http1(&server, "PUT /v1/echo/a/inner?flag=true&numbers=1&numbers=2", JSON, br#"{"name":"x"}"#).await;
    assert_eq!(answer.json(), json!({ "text": "a", "flag": true, "numbers": [1, 2], "inner": { "name": "x" } }));

    let answer = http1(&server, "GET /v1/shelves/1/books/2?labels[a.b]=c&labels%5Bd]%5D=", "", b"").await;
    assert_eq!(answer.json()["labels"], json!({ "a.b": "c", "d]": "" }));

    let query = "flag=true&big=-5&real=1.5&raw=AAH%2F&colour=COLOUR_RED&inner.inner.name=deep&at=1970-01-01T00:00:01Z";
    let answer = http1(&server, &format!("GET /v1/shelves/1/books/2/3?{query}"), "", b"").await;
    let wanted = json!({
        "text": "shelves/1/books/2/3", "flag": true, "big": "-5", "real": 1.5, "raw": "AAH/", "colour": "COLOUR_RED",
        "inner": { "inner": { "name": "deep" } }, "at": "1970-01-01T00:00:01Z",
    });
    assert_eq!(answer.json(), wanted);
}

#[tokio::test]
async fn verbs_of_ones_own_and_parts_of_responses_are_there() {
    let server = ruled().await;
    let answer = http1(&server, "GET /v1/echo/x:inner", "", b"").await;
    assert_eq!(answer.json(), json!({ "name": "x" }));
    let answer = http1(&server, "PURGE /v1/echo/x", "", b"").await;
    assert_eq!(answer.json(), json!({ "text": "x" }));
}

#[tokio::test]
async fn a_stream_is_lines_and_its_error_the_last_of_them() {
    let server = ruled().await;
    let answer = http1(&server, "GET /v1/script?name=one%20two+fail", "", b"").await;
    assert_eq!((answer.status, &answer.headers["content-type"]), (200, &"application/x-ndjson".parse().unwrap()));
    let text = String::from_utf8(answer.body).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let error = json!({ "error": { "code": 9, "message": "not today", "details": [] } });
    assert_eq!(lines, [json!({ "message": "one" }), json!({ "message": "two" }), error]);
}

#[tokio::test]
async fn what_does_not_fit_is_named() {
    let server = ruled().await;
    let answer = http1(&server, "DELETE /v1/fail/x", "", b"").await;
    let details = json!([
        { "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "TIRED", "domain": "greeter" },
        { "@type": "type.googleapis.com/x.Unknown", "value": "CAE=" },
    ]);
    let wanted = json!({ "code": 9, "message": "not today: déjà vu", "details": details });
    assert_eq!((answer.status, answer.json()), (400, wanted));
    let answer = http1(&server, "POST /v1/fail/x", JSON, b"{}").await;
    assert_eq!((answer.status, &answer.headers["allow"]), (405, &"DELETE".parse().unwrap()));
    assert_eq!(answer.json()["code"], 12);
    for (line, body, wanted) in [
        ("GET /v1/shelves/1/books/2?nobody=1", "", "in the query, `ruled.v1.Everything` has no field `nobody`"),
        ("GET /v1/shelves/1/books/2?flag=maybe", "", "`flag` is \"maybe\"; expected true or false"),
        ("GET /v1/shelves/1/books/2?labels=1", "", "`labels` cannot be set by a path or a query"),
        ("GET /v1/shelves/1/books/2?inner=1", "", "`inner` is a message; set its fields"),
        ("GET /v1/shelves/1/books/2?big=x", "", "the request is no `ruled.v1.Everything` in JSON: "),
        ("POST /v1/echo/x?flag=true", "{}", "`flag` in the query: all of the message is in the body"),
        ("GET /v1/echo/x:inner?inner.name=y", "", "`inner.name` in the query: the path sets it"),
        ("PURGE /v1/echo/x?text=y", "", "`text` in the query: the path sets it"),
        ("GET /v1/shelves/1/books/2?labels[a]=1&labels[a]=2", "", "`labels[a]` is in the query more than once"),
        ("GET /v1/shelves/1/books/2?numbers[a]=1", "", "`numbers[a]` in the query: `numbers` is not a map"),
        ("PUT /v1/echo/x/inner?inner.name=y", "{}", "`inner.name` in the query: `inner` is in the body"),
        ("GET /v1/shelves/1/books/2?big=1&big=2", "", "`big` is in the query more than once, and takes one value"),
        ("POST /v1/echo/x", "[]", "the request is no `ruled.v1.Everything` in JSON: expected an object"),
        ("POST /v1/echo/x", "{", "the request is no `ruled.v1.Everything` in JSON: not JSON: expected a name"),
    ] {
        let answer = http1(&server, line, if body.is_empty() { "" } else { JSON }, body.as_bytes()).await;
        assert_eq!((answer.status, &answer.json()["code"]), (400, &json!(3)), "{line}");
        assert!(answer.json()["message"].as_str().unwrap().starts_with(wanted), "{}", answer.json());
    }
    let answer = http1(&server, "POST /v1/echo/x", "content-type: text/plain\n", b"{}").await;
    assert_eq!((answer.status, &answer.json()["code"]), (415, &json!(3)));
}

/// A value of any size would go into the response and the log.
#[tokio::test]
async fn an_error_quotes_about_a_kibibyte_of_the_request() {
    let server = ruled().await;
    let body = json!({ "flag": "x".repeat(1 << 20) }).to_string();
    for path in ["/v1/echo/x", "/ruled.v1.Ruled/Echo"] {
        let answer = http1(&server, &format!("POST {path}"), JSON, body.as_bytes()).await;
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(answer.status == 400 && message.len() <= 1024, "{} bytes", message.len());
        assert!(message.starts_with("the request is no `ruled.v1.Everything` in JSON: "), "{message}");
        assert!(message.contains("`flag`: expected true or false"), "{message}");
    }
}

#[tokio::test]
async fn a_method_without_side_effects_may_be_got_by_connect() {
    let server = ruled().await;
    let path = "/ruled.v1.Ruled/Echo";
    let answer =
        http1(&server, &format!("GET {path}?connect=v1&encoding=json&message=%7B%22text%22:%22a%22%7D"), "", b"").await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "text": "a" })));
    let context = server.fake.last.lock().unwrap().take().unwrap();
    assert!(context.get_query.unwrap().starts_with("connect=v1&encoding=json&"));
    let answer = http1(&server, &format!("GET {path}?encoding=proto&base64=1&message=CgFh"), "", b"").await;
    assert_eq!((answer.status, answer.body), (200, b"\n\x01a".to_vec()));
    for query in ["encoding=json", "encoding=json&base64=1&message=!", "connect=v2&encoding=json&message=%7B%7D"] {
        let answer = http1(&server, &format!("GET {path}?{query}"), "", b"").await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("invalid_argument")), "{query}");
    }
    assert_eq!(http1(&server, &format!("GET {path}"), "", b"").await.status, 415);
}
