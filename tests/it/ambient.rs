//! No ambient authority: what a component reaches beyond what it is given.

use std::net::TcpListener;

use super::host::TestHost;

const TRY: &str = "test.ambient.v1.Ambient/Try";

guests! {
    rust: "tests/guests/ambient/rust", python: "tests/guests/ambient/python", go: "tests/guests/ambient/go";
    files_sockets_and_programs_are_refused
    environment_arguments_and_input_are_empty
    clock_and_random_numbers_are_real
}

/// Whether it was refused, and what came of it.
async fn attempt(host: &TestHost, what: &str) -> (bool, String) {
    let outcome: serde_json::Value = serde_json::from_str(&host.call(TRY, what).await.unwrap()).unwrap();
    let said = outcome["said"].as_str().unwrap_or_default().to_owned();
    (outcome["refused"].as_bool().unwrap_or_default(), said)
}

async fn files_sockets_and_programs_are_refused(guest: &str) {
    let host = TestHost::with(&[guest]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "a secret").unwrap();
    let written = folder.path().join("written");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let attempts = [
        format!(r#"{{"readFile":"{}"}}"#, file.display()),
        format!(r#"{{"writeFile":"{}"}}"#, written.display()),
        format!(r#"{{"listFolder":"{}"}}"#, folder.path().display()),
        r#"{"listFolder":"/"}"#.to_owned(),
        r#"{"listFolder":"."}"#.to_owned(),
        format!(r#"{{"connectPort":{}}}"#, listener.local_addr().unwrap().port()),
        r#"{"resolve":"localhost"}"#.to_owned(),
        r#"{"run":"/bin/true"}"#.to_owned(),
    ];
    for what in attempts {
        let (refused, said) = attempt(&host, &what).await;
        assert!(refused, "{what}: {said}");
        assert!(!said.contains("a secret"), "{what}: {said}");
    }
    assert!(!written.exists());
    assert!(listener.accept().is_err(), "somebody has connected");
}

async fn environment_arguments_and_input_are_empty(guest: &str) {
    let host = TestHost::with(&[guest]).await;
    for (what, expected) in
        [(r#"{"environment":true}"#, "0"), (r#"{"arguments":true}"#, "0"), (r#"{"input":true}"#, "")]
    {
        let (_, said) = attempt(&host, what).await;
        assert_eq!(said, expected, "{what}");
    }
}

async fn clock_and_random_numbers_are_real(guest: &str) {
    let host = TestHost::with(&[guest]).await;
    let (_, now) = attempt(&host, r#"{"clock":true}"#).await;
    let real = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!(now.parse::<u64>().unwrap().abs_diff(real) < 600, "{now} is not {real}");
    let (_, one) = attempt(&host, r#"{"random":true}"#).await;
    let (_, other) = attempt(&host, r#"{"random":true}"#).await;
    assert_ne!(one, other);
    // Not what it was when the component was built.
    let fresh = TestHost::with(&[guest]).await;
    let (_, another) = attempt(&fresh, r#"{"random":true}"#).await;
    assert_ne!(one, another);
}
