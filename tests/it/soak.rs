//! Instances that live long: many calls on one instance, in the memory that it needed for the first of them.
//!
//! How much an instance uses cannot be seen from outside, but a limit can: the smallest power of two under which a thousand
//! calls succeed, and some mebibytes for what collectors of garbage leave to chance, must be enough for a hundred thousand. If
//! each left a hundred bytes behind, they would not fit. `cargo xtask soak` makes a million.

use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;
use okra::call::CallFailure;
use okra::package::{Manifest, Package};

use super::host::{TestHost, package};

guests! {
    rust: "tests/guests/faults", python: "tests/guests/faults-python", go: "tests/guests/faults-go";
    calls_leave_nothing_behind
}

mod streams {
    guests! {
        rust: "tests/guests/streams", python: "tests/guests/streams-python", go: "tests/guests/streams-go";
        streams_leave_nothing_behind
    }

    use super::streams_leave_nothing_behind;
}

mod bytes {
    guests! {
        python: "tests/guests/corpus/python", go: "tests/guests/corpus/go";
        bytes_leave_nothing_behind
    }

    use super::bytes_leave_nothing_behind;
}

/// Calls that show how much memory an instance needs.
const FIRST: usize = 1_000;

/// Memory for what is left to chance, in MiB.
const SPARE: u64 = 4;

/// How many calls are made in all.
fn calls() -> usize {
    std::env::var("OKRA_SOAK_CALLS").ok().and_then(|calls| calls.parse().ok()).unwrap_or(100_000)
}

/// The guest with one instance, two when it calls itself, of so much memory.
async fn host(guest: &str, instances: u32, mebibytes: u64) -> Option<TestHost> {
    let built = package(guest);
    let mut manifest = Manifest::clone(built.manifest());
    manifest.run.memory = ByteSize::mib(mebibytes);
    manifest.run.instances = instances.try_into().unwrap();
    manifest.run.cpu = Duration::from_secs(5);
    let package = Package::write(built.component(), built.descriptors(), &manifest).unwrap();
    let mut host = TestHost::empty();
    host.deploy(&Package::read(package).unwrap()).await.ok()?;
    Some(host)
}

/// Finds the limit, and stays under it for as many calls as are to be made. `calls` makes so many of a host.
async fn stays_flat<C, F>(guest: &str, instances: u32, all: usize, calls: C) -> TestHost
where
    C: Fn(Arc<TestHost>, usize) -> F,
    F: Future<Output = Result<(), CallFailure>>,
{
    // Steps, because a runtime compiles the guest anew for each.
    let mut mebibytes = 4;
    loop {
        assert!(mebibytes <= 64, "{guest} needs more than 64 MiB");
        if let Some(host) = host(guest, instances, mebibytes).await
            && calls(host.into(), FIRST).await.is_ok()
        {
            break;
        }
        mebibytes *= 2;
    }
    let host = Arc::new(host(guest, instances, mebibytes + SPARE).await.expect("it was enough before"));
    for done in (0..all).step_by(FIRST) {
        if let Err(failure) = calls(host.clone(), FIRST).await {
            panic!("{guest} failed after {done} calls in {mebibytes} + {SPARE} MiB: {}", failure.status);
        }
    }
    println!("{guest}: {all} calls in {mebibytes} + {SPARE} MiB");
    Arc::into_inner(host).expect("nobody else has it")
}

async fn calls_leave_nothing_behind(guest: &str) {
    // With a message within itself, which the guest has decoded and encoded by the host.
    const REQUEST: &str = r#"{"text":"some text","parts":[{"text":"a part","parts":[{"text":"of a part"}]}]}"#;
    let host = stays_flat(guest, 1, calls(), |host, calls| async move {
        for _ in 0..calls / 2 {
            host.call("test.faults.v1.Faults/Echo", REQUEST).await?;
            host.call("test.faults.v1.Faults/Count", REQUEST).await?;
        }
        Ok(())
    })
    .await;
    let answer = host.call("test.faults.v1.Faults/Count", "{}").await.unwrap();
    assert_eq!(answer, format!(r#"{{"calls":{}}}"#, calls() / 2 + 1), "all calls were on one instance");
}

async fn streams_leave_nothing_behind(guest: &str) {
    const REQUESTS: [&str; 5] =
        [r#"{"value":1}"#, r#"{"value":2}"#, r#"{"value":3}"#, r#"{"value":4}"#, r#"{"value":5}"#];
    // A call here has some thirty messages and a stream of another call in it.
    stays_flat(guest, 2, calls() / 10, |host, calls| async move {
        // Served, called, and left half read.
        for _ in 0..calls / 4 {
            for path in
                ["test.streams.v1.Streams/Double", "test.streams.v1.Onward/Double", "test.streams.v1.Onward/Sum"]
            {
                host.stream(path, &REQUESTS).await.1?;
            }
            host.call("test.streams.v1.Onward/Leave", r#"{"value":2}"#).await?;
        }
        Ok(())
    })
    .await;
}

/// Python's runtime never freed the copies that it made of bytes for the host.
async fn bytes_leave_nothing_behind(guest: &str) {
    let host = host(guest, 1, 64).await.expect("64 MiB are enough");
    let request = format!(r#"{{"someBytes":"{}"}}"#, "AAAA".repeat((1 << 20) / 3));
    for _ in 0..100 {
        host.call("test.mirror.v1.Mirror/Scalars", &request).await.unwrap();
    }
}
