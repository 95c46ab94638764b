//! Instances that live long: many calls on one instance, in the memory that it needed for the first of them.
//!
//! How much an instance uses cannot be seen from outside, but a limit can: the smallest one, to the mebibyte, under which
//! the first tenth of the calls succeeds must be enough for all of them, with one mebibyte more for what a garbage collector
//! leaves to chance. A hundred thousand calls that each left twenty-five bytes behind would not fit. `cargo xtask soak` makes a million.

use bytesize::ByteSize;
use okra::registry::{Manifest, Package};

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

/// Calls that show how much memory an instance needs: enough for many turns of a garbage collector.
fn first(calls: usize) -> usize {
    calls / 10
}

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
    manifest.run.cpu = std::time::Duration::from_secs(5);
    let package = Package::write(built.component(), built.descriptors(), &manifest).unwrap();
    let mut host = TestHost::empty();
    host.deploy(&Package::read(package).unwrap()).await.ok()?;
    Some(host)
}

async fn calls_leave_nothing_behind(guest: &str) {
    let counted = |host: TestHost, calls: usize| async move {
        for _ in 0..calls / 2 {
            // With a message within itself, which the guest has decoded and encoded by the host.
            let request = r#"{"text":"some text","parts":[{"text":"a part","parts":[{"text":"of a part"}]}]}"#;
            host.call("test.faults.v1.Faults/Echo", request).await.ok()?;
            host.call("test.faults.v1.Faults/Count", request).await.ok()?;
        }
        Some(host)
    };
    let mut mebibytes = 1;
    loop {
        assert!(mebibytes < 64, "{guest} needs more than 64 MiB");
        let host = host(guest, 1, mebibytes).await;
        mebibytes += 1;
        if let Some(host) = host
            && counted(host, first(calls())).await.is_some()
        {
            break;
        }
    }
    let host = counted(host(guest, 1, mebibytes).await.unwrap(), calls()).await;
    let host =
        host.unwrap_or_else(|| panic!("{guest} did not do with {mebibytes} MiB, one more than its first calls needed"));
    let answer = host.call("test.faults.v1.Faults/Count", "{}").await.unwrap();
    assert_eq!(answer, format!(r#"{{"calls":{}}}"#, calls() / 2 + 1), "all calls were on one instance");
    println!("{guest}: {} calls on one instance in {mebibytes} MiB", calls());
}

async fn streams_leave_nothing_behind(guest: &str) {
    let requests: Vec<String> = (1..=5).map(|value| format!(r#"{{"value":{value}}}"#)).collect();
    let requests: Vec<&str> = requests.iter().map(String::as_str).collect();
    let streamed = |host: TestHost, calls: usize| {
        let requests = &requests;
        async move {
            // Served, called, and left half read.
            for _ in 0..calls / 4 {
                for path in ["test.streams.v1.Streams/Double", "test.streams.v1.Onward/Double"] {
                    host.stream(path, requests).await.1.ok()?;
                }
                host.stream("test.streams.v1.Onward/Sum", requests).await.1.ok()?;
                host.call("test.streams.v1.Onward/Leave", r#"{"value":2}"#).await.ok()?;
            }
            Some(host)
        }
    };
    // A call here has some thirty messages and a stream of another call in it.
    let calls = calls() / 10;
    let mut mebibytes = 1;
    loop {
        assert!(mebibytes < 64, "{guest} needs more than 64 MiB");
        let host = host(guest, 2, mebibytes).await;
        mebibytes += 1;
        if let Some(host) = host
            && streamed(host, first(calls)).await.is_some()
        {
            break;
        }
    }
    let host = streamed(host(guest, 2, mebibytes).await.unwrap(), calls).await;
    host.unwrap_or_else(|| panic!("{guest} did not do with {mebibytes} MiB, one more than its first calls needed"));
    println!("{guest}: {calls} calls with streams on two instances in {mebibytes} MiB");
}
