//! What each step of a call costs: check, lower, the call as a whole, lift; and what prost needs to decode and encode the
//! same messages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

/// The link tells the threads of guests that its work takes long. Here there are none.
mod call {
    pub(crate) mod guest_thread {
        pub(crate) fn do_long_work<T>(work: impl FnOnce() -> T) -> T {
            work()
        }
    }
}
mod link;
#[path = "../../src/messages.rs"]
mod messages;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use divan::Bencher;
use divan::counter::BytesCount;
use okra::call::{Context, Deadline};
use okra::package::Package;
use okra::project::build_project;
use okra::runtime::EngineSettings;
use okra::runtime::Runtime;
use prost::Message as _;

use link::{Guest, Steps};
use messages::{Basket, Blob, Note};

fn main() {
    divan::main();
}

/// The messages that are measured.
const SAMPLES: [&str; 3] = ["small", "items-10k", "bytes-1mib"];

/// A message of the echo service.
struct Sample {
    method: &'static str,
    message: &'static str,
    wire: Bytes,
}

impl Sample {
    fn named(name: &str) -> Self {
        let (method, message, wire) = match name {
            "small" => ("Small", "bench.echo.v1.Note", messages::note().encode_to_vec()),
            "items-10k" => ("Items", "bench.echo.v1.Basket", messages::basket(10_000).encode_to_vec()),
            "bytes-1mib" => ("Bytes", "bench.echo.v1.Blob", messages::blob().encode_to_vec()),
            other => panic!("there is no sample `{other}`"),
        };
        Self { method, message, wire: wire.into() }
    }

    fn steps(&self) -> Steps {
        Steps::new(&Path::new(env!("CARGO_MANIFEST_DIR")).join("proto"), "bench.echo.v1.Echo", self.message)
    }

    fn size(&self) -> BytesCount {
        BytesCount::new(self.wire.len())
    }
}

#[divan::bench(args = SAMPLES)]
fn check(bencher: Bencher<'_, '_>, name: &str) {
    let sample = Sample::named(name);
    let steps = sample.steps();
    bencher.counter(sample.size()).bench(|| steps.check(sample.wire.clone()));
}

#[divan::bench(args = SAMPLES)]
fn lower(bencher: Bencher<'_, '_>, name: &str) {
    let sample = Sample::named(name);
    let steps = sample.steps();
    let checked = steps.check(sample.wire.clone());
    let mut guest = Guest::default();
    bencher.counter(sample.size()).bench_local(|| {
        guest.clear();
        steps.lower(&checked, &mut guest)
    });
}

#[divan::bench(args = SAMPLES)]
fn lift(bencher: Bencher<'_, '_>, name: &str) {
    let sample = Sample::named(name);
    let steps = sample.steps();
    let mut guest = Guest::default();
    let image = steps.lower(&steps.check(sample.wire.clone()), &mut guest);
    assert_eq!(steps.lift(&image, &guest), sample.wire);
    bencher.counter(sample.size()).bench(|| steps.lift(&image, &guest));
}

/// From encoded request to encoded response: all of the steps, the guest, and the router and actor before them.
#[divan::bench(args = SAMPLES)]
fn call(bencher: Bencher<'_, '_>, name: &str) {
    let sample = Sample::named(name);
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cache = tempfile::tempdir().unwrap();
    let runtime = {
        // Actors live in a runtime of tokio.
        let _entered = tokio.enter();
        Runtime::new(cache.path(), EngineSettings { instances: 8, ..EngineSettings::default() }).expect("an engine")
    };
    let guest = build_project(&Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/echo"), None)
        .expect("the guest can be built");
    let package = Package::read(std::fs::read(guest.path).unwrap()).expect("a package");
    tokio.block_on(runtime.deploy(&package)).expect("the guest is deployed");
    let (service, method): (Arc<str>, Arc<str>) = ("bench.echo.v1.Echo".into(), sample.method.into());
    let call = || {
        let deadline = Deadline::after(Duration::from_secs(20));
        let context = Context::new(service.clone(), method.clone()).with_deadline(deadline);
        tokio.block_on(runtime.handler().unary(context, sample.wire.clone())).expect("an answer").message
    };
    assert_eq!(call(), sample.wire);
    bencher.counter(sample.size()).bench_local(call);
}

#[divan::bench(args = SAMPLES)]
fn prost_decode(bencher: Bencher<'_, '_>, name: &str) {
    let sample = Sample::named(name);
    let wire = sample.wire.clone();
    let bencher = bencher.counter(sample.size());
    match name {
        "small" => bencher.bench(|| Note::decode(wire.clone()).unwrap()),
        "items-10k" => bencher.bench(|| Basket::decode(wire.clone()).unwrap()),
        _ => bencher.bench(|| Blob::decode(wire.clone()).unwrap()),
    }
}

#[divan::bench(args = SAMPLES)]
fn prost_encode(bencher: Bencher<'_, '_>, name: &str) {
    let bencher = bencher.counter(Sample::named(name).size());
    match name {
        "small" => bencher.with_inputs(messages::note).bench_refs(|note| note.encode_to_vec()),
        "items-10k" => bencher.with_inputs(|| messages::basket(10_000)).bench_refs(|basket| basket.encode_to_vec()),
        _ => bencher.with_inputs(messages::blob).bench_refs(|blob| blob.encode_to_vec()),
    }
}
