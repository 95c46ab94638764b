//! What is peculiar to guests in Go.

use std::path::Path;
use std::process::Command;

use okra::call::Code;
use okra::config::Name;
use okra::language::GoLanguage;
use okra::project::{build_project, create_project, generate_project};

use super::host::TestHost;

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
    for folder in ["tests/guests/corpus/go", "tests/guests/streams-go", "examples/shop/users"] {
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
