//! Tests of `okra.toml` and of the file of a server: values, defaults, and reports of mistakes.

#![allow(clippy::unwrap_used, clippy::panic)]

use miette::GraphicalReportHandler;
use miette::GraphicalTheme;

use super::*;

const WHOLE: &str = r#"
name = "billing"
version = "1.2.3-rc.1"
language = "rust"

[proto]
include = ["proto", "../shared"]
serves = ["shop.billing.v1.Billing"]
calls = ["shop.users.v1.Users"]
raw = ["shop.billing.v1.Export"]
types = ["shop.events.v1.Event", "google.rpc.*"]

[run]
isolation = "request"
instances = 4
warm = 2
queue = 0
memory = "16MiB"
cpu = "250ms"
deadline = "1m 30s"
stream-idle = "15m"
max-calls = 1000
max-age = "1h"
idle = "10s"
max-request = "1000001B"
max-response = "1.5MiB"
"#;

fn parse(source: &str) -> Result<Project, ConfigError> {
    Project::parse(source, Path::new("billing/okra.toml"))
}

#[test]
fn every_key_is_read() {
    insta::assert_debug_snapshot!("whole", parse(WHOLE).unwrap());
}

#[test]
fn all_but_name_language_and_services_has_a_default() {
    let least = "name = \"hello\"\nlanguage = \"rust\"\nproto.serves = [\"greeter.v1.Greeter\"]";
    insta::assert_debug_snapshot!("least", parse(least).unwrap());
}

#[test]
fn run_settings_survive_json_exactly() {
    for run in [Run::default(), parse(WHOLE).unwrap().run] {
        let json = serde_json::to_string(&run).unwrap();
        assert_eq!(serde_json::from_str::<Run>(&json).unwrap(), run, "{json}");
    }
}

/// Renders the first mistake in `source` as users see it.
fn mistake(source: &str) -> String {
    report(parse(source).unwrap_err())
}

fn report(error: ConfigError) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(100);
    let mut report = String::new();
    handler.render_report(&mut report, &error).unwrap();
    report
}

/// Returns a valid project with these lines added to its tables.
fn with(top: &str, proto: &str, run: &str) -> String {
    format!(
        "name = \"billing\"\nlanguage = \"rust\"\n{top}\n[proto]\nserves = [\"shop.billing.v1.Billing\"]\n{proto}\n\
         [run]\n{run}\n"
    )
}

#[test]
fn mistakes_are_pointed_at() {
    let cases = [
        ("unknown key", with("", "", "memry = \"64MiB\"")),
        ("unknown key with an underscore", with("", "", "max_calls = 5")),
        ("unknown key like no other", with("colour = \"red\"", "", "")),
        ("unknown table", with("[runn]", "", "")),
        ("key twice", with("", "", "queue = 1\nqueue = 2")),
        ("duration without unit", with("", "", "cpu = \"5\"")),
        ("duration as number", with("", "", "deadline = 30")),
        ("duration of zero", with("", "", "idle = \"0s\"")),
        ("duration with a size's unit", with("", "", "max-age = \"5MiB\"")),
        ("size without unit", with("", "", "max-request = \"4\"")),
        ("size as number", with("", "", "max-response = 4194304")),
        ("size with a duration's unit", with("", "", "memory = \"5min\"")),
        ("memory too large", with("", "", "memory = \"5GiB\"")),
        ("memory too small", with("", "", "memory = \"1KiB\"")),
        ("no instances", with("", "", "instances = 0")),
        ("more instances at the deploy than there may be", with("", "", "instances = 4\nwarm = 5")),
        ("negative queue", with("", "", "queue = -1")),
        ("unknown isolation", with("", "", "isolation = \"requests\"")),
        ("version", with("version = \"1.0\"", "", "")),
        ("name", "name = \"My Service\"\nlanguage = \"rust\"".to_owned()),
        ("no name", "language = \"rust\"".to_owned()),
        ("unknown language", "name = \"a\"\nlanguage = \"cobol\"".to_owned()),
        ("service name", with("", "calls = [\".shop.users.v1.Users\"]", "")),
        ("method instead of service", with("", "calls = [\"shop.users.v1.Users/Get\"]", "")),
        ("no include", with("", "include = []", "")),
        ("include and descriptors", with("", "include = [\"a\"]\ndescriptors = \"a.binpb\"", "")),
        ("nothing served", "name = \"a\"\nlanguage = \"rust\"\n[proto]\ncalls = [\"a.B\"]".to_owned()),
        ("service twice", with("", "calls = [\"a.B\", \"a.B\"]", "")),
        ("typed and raw", with("", "raw = [\"shop.billing.v1.Billing\"]", "")),
        ("type twice", with("", "types = [\"a.B\", \"a.B\"]", "")),
        ("type name", with("", "types = [\"a.*.b\"]", "")),
        ("component without file", "name = \"a\"\nlanguage = \"component\"\nproto.serves = [\"a.B\"]".to_owned()),
        ("component of a language", with("component = \"a.wasm\"", "", "")),
        ("not toml", "name = billing".to_owned()),
        ("nothing", String::new()),
    ];
    let reports: String = cases.iter().map(|(name, source)| format!("== {name}\n{}\n", mistake(source))).collect();
    insta::assert_snapshot!("mistakes", reports);
}

#[test]
fn files_are_looked_for_beside_okra_toml() {
    let folder = tempfile::tempdir().unwrap();
    let load = |source: &str| {
        fs::write(folder.path().join(FILE_NAME), source).unwrap();
        Project::load(folder.path())
    };
    let component = "component = \"service.wasm\"\n".to_owned() + &with("", "", "").replace("rust", "component");
    let found = |result: Result<Project, ConfigError>| match result {
        Err(ConfigError::Invalid { mistake, .. }) => mistake,
        other => panic!("expected a mistake, got {other:?}"),
    };

    assert!(matches!(Project::load(folder.path()), Err(ConfigError::Missing { .. })));
    assert_eq!(found(load(&component)), Mistake::NoFolder { path: folder.path().join("proto") });
    fs::create_dir(folder.path().join("proto")).unwrap();
    assert_eq!(found(load(&component)), Mistake::NoFile { path: folder.path().join("service.wasm") });
    fs::write(folder.path().join("service.wasm"), "").unwrap();
    load(&component).unwrap();

    fs::remove_dir(folder.path().join("proto")).unwrap();
    let descriptors = component.replace("[proto]", "[proto]\ndescriptors = \"a.binpb\"");
    assert_eq!(found(load(&descriptors)), Mistake::NoFile { path: folder.path().join("a.binpb") });
    fs::write(folder.path().join("a.binpb"), "").unwrap();
    load(&descriptors).unwrap();
}

#[test]
fn names_are_kebab_case() {
    for name in ["a", "billing", "invoice-store", "v2", "a1-b2"] {
        Name::new(name).unwrap();
    }
    for name in ["", "-", "a-", "-a", "a--b", "A", "a_b", "1a", "a-1", "a b", "é", "../a", "a\n"] {
        Name::new(name).unwrap_err();
    }
}

#[test]
fn service_names_are_full_names() {
    for name in ["A", "a.B", "shop.billing.v1.Billing", "_a.b_1"] {
        ServiceName::new(name).unwrap();
    }
    for name in ["", ".", ".a", "a.", "a..b", "a.1b", "a/b", "a b", "a.é"] {
        ServiceName::new(name).unwrap_err();
    }
}

const SERVER: &str = r#"
allowed-imports = ["https://users.example.com", "http://10.0.0.3:8080"]

[tls]
certificate = "server.pem"
key = "server.key"
clients = "clients.pem"

[cors]
origins = ["https://app.example.com", "http://localhost:5173", "*"]

[limits]
max-request = "1MiB"
max-headers = "8KiB"
max-trailers = "4KiB"
connections = 100
streams = 10
calls = 50
memory = "1GiB"
connection-memory = "32MiB"
header-timeout = "1s"
body-timeout = "2s"
response-timeout = "9s"
connection-idle = "3s"
connection-age = "4s"
connection-grace = "5s"
keepalive = "6s"
keepalive-timeout = "7s"
grace = "8s"

[caps]
instances = 8
queue = 16
memory = "32MiB"
cpu = "2s"
deadline = "10s"
stream-idle = "1m"
idle = "30s"
max-request = "2MiB"
max-response = "3MiB"

[compile]
memory = "1GiB"
cpu = "20s"
timeout = "40s"

[imports]
"shop.users.v1.Users" = { addresses = ["https://users.example.com"], server-name = "users.internal" }
"shop.billing.v1.Billing" = "http://10.0.0.3:8080"
"#;

#[test]
fn every_key_of_a_server_is_read_and_each_has_a_default() {
    insta::assert_debug_snapshot!("server", ServerConfig::parse(SERVER, Path::new("server.toml")).unwrap());
    assert_eq!(ServerConfig::parse("", Path::new("server.toml")).unwrap(), ServerConfig::default());
}

#[test]
fn the_largest_request_of_a_server_is_a_cap_too() {
    let parse = |text: &str| ServerConfig::parse(text, Path::new("server.toml")).unwrap().run_caps().max_request;
    assert_eq!(parse(""), bytesize::ByteSize::mib(64));
    assert_eq!(parse("[limits]\nmax-request = \"1MiB\""), bytesize::ByteSize::mib(1));
    assert_eq!(parse("[limits]\nmax-request = \"2MiB\"\n[caps]\nmax-request = \"1MiB\""), bytesize::ByteSize::mib(1));
}

#[test]
fn files_of_a_server_lie_beside_its_own() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("server.toml"), SERVER).unwrap();
    let server = ServerConfig::load(&folder.path().join("server.toml")).unwrap();
    assert_eq!(server.tls.unwrap().certificate, folder.path().join("server.pem"));
}

#[test]
fn mistakes_in_the_file_of_a_server_are_pointed_at() {
    let mistakes = [
        "[limit]\n",
        "[limits]\nstreams = 0\n",
        "[limits]\nkeepalive = 60\n",
        "[tls]\ncertificate = \"a.pem\"\n",
        "[cors]\norigins = [\"app.example.com/x\"]\n",
        "[caps]\nmax-calls = 5\n",
        "[caps]\nmemory = \"1KiB\"\n",
        "[compile]\ncpu = 5\n",
        "[imports]\n\"a.B\" = []\n",
        "[imports]\n\"a.B\" = \"10.0.0.3\"\n",
        "allowed-imports = [\"http://a/b\"]\n",
    ];
    let mistakes = mistakes.map(|source| report(ServerConfig::parse(source, Path::new("server.toml")).unwrap_err()));
    insta::assert_snapshot!("server-mistakes", mistakes.join("\n"));
}
