//! Tells cargo which folders are in the crate beside its own sources.

fn main() {
    println!("cargo::rerun-if-changed=../../wit");
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-changed=src/go/host");
}
