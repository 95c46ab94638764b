//! Packages whose component is not what their descriptors say: each is refused, with both sides named.

use okra::runtime::DeployError;

use super::crafted::{Core, Crafted};
use super::host::TestHost;

const SERVES: &[&str] = &["test.v1.Books"];

const PROTO: &str = r#"
syntax = "proto3";
package test.v1;
service Books {
  rpc Get(Request) returns (Book);
  rpc List(Request) returns (Books_);
}
message Request { string id = 1; }
message Book { string title = 1; uint32 pages = 2; optional bool lent = 3; oneof cover { string colour = 4; bytes picture = 5; } }
message Books_ { repeated Book books = 1; }
service Library { rpc Get(Request) returns (Book); }
"#;

/// What a package with these descriptors and the component of a changed `.proto` is refused with.
async fn refused(change: impl Fn(&str) -> String) -> String {
    let changed = change(PROTO);
    assert_ne!(changed, PROTO);
    refusal(&Crafted::serving(&changed, SERVES)).await
}

async fn refusal(component: &Crafted<'_>) -> String {
    let package = Crafted::serving(PROTO, SERVES).with(component, Core::Dummy);
    let error = TestHost::empty().runtime.check(&package).await.unwrap_err();
    assert!(matches!(error, DeployError::Instance(_)), "{error}");
    error.to_string()
}

#[tokio::test]
async fn a_component_of_the_same_proto_is_taken() {
    let package = Crafted::serving(PROTO, SERVES).package(Core::Dummy);
    TestHost::empty().runtime.check(&package).await.unwrap();
}

#[tokio::test]
async fn a_renamed_field() {
    let error = refused(|proto| proto.replace("string title", "string name")).await;
    insta::assert_snapshot!(error, @r"
    the component does not match its descriptors:
      - `proto:test/books@1.0.0`, function `get`, response.ok: the descriptors say a field `title`, the component has `name` there
      - `proto:test/books@1.0.0`, function `list`, response.ok.books[]: the descriptors say a field `title`, the component has `name` there
    ");
}

#[tokio::test]
async fn a_field_of_another_type() {
    let error = refused(|proto| proto.replace("uint32 pages", "sint64 pages")).await;
    insta::assert_snapshot!(error, @r"
    the component does not match its descriptors:
      - `proto:test/books@1.0.0`, function `get`, response.ok.pages: the descriptors say u32, the component has s64
      - `proto:test/books@1.0.0`, function `list`, response.ok.books[].pages: the descriptors say u32, the component has s64
    ");
}

#[tokio::test]
async fn a_field_without_presence() {
    let error = refused(|proto| proto.replace("optional bool", "bool")).await;
    insta::assert_snapshot!(error, @r"
    the component does not match its descriptors:
      - `proto:test/books@1.0.0`, function `get`, response.ok.lent: the descriptors say option<bool>, the component has bool
      - `proto:test/books@1.0.0`, function `list`, response.ok.books[].lent: the descriptors say option<bool>, the component has bool
    ");
}

#[tokio::test]
async fn a_case_more() {
    let error = refused(|proto| proto.replace("bytes picture = 5;", "bytes picture = 5; bool none = 6;")).await;
    insta::assert_snapshot!(error, @r"
    the component does not match its descriptors:
      - `proto:test/books@1.0.0`, function `get`, response.ok.cover: the descriptors say no more cases, the component has a case `none`
      - `proto:test/books@1.0.0`, function `list`, response.ok.books[].cover: the descriptors say no more cases, the component has a case `none`
    ");
}

#[tokio::test]
async fn a_method_that_is_missing() {
    let error = refused(|proto| proto.replace("rpc Get(Request) returns (Book);\n  rpc List", "rpc List")).await;
    insta::assert_snapshot!(error, @r"
    the component does not match its descriptors:
      - service `test.v1.Books`: method `Get` has no function `get` in the component's `proto:test/books@1.0.0`
    ");
}

#[tokio::test]
async fn a_service_that_is_missing() {
    let error = refusal(&Crafted::serving(PROTO, &["test.v1.Library"])).await;
    insta::assert_snapshot!(error, @r"
    the component does not match its descriptors:
      - the component does not export interface `proto:test/books@1.0.0` for service `test.v1.Books`; it exports `proto:test/library@1.0.0`: implement the service, or take it out of `serves` in okra.toml
    ");
}

#[tokio::test]
async fn an_import_that_the_manifest_does_not_name() {
    let component = Crafted { calls: &["test.v1.Library"], ..Crafted::serving(PROTO, SERVES) };
    let error = refusal(&component).await;
    insta::assert_snapshot!(error, @r"
    the component does not match its descriptors:
      - the component imports `proto:test/library@1.0.0`, which OKRA does not offer: if it is a service, name it in `calls` in okra.toml and build again
    ");
}

#[tokio::test]
async fn what_is_no_valid_component_is_refused() {
    let package = Crafted::serving(PROTO, SERVES).package(Core::Dummy);
    let mut bytes = package.component().to_vec();
    // Within the code of the core module, behind the headers that a package is read by.
    let at = bytes.windows(2).rposition(|pair| pair == [0x00, 0x0b]).expect("`unreachable` and `end` of a function");
    bytes[at] = 0xff;
    let package = okra::package::Package::read(bytes).unwrap();
    let error = TestHost::empty().runtime.check(&package).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot compile the component"), "{error}");
}
