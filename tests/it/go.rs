//! What is peculiar to guests in Go.

use bytesize::ByteSize;
use okra::call::Code;
use okra::config::Run;
use okra::registry::{Manifest, Package};

use super::host::{TestHost, package};

const FAULTS: &str = "tests/guests/faults-go";

/// A guest whose only instance has so little memory that a leak would end it.
async fn narrow(guest: &str) -> TestHost {
    let built = package(guest);
    let mut manifest = Manifest::clone(built.manifest());
    manifest.run = Run { instances: 1.try_into().unwrap(), memory: ByteSize::mib(16), ..Run::default() };
    let package = Package::write(built.component(), built.descriptors(), &manifest).unwrap();
    let mut host = TestHost::empty();
    host.deploy(&Package::read(package).unwrap()).await.unwrap();
    host
}

#[tokio::test]
async fn a_goroutine_that_spins_takes_the_time_of_the_call_that_left_it() {
    let host = TestHost::with(&[FAULTS]).await;
    let failure = host.call("test.faults.v1.Faults/StartThreads", r#"{"text":"spin"}"#).await.unwrap_err();
    assert_eq!(failure.status.code, Code::ResourceExhausted, "{}", failure.status);
    for _ in 0..3 {
        host.call("test.faults.v1.Faults/Echo", r#"{"text":"still here"}"#).await.unwrap();
    }
}

#[tokio::test]
async fn an_instance_serves_a_hundred_thousand_calls_in_the_same_memory() {
    let host = narrow(FAULTS).await;
    let request = r#"{"text":"a","parts":[{"text":"b","parts":[{"text":"c"}]},{"text":"猫"}]}"#;
    for _ in 0..33_000 {
        host.call("test.faults.v1.Faults/Echo", request).await.unwrap();
        host.call("test.faults.v1.Faults/Tell", "{}").await.unwrap();
        host.call("test.faults.v1.Faults/Count", "{}").await.unwrap();
    }
    for _ in 0..1_000 {
        host.call("test.faults.v1.Faults/Fail", r#"{"text":"on purpose"}"#).await.unwrap_err();
    }
    assert_eq!(host.call("test.faults.v1.Faults/Count", "{}").await.unwrap(), r#"{"calls":33001}"#);
}

#[tokio::test]
async fn streams_leave_nothing_in_an_instance() {
    let host = narrow("tests/guests/streams-go").await;
    for _ in 0..20_000 {
        // A call with streams to another instance of the service.
        host.call("test.streams.v1.Onward/Tell", r#"{"value":"5"}"#).await.unwrap();
    }
    for _ in 0..2_000 {
        // One that is given up, which ends the other instance.
        host.call("test.streams.v1.Onward/Leave", r#"{"value":"5"}"#).await.unwrap();
    }
    let counts = host.runtime.counts("test.streams.v1.Onward").await.unwrap();
    assert_eq!((counts.lent, counts.waiting), (0, 0));
}
