use serde_json::json;

use crate::call::{Codec, Protocol};
use crate::gateway::tests::connect::http1;
use crate::gateway::tests::*;

const RULED: &str = r#"
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

/// A server of the greeter, and of the service above.
pub(crate) async fn ruled() -> Server {
    let pool = compile(&[
        ("google/api/http.proto", include_str!("../../../guest-sdk/codegen/proto/google/api/http.proto")),
        ("google/api/annotations.proto", include_str!("../../../guest-sdk/codegen/proto/google/api/annotations.proto")),
        ("ruled/v1/ruled.proto", RULED),
    ]);
    let server = Server::start().await;
    let mut served = catalog();
    served.add(pool.get_service_by_name("ruled.v1.Ruled").unwrap(), ServiceHealth::Serving);
    server.fake.catalog.send_replace(Arc::new(served));
    server
}

const JSON: &str = "content-type: application/json\n";

#[tokio::test]
async fn path_query_and_body_make_the_request() {
    let server = ruled().await;
    let answer = http1(&server, "POST /v1/echo/a%20b", JSON, br#"{"flag":true,"text":"overruled"}"#).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "text": "a b", "flag": true })));
    let context = server.fake.last.lock().unwrap().take().unwrap();
    assert_eq!((context.protocol, context.codec, &*context.method), (Protocol::Rest, Codec::Json, "Echo"));

    let answer = http1(&server, "PUT /v1/echo/a/inner?flag=true&numbers=1&numbers=2", JSON, br#"{"name":"x"}"#).await;
    assert_eq!(answer.json(), json!({ "text": "a", "flag": true, "numbers": [1, 2], "inner": { "name": "x" } }));

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
    let error = json!({ "error": { "code": "failed_precondition", "message": "not today" } });
    assert_eq!(lines, [json!({ "message": "one" }), json!({ "message": "two" }), error]);
}

#[tokio::test]
async fn what_does_not_fit_is_named() {
    let server = ruled().await;
    let answer = http1(&server, "DELETE /v1/fail/x", "", b"").await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("failed_precondition")));
    let answer = http1(&server, "POST /v1/fail/x", JSON, b"{}").await;
    assert_eq!((answer.status, &answer.headers["allow"]), (405, &"DELETE".parse().unwrap()));
    for (line, body, wanted) in [
        ("GET /v1/shelves/1/books/2?nobody=1", "", "in the query, `ruled.v1.Everything` has no field `nobody`"),
        ("GET /v1/shelves/1/books/2?flag=maybe", "", "`flag` is \"maybe\"; expected true or false"),
        ("GET /v1/shelves/1/books/2?labels=1", "", "`labels` cannot be set by a path or a query"),
        ("GET /v1/shelves/1/books/2?inner=1", "", "`inner` is a message; set its fields"),
        ("GET /v1/shelves/1/books/2?big=x", "", "the request is no `ruled.v1.Everything` in JSON: "),
        ("POST /v1/echo/x?flag=true", "{}", "`flag` in the query: all of the message is in the body"),
        ("POST /v1/echo/x", "[]", "`text` cannot be set in what is no object"),
        ("POST /v1/echo/x", "{", "the body is no JSON: "),
    ] {
        let answer = http1(&server, line, if body.is_empty() { "" } else { JSON }, body.as_bytes()).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("invalid_argument")), "{line}");
        assert!(answer.json()["message"].as_str().unwrap().starts_with(wanted), "{}", answer.json());
    }
    let answer = http1(&server, "POST /v1/echo/x", "content-type: text/plain\n", b"{}").await;
    assert_eq!(answer.status, 415);
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
