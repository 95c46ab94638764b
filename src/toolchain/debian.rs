//! Debian's Rust, which brings the standard library as source and so needs no download by rustup.

use std::ffi::OsString;
use std::path::PathBuf;

use super::Machine;
use super::rust::TARGET;

/// The packages it takes.
pub(super) const PACKAGES: [&str; 4] = ["rustc-web", "rust-web-src", "wasi-libc", "lld-19"];

/// What cargo must be told: the standard library is compiled along, with Debian's C library for WASI.
pub(super) const ARGUMENTS: [&str; 1] = ["-Zbuild-std=std,panic_abort"];

/// The environment of cargo. `linkers` is the folder of rustup's toolchain with `rust-lld` and `wasm-component-ld`, which
/// Debian's packages do not have.
pub(super) fn environment(machine: &Machine, linkers: &std::path::Path) -> Vec<(&'static str, OsString)> {
    let libraries = machine.root.join("usr/lib/wasm32-wasi");
    let flags = format!("-C link-self-contained=no -L {} -C link-arg=-lc", libraries.display());
    vec![
        ("PATH", machine.path_with(linkers)),
        ("RUSTC", compiler(machine).into()),
        // Lets a stable cargo and rustc take -Zbuild-std.
        ("RUSTC_BOOTSTRAP", "1".into()),
        ("RUSTFLAGS", flags.into()),
    ]
}

/// Debian's rustc, when all that goes with it is there.
pub(super) fn find(machine: &Machine) -> Option<PathBuf> {
    let compiler = compiler(machine);
    if !compiler.is_file() || !machine.root.join("usr/lib/wasm32-wasi/libc.a").is_file() {
        return None;
    }
    let sysroot = machine.ask(&compiler, &["--print", "sysroot"])?;
    let sources = PathBuf::from(sysroot).join("lib/rustlib/src/rust/library/std/Cargo.toml");
    let targets = machine.ask(&compiler, &["--print", "target-list"])?;
    (sources.is_file() && targets.lines().any(|target| target == TARGET)).then_some(compiler)
}

fn compiler(machine: &Machine) -> PathBuf {
    machine.root.join("usr/bin/rustc")
}
