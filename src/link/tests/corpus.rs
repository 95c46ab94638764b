//! The corpus of the fuzz targets, without a fuzzer.

use std::fs;
use std::path::Path;

use crate::link::tests::fixture::Fixture;
use crate::link::tests::{FIXTURE, targets};

fn each_file(target: &str, run: fn(&Fixture, &[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        eprintln!("{}", path.display());
        run(&FIXTURE, &fs::read(path).unwrap());
        count += 1;
    }
    assert!(count > 0, "the corpus is there");
}

#[test]
fn hostile_messages_are_refused_or_taken_as_prost_reflect_does() {
    each_file("wire", targets::wire);
}

#[test]
fn hostile_memory_is_lifted_or_refused() {
    each_file("memory", targets::memory);
}
