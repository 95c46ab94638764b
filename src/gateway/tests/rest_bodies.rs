//! `google.api.HttpBody` in requests and responses of REST.

use serde_json::json;

use crate::gateway::tests::connect::http1;
use crate::gateway::tests::rest::{JSON, serve_rules};
use crate::gateway::tests::*;

const BODIES: &str = r#"
syntax = "proto3";
package bodies.v1;

import "google/api/annotations.proto";
import "google/api/httpbody.proto";

service Raw {
  rpc Echo(google.api.HttpBody) returns (google.api.HttpBody) {
    option (google.api.http) = {
      post: "/v1/raw" body: "*"
      additional_bindings { post: "/v1/raw/{content_type}" body: "*" }
      additional_bindings { get: "/v1/raw" }
    };
  }
}

service Files {
  rpc Echo(Upload) returns (Upload) {
    option (google.api.http) = {
      post: "/v1/files/{name}" body: "file"
      additional_bindings { post: "/v1/files/{name}:content" body: "file" response_body: "file" }
      additional_bindings { get: "/v1/files/{name}" }
      additional_bindings { get: "/v1/files/{name}:content" response_body: "file" }
    };
  }
  rpc Fail(Upload) returns (google.api.HttpBody) {
    option (google.api.http) = { get: "/v1/fail/{name}" };
  }
  // Sends what the name says.
  rpc Download(Upload) returns (stream google.api.HttpBody) {
    option (google.api.http) = { get: "/v1/download/{name}" };
  }
}

message Upload {
  string name = 1;
  int32 part = 2;
  google.api.HttpBody file = 10;
}
"#;

async fn server() -> Server {
    let server = Server::start().await;
    serve_rules(&server, BODIES);
    server
}

#[tokio::test]
async fn a_body_of_any_type_goes_in_and_comes_out_as_it_is() {
    let server = server().await;
    for (content_type, body) in
        [("image/png", &b"\x89PNG\x00\xff"[..]), ("application/json", b"{ \"a\" : 1 }"), ("text/csv", b"")]
    {
        let headers = format!("content-type: {content_type}\n");
        for path in ["/v1/raw", "/v1/files/a:content?part=3"] {
            let answer = http1(&server, &format!("POST {path}"), &headers, body).await;
            assert_eq!((answer.status, &*answer.body), (200, body), "{path} {content_type}");
            assert_eq!(answer.headers["content-type"], content_type, "{path}");
        }
        let answer = http1(&server, "POST /v1/files/a?part=3", &headers, body).await;
        assert_eq!(answer.json()["file"]["contentType"], content_type);
        assert_eq!((&answer.json()["name"], &answer.json()["part"]), (&json!("a"), &json!(3)));
    }
    // The path overrules the body, as in JSON.
    let answer = http1(&server, "POST /v1/raw/audio%2Fogg", "content-type: text/plain\n", b"la").await;
    assert_eq!((&*answer.body, &answer.headers["content-type"]), (&b"la"[..], &"audio/ogg".parse().unwrap()));
}

#[tokio::test]
async fn a_response_without_a_content_type_is_bytes() {
    let server = server().await;
    for line in ["GET /v1/raw?data=aGk=", "POST /v1/raw", "GET /v1/files/a:content"] {
        let answer = http1(&server, line, "", b"").await;
        assert_eq!(
            (answer.status, &answer.headers["content-type"]),
            (200, &"application/octet-stream".parse().unwrap())
        );
    }
    let answer = http1(&server, "GET /v1/raw?data=aGk=&content_type=text/plain%0Aset-cookie", "", b"").await;
    assert_eq!(
        (&*answer.body, &answer.headers["content-type"]),
        (&b"hi"[..], &"application/octet-stream".parse().unwrap())
    );
}

#[tokio::test]
async fn an_error_is_json_and_connect_has_the_message_as_json() {
    let server = server().await;
    let answer = http1(&server, "GET /v1/fail/x", "", b"").await;
    assert_eq!((answer.status, &answer.json()["code"]), (400, &json!(9)));
    assert_eq!(answer.headers["content-type"], "application/json");
    let body = br#"{"contentType":"text/plain","data":"aGk="}"#;
    let answer = http1(&server, "POST /bodies.v1.Raw/Echo", JSON, body).await;
    assert_eq!(answer.json(), json!({ "contentType": "text/plain", "data": "aGk=" }));
}

#[tokio::test]
async fn a_stream_is_one_body_with_the_content_type_of_its_first_part() {
    let server = server().await;
    for script in ["text/csv:one, text/html:two", "headers, text/csv:one, :two"] {
        let path = format!("GET /v1/download/{}", script.replace(", ", "%20"));
        let answer = http1(&server, &path.replace("text/", "text%2F"), "", b"").await;
        assert_eq!((answer.status, &answer.headers["content-type"]), (200, &"text/csv".parse().unwrap()), "{script}");
        assert_eq!(answer.body, b"onetwo");
        assert_eq!(answer.headers.contains_key("early"), script.starts_with("headers"));
    }
    for script in ["fail", "headers%20fail"] {
        let answer = http1(&server, &format!("GET /v1/download/{script}"), "", b"").await;
        assert_eq!((answer.status, &answer.json()["code"]), (400, &json!(9)));
        assert_eq!(answer.headers.contains_key("early"), script.starts_with("headers"));
    }
}

#[tokio::test]
async fn the_document_has_bodies_of_any_type() {
    let server = server().await;
    let document = http1(&server, "GET /openapi.json", "", b"").await.json();
    let post = &document["paths"]["/v1/raw"]["post"];
    assert!(
        post["requestBody"]["content"]["*/*"].is_object() && post["responses"]["200"]["content"]["*/*"].is_object()
    );
    let upload = &document["paths"]["/v1/files/{name}"]["post"];
    assert!(upload["requestBody"]["content"]["*/*"].is_object());
    assert!(upload["responses"]["200"]["content"]["application/json"].is_object());
    let error = &upload["responses"]["default"]["content"]["application/json"]["schema"]["$ref"];
    assert_eq!(error, "#/components/schemas/google.rpc.Status");
}

/// A client must see that the body is not whole.
#[tokio::test]
async fn a_stream_that_fails_in_the_middle_breaks_off() {
    let server = server().await;
    let mut stream = server.tcp().await;
    let request = b"GET /v1/download/text%2Fcsv:one%20fail HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    // The head may be lost with the rest.
    assert!(!answer.ends_with(b"0\r\n\r\n"), "the chunks ended in order");
}
