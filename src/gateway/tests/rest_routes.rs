//! The table of REST routes: which path is served by which rule, with which values.

use std::collections::BTreeMap;

use http::Method as Verb;

use crate::gateway::tests::connect::http1;
use crate::gateway::tests::rest::compile_rules;
use crate::gateway::tests::*;
use crate::routes::template::field_path;
use crate::routes::{RouteMatch, find_route};

/// Messages with a field for each variable of the paths below.
const MESSAGES: &str = r#"
message Request {
  string name = 1;
  string kid = 2;
  Child child = 3;
  Thing thing = 4;
  string cat = 5;
  string outer = 6;
  string inner = 7;
  string book_id = 8;
  string author = 9;
  string isbn = 10;
  string longest = 11;
  Pair long = 12;
  Pair medium = 13;
  Short short = 14;
  string last = 15;
  string stars = 16;
  string uuid = 17;
  string id = 18;
  repeated string tags = 19;
  map<string, string> labels = 20;
  repeated Thing kids = 21;
  google.protobuf.Timestamp at = 22;
  bool flag = 23;
  string _ = 24;
}
message Child { string id = 1; Thing thing = 2; }
message Thing { string id = 1; }
message Pair { string a = 1; string b = 2; }
message Short { string aa = 1; string ab = 2; string ba = 3; string bb = 4; }
"#;

/// A catalog with a service for each list of paths, each of them for GET and POST.
pub(crate) fn catalog_of(services: &[&[&str]]) -> Catalog {
    let rule = |path: &&str| format!("get: {path:?} additional_bindings {{ post: {path:?} body: \"*\" }}");
    let services: Vec<Vec<_>> = services.iter().map(|paths| paths.iter().map(rule).collect()).collect();
    catalog_of_rules(&services)
}

/// A catalog with a service for each list of rules.
pub(crate) fn catalog_of_rules(services: &[Vec<String>]) -> Catalog {
    let mut text = "syntax = \"proto3\"; package r; import \"google/api/annotations.proto\"; \
                    import \"google/protobuf/timestamp.proto\";"
        .to_owned()
        + MESSAGES;
    for (index, rules) in services.iter().enumerate() {
        text += &format!("service S{index} {{\n");
        for (method, rule) in rules.iter().enumerate() {
            text +=
                &format!("rpc M{method}(Request) returns (Request) {{ option (google.api.http) = {{ {rule} }}; }}\n");
        }
        text += "}\n";
    }
    let mut served = Catalog::default();
    for service in compile_rules(&text).services() {
        served.add(service, ServiceHealth::Serving);
    }
    served
}

/// The path of the rule that serves a path, with the values of its variables.
pub(crate) fn found(served: &Catalog, verb: &Verb, path: &str) -> Option<(String, BTreeMap<String, String>)> {
    match find_route(served.routes(), verb, path)? {
        RouteMatch::Route(route, values) => {
            let values = values.into_iter().map(|(field, value)| (field_path(&field), value)).collect();
            Some((route.rule.path.clone(), values))
        }
        RouteMatch::OtherVerbs(_) => None,
    }
}

/// A path, the rule that serves it (none for an empty text), and the values of its variables.
type RouteCase<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

fn assert_found(served: &Catalog, cases: &[RouteCase<'_>]) {
    for (path, rule, values) in cases {
        for verb in [Verb::GET, Verb::POST] {
            let wanted = values.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
            let wanted = Some((rule.to_string(), wanted)).filter(|_| !rule.is_empty());
            assert_eq!(found(served, &verb, path), wanted, "{verb} {path}");
        }
        for verb in [Verb::PUT, Verb::DELETE] {
            assert_eq!(found(served, &verb, path), None, "{verb} {path}");
        }
    }
}

const LONGEST: &str = "/foo/blah/{longest={long.a={medium.a={short.aa}/*/{short.ab}/foo}/*}/{long.b={medium.b={short.ba}/*/\
                       {short.bb}/foo}/{last=**}}}:details";

#[test]
fn paths_find_the_rule_that_says_most() {
    let served = catalog_of(&[&[
        "/foo/bar/baz/buzz",
        "/foo/bar/{name}",
        "/foo/bar/{name}/baz/{kid}",
        "/foo/bar/{name}/baz/{child.id}/buzz/{child.thing.id}",
        "/foo/bar/*/{thing.id}/{cat=**}",
        "/percent/{outer={inner}/suffix}",
        "/foo/bar/*/{thing.id}/{cat=**}:do",
        "/foo/bar/*/{thing.id}/{cat=**}:cancel",
        "/foo/bob/{book_id={author}/{isbn}/*}/details",
        LONGEST,
        "/foo%2Fbar/%2A/%2A%2a/{stars=%2A%2a/**}:%2c",
        "/trailing/**:slash",
        "/verb",
    ]]);
    assert_found(
        &served,
        &[
            ("/bob/lob/law", "", &[]),
            ("/foo/bob/lob/law", "", &[]),
            ("/foo/bar/baz", "/foo/bar/{name}", &[("name", "baz")]),
            ("/foo/bar/baz/buzz", "/foo/bar/baz/buzz", &[]),
            ("/foo/bar/baz/baz/buzz", "/foo/bar/{name}/baz/{kid}", &[("name", "baz"), ("kid", "buzz")]),
            (
                "/foo/bar/1/baz/2/buzz/3",
                "/foo/bar/{name}/baz/{child.id}/buzz/{child.thing.id}",
                &[("name", "1"), ("child.id", "2"), ("child.thing.id", "3")],
            ),
            ("/foo/bar/baz/123/buzz", "/foo/bar/*/{thing.id}/{cat=**}", &[("thing.id", "123"), ("cat", "buzz")]),
            ("/foo/bar/baz/1/a/b", "/foo/bar/*/{thing.id}/{cat=**}", &[("thing.id", "1"), ("cat", "a/b")]),
            ("/foo/bar/baz/1/a/b:do", "/foo/bar/*/{thing.id}/{cat=**}:do", &[("thing.id", "1"), ("cat", "a/b")]),
            (
                "/foo/bar/baz/1/a/b/c/d:do",
                "/foo/bar/*/{thing.id}/{cat=**}:do",
                &[("thing.id", "1"), ("cat", "a/b/c/d")],
            ),
            (
                "/foo/bar/baz/1/a/b:cancel",
                "/foo/bar/*/{thing.id}/{cat=**}:cancel",
                &[("thing.id", "1"), ("cat", "a/b")],
            ),
            ("foo/bar/baz/123/buzz/buzz:blah", "", &[]),
            (
                "/foo/bob/bar/baz/123/details",
                "/foo/bob/{book_id={author}/{isbn}/*}/details",
                &[("book_id", "bar/baz/123"), ("author", "bar"), ("isbn", "baz")],
            ),
            ("/foo/bob/bar/baz/123/details:do", "", &[]),
            (
                "/foo/blah/A/B/C/foo/D/E/F/G/foo/H/I/J/K/L/M:details",
                LONGEST,
                &[
                    ("longest", "A/B/C/foo/D/E/F/G/foo/H/I/J/K/L/M"),
                    ("long.a", "A/B/C/foo/D"),
                    ("medium.a", "A/B/C/foo"),
                    ("short.aa", "A"),
                    ("short.ab", "C"),
                    ("long.b", "E/F/G/foo/H/I/J/K/L/M"),
                    ("medium.b", "E/F/G/foo"),
                    ("short.ba", "E"),
                    ("short.bb", "G"),
                    ("last", "H/I/J/K/L/M"),
                ],
            ),
            ("/trailing/:slash", "/trailing/**:slash", &[]),
            ("/verb:", "", &[]),
            ("/verb", "/verb", &[]),
            ("/foo/bar/baz/%2f/%2A/%2f", "/foo/bar/*/{thing.id}/{cat=**}", &[("thing.id", "/"), ("cat", "*/%2F")]),
            (
                "/percent/A%2Fb/suffix",
                "/percent/{outer={inner}/suffix}",
                &[("inner", "A/b"), ("outer", "A%2Fb/suffix")],
            ),
            ("/foo/bar/baz/123/a%2Fb", "/foo/bar/*/{thing.id}/{cat=**}", &[("thing.id", "123"), ("cat", "a%2Fb")]),
            ("/foo%2fbar/*/**/**/x:%2c", "/foo%2Fbar/%2A/%2A%2a/{stars=%2A%2a/**}:%2c", &[("stars", "**/x")]),
        ],
    );
}

#[test]
fn a_verb_is_no_part_of_the_variable_before_it() {
    let served =
        catalog_of(&[&["/abe/{uuid}", "/abe/{uuid}:custom", "/abe/{uuid}:custom:custom", "/org/x:verb", "/org/x"]]);
    assert_found(
        &served,
        &[
            ("/abe/1", "/abe/{uuid}", &[("uuid", "1")]),
            ("/abe/1:2", "/abe/{uuid}", &[("uuid", "1:2")]),
            ("/abe/1:custom", "/abe/{uuid}:custom", &[("uuid", "1")]),
            ("/abe/urn:isbn:1:custom", "/abe/{uuid}:custom", &[("uuid", "urn:isbn:1")]),
            ("/abe/1:custom:custom", "/abe/{uuid}:custom:custom", &[("uuid", "1")]),
            ("/org/x:verb", "/org/x:verb", &[]),
            ("/org/x", "/org/x", &[]),
        ],
    );
    let served = catalog_of(&[&["/abe/{uuid}:custom", "/foo/{id}:verb:subverb", "/v1/{name=**}:read", "/v1/{id}"]]);
    assert_found(
        &served,
        &[
            ("/abe/1:custom", "/abe/{uuid}:custom", &[("uuid", "1")]),
            ("/abe/1:custom:custom", "", &[]),
            ("/abe/:custom", "", &[]),
            ("/foo/bar:verb:subverb", "/foo/{id}:verb:subverb", &[("id", "bar")]),
            ("/foo/bar:subverb", "", &[]),
            ("/v1/a:read", "/v1/{name=**}:read", &[("name", "a")]),
            ("/v1/a", "/v1/{id}", &[("id", "a")]),
        ],
    );
}

#[test]
fn the_order_is_that_of_all_services_together() {
    let many: &[&str] = &["/v1/{name=**}", "/v1/shelves/{id}"];
    let one: &[&str] = &["/v1/one", "/v1/shelves/first", "/v1/{id}"];
    for services in [[many, one], [one, many]] {
        assert_found(
            &catalog_of(&services),
            &[
                ("/v1/one", "/v1/one", &[]),
                ("/v1/two", "/v1/{id}", &[("id", "two")]),
                ("/v1/shelves/first", "/v1/shelves/first", &[]),
                ("/v1/shelves/2", "/v1/shelves/{id}", &[("id", "2")]),
                ("/v1/films/2", "/v1/{name=**}", &[("name", "films/2")]),
            ],
        );
    }
}

#[tokio::test]
async fn of_two_equal_routes_the_one_that_was_deployed_first_is_served() {
    let service = |name: &str, path: &str| {
        let text = format!(
            "syntax = \"proto3\"; package r; import \"google/api/annotations.proto\"; \
             import \"google/protobuf/timestamp.proto\"; {MESSAGES} service {name} {{ \
             rpc Echo(Request) returns (Request) {{ option (google.api.http) = {{ get: \"{path}\" }}; }} }}"
        );
        compile_rules(&text).get_service_by_name(&format!("r.{name}")).unwrap()
    };
    let server = Server::start().await;
    let served_by = async |deployed: &Catalog| {
        server.fake.catalog.send_replace(Arc::new(deployed.clone()));
        let answer = http1(&server, "GET /v1/same/x", "", b"").await;
        (answer.status, server.fake.last.lock().unwrap().take().map(|context| context.service.to_string()))
    };
    let mut deployed = Catalog::default();
    deployed.add(service("Second", "/v1/same/{name}"), ServiceHealth::Serving);
    deployed.add(service("First", "/v1/same/{id}"), ServiceHealth::Serving);
    assert_eq!(served_by(&deployed).await, (200, Some("r.Second".to_owned())));
    let answer = http1(&server, "PUT /v1/same/x", "", b"").await;
    assert_eq!((answer.status, &answer.headers["allow"]), (405, &"GET".parse().unwrap()));
    let document = http1(&server, "GET /openapi.json", "", b"").await.json();
    assert!(document["paths"].get("/v1/same/{name}").is_some() && document["paths"].get("/v1/same/{id}").is_none());
    // A new version of a service keeps its place, and what it no longer serves is served by the other one.
    deployed.add(service("Second", "/v1/same/{uuid}"), ServiceHealth::Serving);
    assert_eq!(served_by(&deployed).await, (200, Some("r.Second".to_owned())));
    deployed.add(service("Second", "/v1/other/{uuid}"), ServiceHealth::Serving);
    assert_eq!(served_by(&deployed).await, (200, Some("r.First".to_owned())));
}

#[test]
fn the_kind_of_a_rule_may_be_every_verb() {
    let text = format!(
        "syntax = \"proto3\"; package r; import \"google/api/annotations.proto\"; \
             import \"google/protobuf/timestamp.proto\"; {MESSAGES} service S {{ \
         rpc Any(Request) returns (Request) {{ option (google.api.http) = {{ custom {{ kind: \"*\" path: \"/v1/x\" }} }}; }} \
         rpc Get(Request) returns (Request) {{ option (google.api.http) = {{ get: \"/v1/x\" }}; }} }}"
    );
    let mut served = Catalog::default();
    served.add(compile_rules(&text).get_service_by_name("r.S").unwrap(), ServiceHealth::Serving);
    for (verb, method) in [(Verb::GET, "Get"), (Verb::PUT, "Any"), (Verb::OPTIONS, "Any")] {
        match find_route(served.routes(), &verb, "/v1/x") {
            Some(RouteMatch::Route(route, _)) => assert_eq!(route.method.name(), method),
            _ => panic!("{verb}"),
        }
    }
}

#[test]
fn a_template_that_is_not_valid_is_left_out() {
    for path in [
        "/{1}",
        "/{thing.1}",
        "/{-}",
        "/{name-}",
        "/foo/bar/baz?abc=def",
        "/foo/bar/baz buzz",
        "foo/bar/baz",
        "/foo/bar/",
        "/foo/bar:baz/buzz",
        "/foo/{bar/baz}/buzz",
        "/foo/bar*",
        "/foo/bar/***",
        "/foo/**/bar",
        "/{name}/{name}",
        "/foo:",
        "/{name=x",
        "/name}",
        "/{name={id}",
    ] {
        assert_eq!(catalog_of(&[&[path]]).routes().count(), 0, "{path}");
    }
}
