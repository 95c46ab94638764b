//! What a deploy gives a package: limits, servers of imports and paths are wishes of the package and decisions of the operator.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use bytesize::ByteSize;
use okra::call::Code;
use okra::config::{Address, Import, Name, Run, RunCaps, ServiceName};
use okra::package::{Manifest, Package};
use okra::runtime::{AllowedImports, DeployError, ImportRules, RuntimeSettings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::crafted::{Core, Crafted};
use super::host::TestHost;
use super::hostile;

fn settings() -> RuntimeSettings {
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    RuntimeSettings { cache: Some(cache), ..RuntimeSettings::default() }
}

/// A service `NAME.S` with a method `Get`, its requests, and a rule of HTTP.
fn proto(name: &str, rule: &str) -> String {
    format!(
        "syntax = \"proto3\"; package {name}; import \"google/api/annotations.proto\";
         service S {{ rpc Get(Request) returns (Request) {{ option (google.api.http) = {{ {rule} }}; }} }}
         message Request {{ string name = 1; bytes data = 2; }}"
    )
}

/// The package of [`proto`], named as its protobuf package is.
fn package(name: &str, rule: &str, run: Run) -> Package {
    let (proto, serves) = (proto(name, rule), format!("{name}.S"));
    let crafted = Crafted { run, ..Crafted::serving(&proto, &[&serves]) }.package(Core::Dummy);
    let manifest = Manifest { name: Name::new(name).unwrap(), ..crafted.manifest().clone() };
    Package::read(Package::write(crafted.component(), crafted.descriptors(), &manifest).unwrap()).unwrap()
}

/// Posts a request of some bytes to a method, by Connect. Returns the HTTP status.
async fn post(address: &Address, path: &str, bytes: usize) -> u16 {
    let mut stream = TcpStream::connect(address.uri().authority().unwrap().as_str()).await.unwrap();
    // Field 2 with its length in three bytes.
    let mut body = vec![0x12, 0x80 | (bytes & 0x7f) as u8, 0x80 | (bytes >> 7 & 0x7f) as u8, (bytes >> 14) as u8];
    body.resize(body.len() + bytes, 7);
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/proto\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    answer.split(' ').nth(1).expect("an answer").parse().unwrap()
}

#[tokio::test]
async fn a_package_gets_no_more_memory_than_its_cap() {
    let run = Run { memory: ByteSize::mib(64), ..Run::default() };
    let crafted = Crafted { run, ..Crafted::serving(hostile::PROTO, &["test.hostile.v1.Hostile"]) };
    let package = crafted.package(Core::Text(include_str!("hostile.wat")));
    let caps = RunCaps { memory: ByteSize::mib(1), ..RunCaps::default() };
    let mut host = TestHost::of(RuntimeSettings { caps, ..settings() });
    // It has four megabytes from the start.
    let error = host.deploy(&package).await.unwrap_err().to_string();
    assert!(error.ends_with("the component needs more than its 1048576 bytes of memory"), "{error}");
}

#[tokio::test]
async fn the_largest_request_of_one_package_was_that_of_all() {
    let mut host = TestHost::of(settings());
    for (name, kib) in [("small", 16), ("large", 1024)] {
        let run = Run { max_request: ByteSize::kib(kib), ..Run::default() };
        host.deploy(&package(name, &format!("get: \"/{name}\""), run)).await.unwrap();
    }
    let address = host.listen().await;
    // The method of the crafted component traps: the request has come to it.
    assert_eq!(post(&address, "/large.S/Get", 100_000).await, 500);
    assert_eq!(post(&address, "/small.S/Get", 10_000).await, 500);
    assert_eq!(post(&address, "/small.S/Get", 100_000).await, 429);
    let (context, _) = host.prepare("small.S/Get", "{}");
    let failure = host.runtime.handler().unary(context, vec![0; 100_000].into()).await.unwrap_err();
    assert_eq!(failure.status.code, Code::ResourceExhausted, "{}", failure.status);
}

#[tokio::test]
async fn the_largest_request_of_a_package_has_a_cap() {
    let caps = RunCaps { max_request: ByteSize::kib(16), ..RunCaps::default() };
    let mut host = TestHost::of(RuntimeSettings { caps, ..settings() });
    host.deploy(&package("capped", "get: \"/capped\"", Run::default())).await.unwrap();
    let address = host.listen().await;
    assert_eq!(post(&address, "/capped.S/Get", 100_000).await, 429);
}

const BOOKS: &str = "syntax = \"proto3\"; package books; service Books { rpc Get(Book) returns (Book); } \
                     service Users { rpc Get(Book) returns (Book); } message Book { string title = 1; }";

/// A package that calls a service at an address that it names itself.
fn importing(address: &str) -> Package {
    let crafted = Crafted { calls: &["books.Users"], ..Crafted::serving(BOOKS, &["books.Books"]) }.package(Core::Dummy);
    let import = Import::to(vec![Address::new(address).unwrap()]);
    let imports = BTreeMap::from([(ServiceName::new("books.Users").unwrap(), import)]);
    let manifest = Manifest { imports, ..crafted.manifest().clone() };
    Package::read(Package::write(crafted.component(), crafted.descriptors(), &manifest).unwrap()).unwrap()
}

#[tokio::test]
async fn a_package_decided_itself_which_servers_it_calls() {
    let package = importing("http://10.0.0.3:8080");
    let error = TestHost::of(settings()).deploy(&package).await.unwrap_err();
    let text = "package `crafted` imports `books.Users` from http://10.0.0.3:8080, which the operator does not allow";
    assert_eq!(error.to_string(), text);
    let help = miette::Diagnostic::help(&error).unwrap().to_string();
    for part in
        ["\"books.Users\" = \"http://10.0.0.3:8080\"", "--import books.Users=http://10.0.0.3:8080", "--allow-imports"]
    {
        assert!(help.contains(part), "{part}: {help}");
    }
    let address = |text: &str| Address::new(text).unwrap();
    let these = |text: &str| AllowedImports::These(vec![address(text)]);
    let configured =
        HashMap::from([(ServiceName::new("books.Users").unwrap(), Import::to(vec![address("http://other:1")]))]);
    for imports in [
        ImportRules { allowed: AllowedImports::All, ..ImportRules::default() },
        ImportRules { allowed: these("http://10.0.0.3:8080/"), ..ImportRules::default() },
        ImportRules { configured, ..ImportRules::default() },
    ] {
        TestHost::of(RuntimeSettings { imports, ..settings() }).deploy(&package).await.unwrap();
    }
    for other in ["http://10.0.0.3:8081", "https://10.0.0.3:8080", "http://10.0.0.30:8080"] {
        let imports = ImportRules { allowed: these(other), ..ImportRules::default() };
        let error = TestHost::of(RuntimeSettings { imports, ..settings() }).deploy(&package).await.unwrap_err();
        assert!(matches!(error, DeployError::Import(_)), "{other}: {error}");
    }
}

#[tokio::test]
async fn a_path_of_two_methods_is_refused_and_both_are_named() {
    let taken = "`GET /v1/{name}` is the path of method `one.S.Get` of package `one`, and package `two` has it for method \
                 `two.S.Get`";
    for (first, second, refusal) in [
        ("get: \"/v1/{name=*}\"", "get: \"/v1/{name}\"", Some(taken)),
        ("get: \"/v1/%61bc\"", "get: \"/v1/abc\"", Some("/v1/abc")),
        ("get: \"/v1/{name}\"", "custom: { kind: \"*\" path: \"/v1/{name}\" }", Some("`* /v1/{name}`")),
        ("get: \"/v1/{name}\"", "delete: \"/v1/{name}\"", None),
        ("get: \"/v1/{name=**}\"", "get: \"/v1/one\"", None),
    ] {
        let mut host = TestHost::of(settings());
        host.deploy(&package("one", first, Run::default())).await.unwrap();
        let deployed = host.deploy(&package("two", second, Run::default())).await;
        match (deployed, refusal) {
            (Ok(()), None) => {}
            (Err(error @ DeployError::Route { .. }), Some(text)) => {
                assert!(error.to_string().contains(text), "{error}");
                // Nothing of it is served.
                assert!(host.runtime.catalog().borrow().service("two.S").is_none());
            }
            (deployed, _) => panic!("{first}, {second}: {deployed:?}"),
        }
    }
}

#[tokio::test]
async fn a_path_of_all_names_hides_no_other_path_of_another_package() {
    let mut host = TestHost::of(settings());
    host.deploy(&package("all", "get: \"/v1/{name=**}\"", Run::default())).await.unwrap();
    host.deploy(&package("one", "get: \"/v1/one\"", Run::default())).await.unwrap();
    let address = host.listen().await;
    let mut stream = TcpStream::connect(address.uri().authority().unwrap().as_str()).await.unwrap();
    stream.write_all(b"GET /v1/one?nothing=1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("one.Request"), "the request is one of `one.S`: {answer}");
}
