//! What is peculiar to guests in Go.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use okra::call::Code;
use okra::config::{Isolation, Name};
use okra::language::GoLanguage;
use okra::package::Package;
use okra::project::{build_project, create_project, generate_project};
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage as _, prost::Message as _};

use super::codec::{describe, random_messages};
use super::host::{TestHost, package};

const FAULTS: &str = "tests/guests/faults-go";

#[tokio::test]
async fn a_goroutine_that_spins_takes_the_time_of_the_call_that_left_it() {
    let host = TestHost::with(&[FAULTS]).await;
    let failure = host.call("test.faults.v1.Faults/StartThreads", r#"{"text":"spin"}"#).await.unwrap_err();
    assert_eq!(failure.status.code, Code::ResourceExhausted, "{}", failure.status);
    for _ in 0..3 {
        host.call("test.faults.v1.Faults/Echo", r#"{"text":"still here"}"#).await.unwrap();
    }
}

/// Requests of public APIs: empty strings and lists on a stack that grows, more parameters than Go takes for a function, and a
/// type of another package in responses only.
#[tokio::test]
async fn requests_of_the_shapes_that_public_apis_have_are_served() {
    let host = TestHost::with(&["tests/guests/library-go"]).await;
    let numbers = r#"{"a":0.5,"c":"-1","d":"9223372036854775807","h":"3","i":-2.25,"n":1e300,"o":"7","p":"16"}"#;
    for (method, request) in [
        ("CreateBook", r#"{"parent":"shelves/1","bookId":"","requestId":"","book":{"title":"","author":""}}"#),
        ("CreateBook", r#"{"book":{"title":"Emma","tags":["a","","c"]}}"#),
        ("CreateBook", "{}"),
        ("CreateAddress", r#"{"name":"Ada","street":"","city":"London","email":"ada@example.com"}"#),
        ("CreateAddress", "{}"),
        ("CreateNumbers", numbers),
        ("CreateNumbers", "{}"),
    ] {
        for _ in 0..10 {
            let path = format!("test.library.v1.Library/{method}");
            let (context, sent) = host.prepare(&path, request);
            let response = host.runtime.handler().unary(context, sent.clone()).await;
            let response = response.unwrap_or_else(|failure| panic!("{path} {request}: {}", failure.status));
            assert_eq!(response.message, sent, "{path} {request}");
        }
    }
    assert_eq!(host.call("test.library.v1.Library/DeleteBook", r#"{"name":"x"}"#).await.unwrap(), "{}");
}

/// Runs one of Go's tools in a folder of the repository; gives what it prints.
fn go(folder: &str, program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).env("GOPROXY", "off");
    let output = command.output().expect("Go is there");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?} in {folder}:\n{said}");
    said
}

#[test]
fn gofmt_and_vet_find_nothing_in_what_is_generated_and_handlers_are_tested_natively() {
    for folder in ["tests/guests/corpus/go", "tests/guests/grpc-go", "tests/guests/streams-go", "examples/shop/users"] {
        generate_project(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
        assert_eq!(go(folder, "gofmt", &["-l", "."]), "", "{folder}");
        go(folder, "go", &["vet", "./..."]);
        go(folder, "go", &["test", "./..."]);
    }
    assert_eq!(go("guest-sdk/go", "gofmt", &["-l", "."]), "");
    go("guest-sdk/go", "go", &["vet", "./..."]);
    go("guest-sdk/go", "go", &["test", "./..."]);
}

#[test]
fn a_new_project_compiles_passes_its_tests_and_is_not_generated_twice() {
    let parent = tempfile::tempdir().unwrap();
    let folder = create_project(parent.path(), &Name::new("my-greeter").unwrap(), &GoLanguage).unwrap();
    let folder = folder.to_str().unwrap();
    assert_eq!(go(folder, "gofmt", &["-l", "."]), "");
    go(folder, "go", &["vet", "./..."]);
    go(folder, "go", &["test", "./..."]);
    build_project(Path::new(folder), None).unwrap();
    assert_eq!(generate_project(Path::new(folder)).unwrap(), []);
}

/// Writes a project whose handler returns `answer`, an expression of Go, with these package variables.
fn lucky(parent: &Path, variables: &str, answer: &str) -> std::path::PathBuf {
    let folder = create_project(parent, &Name::new("lucky").unwrap(), &GoLanguage).unwrap();
    let main = format!(
        "package main\n\nimport (\n\t\"context\"\n\t\"fmt\"\n\told \"math/rand\"\n\t\"math/rand/v2\"\n\n\tpb \
         \"lucky/gen/lucky/v1\"\n)\n\nvar {variables}\n\ntype service struct{{}}\n\nfunc (service) Hello(ctx context.Context, \
         req *pb.HelloRequest) (*pb.HelloReply, error) {{\n\treturn &pb.HelloReply{{Message: {answer}}}, nil\n}}\n\nfunc main() \
         {{\n\tpb.RegisterLuckyServer(service{{}})\n}}\n"
    );
    std::fs::write(folder.join("main.go"), main).unwrap();
    folder
}

#[tokio::test]
async fn instances_that_begin_behind_the_start_have_random_numbers_of_their_own() {
    let parent = tempfile::tempdir().unwrap();
    let answer = "fmt.Sprint(rand.Int64(), old.Int63())";
    let built = build_project(&lucky(parent.path(), "unused = 1", answer), None).unwrap();
    assert_eq!(built.start_reason, None);
    let mut host = TestHost::empty();
    let package = Package::read(std::fs::read(built.path).unwrap()).unwrap();
    let mut manifest = package.manifest().clone();
    manifest.run.isolation = Isolation::Request;
    let package = Package::write(package.component(), package.descriptors(), &manifest).unwrap();
    host.deploy(&Package::read(package).unwrap()).await.unwrap();
    let mut answers = std::collections::HashSet::new();
    for _ in 0..5 {
        answers.insert(host.call("lucky.v1.Lucky/Hello", r#"{"name":"Ada"}"#).await.unwrap());
    }
    assert_eq!(answers.len(), 5, "{answers:?}");
}

#[test]
fn a_start_that_draws_random_numbers_runs_in_each_instance() {
    let parent = tempfile::tempdir().unwrap();
    let built = build_project(&lucky(parent.path(), "number = rand.Int64()", "fmt.Sprint(number, old.Int())"), None);
    assert_eq!(built.unwrap().start_reason.as_deref(), Some("the start draws random numbers"));
}

#[test]
fn what_go_says_is_told_and_an_earlier_package_stays() {
    let parent = tempfile::tempdir().unwrap();
    let folder = create_project(parent.path(), &Name::new("broken").unwrap(), &GoLanguage).unwrap();
    std::fs::write(folder.join("main.go"), "package main\n\nfunc main() { nothing() }\n").unwrap();
    let error = build_project(&folder, None).unwrap_err();
    assert_eq!(error.to_string(), format!("go could not build {}: exit status: 1", folder.display()));
    std::fs::remove_file(folder.join("go.mod")).unwrap();
    let error = build_project(&folder, None).unwrap_err();
    assert_eq!(error.to_string(), format!("no go.mod with the path of a module in {}", folder.display()));
}

#[test]
fn messages_are_encoded_and_written_as_json_as_prost_reflect_has_them() {
    const CORPUS: &str = "tests/guests/corpus/go";
    let pool = package(CORPUS).pool().clone();
    let service = pool.get_service_by_name("test.mirror.v1.Mirror").unwrap();
    let (mut messages, mut lines) = (Vec::new(), String::new());
    for method in service.methods() {
        // Those that are not messages in Go.
        if method.input().package_name() == "google.protobuf" {
            continue;
        }
        for message in random_messages(&method.input(), 40) {
            // Values of their defaults are not sent.
            let message = DynamicMessage::decode(method.input(), message.encode_to_vec().as_slice()).unwrap();
            // An Any of another type has no JSON, and empty paths of masks are lost in it.
            let Ok(json) = serde_json::to_string(&message) else { continue };
            if describe(&parse_json(&method.input(), &json)) != describe(&message) {
                continue;
            }
            let name = method.input().full_name().to_owned();
            lines += &format!("{name}\t{}\t{json}\n", hex(&message.encode_to_vec()));
            messages.push(message);
        }
    }
    assert!(messages.len() > 200, "{} messages", messages.len());
    let mut program = Command::new("go")
        .args(["run", "./codec"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(CORPUS))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = program.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()).unwrap());
    let answers = String::from_utf8(program.wait_with_output().unwrap().stdout).unwrap();
    writer.join().unwrap();
    assert_eq!(answers.lines().count(), messages.len());
    for (answer, message) in answers.lines().zip(messages) {
        let columns: Vec<&str> = answer.split('\t').collect();
        let [encoded, json, read] = columns[..] else { panic!("{answer}\n{message}") };
        let descriptor = message.descriptor();
        let decode = |text: &str| DynamicMessage::decode(descriptor.clone(), unhex(text).as_slice()).unwrap();
        assert_eq!(describe(&decode(encoded)), describe(&message));
        assert_eq!(describe(&decode(read)), describe(&message));
        assert_eq!(describe(&parse_json(&descriptor, json)), describe(&message), "{json}");
    }
}

fn parse_json(descriptor: &MessageDescriptor, json: &str) -> DynamicMessage {
    DynamicMessage::deserialize(descriptor.clone(), &mut serde_json::Deserializer::from_str(json)).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
}
