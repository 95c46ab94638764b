//! REST and GET of Connect against web pages of other origins, which send them without a preflight.

use crate::gateway::tests::connect::http1;
use crate::gateway::tests::rest::{JSON, serve_rules};
use crate::gateway::tests::*;

const RESET: &str = r#"
syntax = "proto3";
package pages.v1;

import "google/api/annotations.proto";

service Pages {
  rpc Echo(Nothing) returns (Nothing) {
    option (google.api.http) = {
      post: "/v1/reset"
      additional_bindings { get: "/v1/state" }
      additional_bindings { put: "/v1/state" body: "*" }
    };
    option idempotency_level = NO_SIDE_EFFECTS;
  }
}

message Nothing {}
"#;

async fn server_with(origins: &[&str]) -> Server {
    let origins = origins.iter().map(ToString::to_string).collect();
    let server = Server::with(GatewaySettings { origins, ..GatewaySettings::default() }).await;
    serve_rules(&server, RESET);
    server
}

#[tokio::test]
async fn a_page_of_another_origin_does_not_call_without_a_preflight() {
    let server = server_with(&[]).await;
    for (headers, is_allowed) in [
        ("", true),
        ("origin: http://localhost\n", true),
        ("origin: https://LOCALHOST:443\n", true),
        ("sec-fetch-site: same-origin\norigin: http://localhost\n", true),
        ("sec-fetch-site: none\n", true),
        ("origin: https://evil.example\n", false),
        ("origin: http://localhost:81\n", false),
        ("origin: http://localhost.evil.example\n", false),
        ("origin: null\n", false),
        ("origin: http://localhost\norigin: https://evil.example\n", false),
        ("sec-fetch-site: cross-site\n", false),
    ] {
        for line in ["POST /v1/reset", "GET /v1/state", "PUT /v1/state"] {
            let headers = format!("{JSON}{headers}");
            let answer = http1(&server, line, &headers, if line.starts_with("PUT") { b"{}" } else { b"" }).await;
            let wanted = if is_allowed { 200 } else { 403 };
            assert_eq!(answer.status, wanted, "{line} {headers}");
            assert!(is_allowed || answer.json()["code"] == 7, "{}", answer.json());
        }
        let line = "GET /pages.v1.Pages/Echo?encoding=json&message=%7B%7D";
        let answer = http1(&server, line, headers, b"").await;
        assert_eq!(answer.status, if is_allowed { 200 } else { 403 }, "{line} {headers}");
        assert!(is_allowed || answer.json()["code"] == "permission_denied", "{}", answer.json());
    }
}

#[tokio::test]
async fn a_page_whose_origin_is_named_calls() {
    let server = server_with(&["https://app.example"]).await;
    for (headers, status) in [
        ("origin: https://app.example\nsec-fetch-site: cross-site\n", 200),
        ("origin: https://evil.example\n", 403),
        ("sec-fetch-site: cross-site\n", 403),
    ] {
        assert_eq!(http1(&server, "POST /v1/reset", headers, b"").await.status, status, "{headers}");
    }
    let server = server_with(&["*"]).await;
    for headers in ["origin: https://evil.example\n", "sec-fetch-site: cross-site\n"] {
        assert_eq!(http1(&server, "POST /v1/reset", headers, b"").await.status, 200, "{headers}");
    }
}
