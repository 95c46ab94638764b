//! The start page and the OpenAPI document.

use crate::gateway::tests::connect::http1;
use crate::gateway::tests::rest::ruled;
use crate::gateway::tests::*;

#[tokio::test]
async fn the_page_is_there_and_nothing_else() {
    let server = Server::start().await;
    let answer = http1(&server, "GET /", "", b"").await;
    assert_eq!((answer.status, &answer.headers["content-type"]), (200, &"text/html; charset=utf-8".parse().unwrap()));
    assert!(answer.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    let answer = http1(&server, "GET /favicon.ico", "", b"").await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (404, Some("unimplemented")));
}

#[tokio::test]
async fn the_document_follows_what_is_catalog() {
    let server = Server::start().await;
    let before = http1(&server, "GET /openapi.json", "", b"").await.json();
    assert_eq!(before["tags"][0]["name"], "greeter.v1.Greeter");
    assert_eq!(before["paths"]["/greeter.v1.Greeter/Hello"]["post"]["description"], "Says hello.");
    server.fake.catalog.send_replace(Arc::new(Catalog::default()));
    let after = http1(&server, "GET /openapi.json", "", b"").await.json();
    assert_eq!(after["paths"], serde_json::json!({}));
}

#[tokio::test]
async fn the_document_has_rules_comments_and_schemas() {
    let server = ruled().await;
    let mut document = http1(&server, "GET /openapi.json", "", b"").await.json();
    document["info"]["version"] = "0".into();
    let keep = |part: &str| {
        part.contains("ruled") || part.starts_with("/v1") || part == "connect.error" || part == "google.rpc.Status"
    };
    for part in ["/paths", "/components/schemas"] {
        document.pointer_mut(part).unwrap().as_object_mut().unwrap().retain(|name, _| keep(name));
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap());
}
