//! Tells cargo what the binary has inside beside its own sources.

fn main() {
    println!("cargo::rerun-if-changed=guest-sdk/go");
    println!("cargo::rerun-if-changed=guest-sdk/python/src");
    println!("cargo::rerun-if-changed=guest-sdk/rust");
    println!("cargo::rerun-if-changed=guest-sdk/templates");
}
