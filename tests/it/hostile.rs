//! A guest that breaks the canonical ABI wherever it can: the call fails with the right status, its instance goes, the
//! service stays.

use okra::call::{CallFailure, Code};
use okra::config::Run;

use super::crafted::{Core, Crafted};
use super::host::TestHost;

const ANSWER: &str = "test.hostile.v1.Hostile/Answer";

pub(crate) const PROTO: &str = r#"
syntax = "proto3";
package test.hostile.v1;
service Hostile { rpc Answer(Request) returns (Text); }
message Request { uint32 way = 1; string name = 2; }
message Text { string text = 1; repeated string lines = 2; }
"#;

async fn host() -> TestHost {
    let run = Run { instances: 1.try_into().unwrap(), ..Run::default() };
    let crafted = Crafted { run, ..Crafted::serving(PROTO, &["test.hostile.v1.Hostile"]) };
    let mut host = TestHost::empty();
    host.deploy(&crafted.package(Core::Text(include_str!("hostile.wat")))).await.unwrap();
    host
}

async fn call(host: &TestHost, way: u32) -> Result<String, CallFailure> {
    host.call(ANSWER, &format!(r#"{{"way":{way},"name":"x"}}"#)).await
}

/// The call fails, and the only place of the pool serves the next one.
async fn fails(host: &TestHost, way: u32) -> String {
    let failure = call(host, way).await.expect_err("the call fails");
    assert_eq!(call(host, 0).await.unwrap(), r#"{"text":"fine"}"#);
    failure.status.to_string()
}

#[tokio::test]
async fn answers_that_are_none() {
    let host = host().await;
    for (way, expected) in [
        (1, "INTERNAL: the component returned a value"),
        (2, "INTERNAL: the component returned a value"),
        (3, "INTERNAL: the component returned discriminant 9 for `result` of answer, which has 2 cases"),
        (4, "INTERNAL: the component returned a string"),
        (5, "INTERNAL: the component returned"),
        (6, "RESOURCE_EXHAUSTED: the message is larger than 4194304 bytes"),
    ] {
        let status = fails(&host, way).await;
        assert!(status.starts_with(expected), "{way}: {status}");
    }
}

#[tokio::test]
async fn handles_that_are_none() {
    let host = host().await;
    for way in [7, 8] {
        let status = fails(&host, way).await;
        assert!(status.starts_with("INTERNAL: ") && status.contains("handle"), "{way}: {status}");
    }
}

#[tokio::test]
async fn handles_without_end() {
    let status = fails(&host().await, 9).await;
    assert!(status.starts_with("INTERNAL: ") && status.contains("the component has 1000 scopes"), "{status}");
}

#[tokio::test]
async fn allocations_outside_of_the_memory() {
    let host = host().await;
    for (way, expected) in [(10, "beyond end of memory"), (11, "trapped")] {
        call(&host, way).await.unwrap();
        let failure = call(&host, 0).await.unwrap_err();
        assert_eq!(failure.status.code, Code::Internal);
        assert!(failure.status.message.contains(expected), "{}", failure.status);
        call(&host, 0).await.unwrap();
    }
}

#[tokio::test]
async fn a_stack_without_end() {
    let status = fails(&host().await, 12).await;
    assert_eq!(status, "INTERNAL: the component overflowed its stack");
}
