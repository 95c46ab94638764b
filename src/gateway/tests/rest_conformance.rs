//! REST against the text of `google.api.http` and the behaviours that grpc-gateway and vanguard test, as data in
//! `rest_conformance/cases.json`. Its `notes` name the cases in which the two projects or http.proto differ.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::gateway::tests::connect::http1;
use crate::gateway::tests::rest::serve_rules;
use crate::gateway::tests::rest_routes::{catalog_of, catalog_of_rules, found};
use crate::gateway::tests::*;

const LIBRARY: &str = include_str!("rest_conformance/library.proto");

/// A name, templates, a path, the template that serves it (none for an empty text), and the values of its variables.
type MatchCase = (String, Vec<String>, String, String, VariableValues);
type VariableValues = BTreeMap<String, String>;

/// A name, a request line, content type and body, and the status and body of the response, or the beginning of the error.
type RequestCase = (String, String, String, String, u16, Value);

/// The cases. Each begins with its name.
#[derive(Deserialize)]
struct Cases {
    /// A template, and whether it is valid.
    templates: Vec<(String, String, bool)>,
    /// A rule, and the verbs and paths that it serves.
    rules: Vec<(String, String, BTreeSet<String>)>,
    matches: Vec<MatchCase>,
    /// A query, and the message that it makes, or the beginning of the error.
    queries: Vec<(String, String, Value)>,
    requests: Vec<RequestCase>,
    /// A code of gRPC, and the status of HTTP.
    codes: Vec<(i32, u16)>,
    /// Where the projects and http.proto differ, by the name of a case.
    notes: BTreeMap<String, String>,
}

impl Cases {
    fn read() -> Self {
        serde_json::from_str(include_str!("rest_conformance/cases.json")).unwrap()
    }
}

/// Fails with all cases that do not hold, a line for each.
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} cases do not hold:\n{}", wrong.len(), wrong.join("\n"));
}

async fn server() -> Server {
    let server = Server::start().await;
    serve_rules(&server, LIBRARY);
    server
}

/// Checks a response, and returns what is wrong with it.
fn check_answer(name: &str, answer: &connect::Answer, status: u16, wanted: &Value) -> Option<String> {
    let body = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    let is_right = match (status, wanted.as_str()) {
        (200, _) => body == *wanted,
        (_, Some(prefix)) => {
            let code = if status == 405 { 12 } else { 3 };
            body["code"] == code && body["message"].as_str().is_some_and(|message| message.starts_with(prefix))
        }
        _ => false,
    };
    (answer.status != status || !is_right)
        .then(|| format!("{name}: {} {}", answer.status, String::from_utf8_lossy(&answer.body)))
}

#[test]
fn every_case_has_a_name_and_every_note_is_of_one() {
    let cases = Cases::read();
    let names = [
        cases.templates.iter().map(|case| &case.0).collect::<Vec<_>>(),
        cases.rules.iter().map(|case| &case.0).collect(),
        cases.matches.iter().map(|case| &case.0).collect(),
        cases.queries.iter().map(|case| &case.0).collect(),
        cases.requests.iter().map(|case| &case.0).collect(),
    ];
    let mut all = BTreeSet::new();
    for names in names {
        let mut seen = BTreeSet::new();
        for name in names {
            assert!(seen.insert(name), "two cases are named {name:?}");
            all.insert(name.clone());
        }
    }
    assert!(all.len() > 400, "{}", all.len());
    for name in cases.notes.keys() {
        assert!(all.contains(name), "no case is named {name:?}");
    }
}

#[test]
fn templates_are_valid_by_the_grammar_of_http_proto() {
    let mut wrong = Vec::new();
    for (name, template, is_valid) in Cases::read().templates {
        if (catalog_of(&[&[&template]]).routes().count() > 0) != is_valid {
            wrong.push(format!("{name}: {template:?} is valid: {}", !is_valid));
        }
    }
    assert_none(&wrong);
}

#[test]
fn rules_serve_their_bindings_that_are_valid() {
    let mut wrong = Vec::new();
    for (name, rule, wanted) in Cases::read().rules {
        let served = catalog_of_rules(&[vec![rule]]);
        let routes: BTreeSet<_> =
            served.routes().map(|route| format!("{} {}", route.rule.verb, route.rule.path)).collect();
        if routes != wanted {
            wrong.push(format!("{name}: {routes:?}"));
        }
    }
    assert_none(&wrong);
}

#[test]
fn paths_match_templates_by_the_text_of_http_proto() {
    let mut wrong = Vec::new();
    for (name, templates, path, template, values) in Cases::read().matches {
        let templates: Vec<_> = templates.iter().map(String::as_str).collect();
        let wanted = Some((template, values)).filter(|(template, _)| !template.is_empty());
        let found = found(&catalog_of(&[&templates]), &Method::GET, &path);
        if found != wanted {
            wrong.push(format!("{name}: {path} is served by {found:?}"));
        }
    }
    assert_none(&wrong);
}

#[tokio::test]
async fn queries_set_fields_or_are_refused() {
    let server = server().await;
    let mut wrong = Vec::new();
    for (name, query, wanted) in Cases::read().queries {
        let answer = http1(&server, &format!("GET /q?{query}"), "", b"").await;
        let status = if wanted.is_string() { 400 } else { 200 };
        wrong.extend(check_answer(&name, &answer, status, &wanted));
    }
    assert_none(&wrong);
}

#[tokio::test]
async fn requests_are_bound_to_messages_and_responses_to_bodies() {
    let server = server().await;
    let mut wrong = Vec::new();
    for (name, line, content_type, body, status, wanted) in Cases::read().requests {
        let headers = if content_type.is_empty() { String::new() } else { format!("content-type: {content_type}\n") };
        let answer = http1(&server, &line, &headers, body.as_bytes()).await;
        wrong.extend(check_answer(&name, &answer, status, &wanted));
    }
    assert_none(&wrong);
}

#[tokio::test]
async fn every_code_has_its_status() {
    let server = server().await;
    for (code, status) in Cases::read().codes {
        let answer = http1(&server, &format!("GET /v1/fail/{code}"), "", b"").await;
        assert_eq!((answer.status, answer.json()["code"].as_i64()), (status, Some(code.into())), "{code}");
    }
}

#[tokio::test]
async fn a_head_of_ones_own_has_no_body() {
    let server = server().await;
    let answer = http1(&server, "HEAD /v1/titles/a", "", b"").await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
}

const OLD: &str = r#"
syntax = "proto2";
package old.v1;

import "google/api/annotations.proto";

service Old {
  rpc Echo(Everything) returns (Everything) {
    option (google.api.http) = { get: "/old/{key}" };
  }
}

message Everything {
  required string key = 1;
  optional int64 count = 2 [default = 7];
  optional bool flag = 3;
  repeated int32 numbers = 4;
  optional Kind kind = 5;
  optional group Part = 6 {
    optional string text = 1;
  }
  enum Kind {
    FIRST = 1;
  }
}
"#;

#[tokio::test]
async fn queries_set_fields_of_proto2() {
    let server = Server::start().await;
    serve_rules(&server, OLD);
    for (query, status, wanted) in [
        ("", 200, json!({ "key": "a" })),
        ("count=0&flag=false", 200, json!({ "key": "a", "count": "0", "flag": false })),
        ("numbers=1&numbers=-2", 200, json!({ "key": "a", "numbers": [1, -2] })),
        ("kind=FIRST", 200, json!({ "key": "a", "kind": "FIRST" })),
        ("kind=1", 200, json!({ "key": "a", "kind": "FIRST" })),
        ("part.text=x", 200, json!({ "key": "a", "part": { "text": "x" } })),
        ("kind=2", 400, json!("`kind` is")),
        ("flag=", 400, json!("`flag` is")),
        ("key=b", 400, json!("`key` in the query: the path sets it")),
        ("Part=x", 400, json!("in the query, ")),
    ] {
        let answer = http1(&server, &format!("GET /old/a?{query}"), "", b"").await;
        assert_eq!(check_answer(query, &answer, status, &wanted), None);
    }
}
