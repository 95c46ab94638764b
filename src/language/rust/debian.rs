//! Debian's Rust. It has the standard library as source, so the target needs no download by rustup.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::language::Machine;
use crate::language::rust::toolchain::TARGET;

/// The packages that it consists of.
pub(super) const PACKAGES: [&str; 4] = ["rustc-web", "rust-web-src", "wasi-libc", "lld-19"];

/// The arguments of cargo: it compiles the standard library, too, with Debian's C library for WASI.
pub(super) const CARGO_ARGUMENTS: [&str; 1] = ["-Zbuild-std=std,panic_abort"];

/// Returns the environment of cargo. `linker_folder` is the folder of rustup's toolchain with `rust-lld` and
/// `wasm-component-ld`, which Debian's packages do not contain.
pub(super) fn cargo_environment(machine: &Machine, linker_folder: &Path) -> Vec<(&'static str, OsString)> {
    let libraries = machine.root.join("usr/lib/wasm32-wasi");
    let flags = format!("-C link-self-contained=no -L {} -C link-arg=-lc", libraries.display());
    vec![
        ("PATH", machine.path_with(linker_folder)),
        ("RUSTC", compiler_path(machine).into()),
        // A stable cargo and a stable rustc accept -Zbuild-std only with it.
        ("RUSTC_BOOTSTRAP", "1".into()),
        ("RUSTFLAGS", flags.into()),
    ]
}

/// Returns the path of Debian's rustc, if all packages are installed.
pub(super) fn find_compiler(machine: &Machine) -> Option<PathBuf> {
    let compiler = compiler_path(machine);
    if !compiler.is_file() || !machine.root.join("usr/lib/wasm32-wasi/libc.a").is_file() {
        return None;
    }
    let sysroot = machine.read_output(&compiler, &["--print", "sysroot"])?;
    let sources = PathBuf::from(sysroot).join("lib/rustlib/src/rust/library/std/Cargo.toml");
    let targets = machine.read_output(&compiler, &["--print", "target-list"])?;
    (sources.is_file() && targets.lines().any(|target| target == TARGET)).then_some(compiler)
}

fn compiler_path(machine: &Machine) -> PathBuf {
    machine.root.join("usr/bin/rustc")
}
