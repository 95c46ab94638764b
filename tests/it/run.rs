//! The `[run]` table: how instances are kept and what they may use.

use std::time::Duration;

use bytesize::ByteSize;
use okra::config::{Isolation, Run};
use okra::runtime::PoolCounts;

use super::crafted::{Core, Crafted};
use super::host::TestHost;
use super::hostile;

const FAULTS: &str = "test.faults.v1.Faults";
const COUNT: &str = "test.faults.v1.Faults/Count";

async fn host(change: impl Fn(&mut Run)) -> TestHost {
    TestHost::running("tests/guests/faults", change).await
}

async fn count(host: &TestHost) -> String {
    host.call(COUNT, "{}").await.unwrap()
}

#[tokio::test]
async fn an_instance_for_each_request_remembers_nothing() {
    let host = host(|run| run.isolation = Isolation::Request).await;
    for _ in 0..3 {
        assert_eq!(count(&host).await, r#"{"calls":1}"#);
    }
    assert_eq!(host.runtime.counts(FAULTS).await.unwrap(), PoolCounts::default());
}

#[tokio::test]
async fn an_instance_is_replaced_after_its_calls() {
    let host = host(|run| run.max_calls = Some(2.try_into().unwrap())).await;
    let answers = [count(&host).await, count(&host).await, count(&host).await];
    assert_eq!(answers, [r#"{"calls":1}"#, r#"{"calls":2}"#, r#"{"calls":1}"#]);
}

#[tokio::test]
async fn an_instance_is_replaced_at_its_age() {
    let age = Duration::from_millis(1);
    let host = host(|run| run.max_age = Some(age)).await;
    for _ in 0..3 {
        assert_eq!(count(&host).await, r#"{"calls":1}"#);
        // Age is looked at when an instance comes back, and when it is lent again.
        tokio::time::sleep(age * 2).await;
    }
}

#[tokio::test]
async fn a_component_that_does_not_fit_its_memory_is_refused_at_deploy() {
    let run = Run { memory: ByteSize::mib(1), ..Run::default() };
    let crafted = Crafted { run, ..Crafted::serving(hostile::PROTO, &["test.hostile.v1.Hostile"]) };
    // Four megabytes from the start.
    let package = crafted.package(Core::Text(include_str!("hostile.wat")));
    let error = TestHost::empty().deploy(&package).await.unwrap_err();
    let expected = "cannot instantiate the component: the component needs more than its 1048576 bytes of memory";
    assert_eq!(error.to_string(), expected);
}
