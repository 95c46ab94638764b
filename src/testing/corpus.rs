//! The corpus of the fuzz targets, without a fuzzer.

use std::fs;
use std::path::Path;

use crate::testing::targets::{STACK_BYTES, TARGETS, run_on_small_stack};

/// Code that is not optimised takes up to four times the stack.
const TEST_STACK_BYTES: usize = 4 * STACK_BYTES;

#[test]
fn what_fuzzers_found_is_decoded_or_refused_on_a_small_stack() {
    for (name, target) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
        let mut count = 0;
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            eprintln!("{}", path.display());
            run_on_small_stack(target, &fs::read(path).unwrap(), TEST_STACK_BYTES);
            count += 1;
        }
        assert!(count > 0, "{name} has a corpus");
    }
}
