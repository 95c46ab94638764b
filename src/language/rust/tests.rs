//! Machines with and without the Rust that makes components.

#![allow(clippy::unwrap_used)]

use crate::language::RustBuildError;
use crate::language::fake_machine::{FakeMachine, help_text};
use crate::language::rust::toolchain::{RustToolchain, TargetOrigin};

#[test]
fn without_rust_the_error_says_how_it_comes() {
    let error = RustToolchain::find_or_install(&FakeMachine::bare().machine()).unwrap_err();
    assert!(matches!(error, RustBuildError::NoRust { program: "cargo" }), "{error}");
    assert!(help_text(&error).contains("rustup.rs"));
}

#[test]
fn an_installed_target_is_used_as_it_is() {
    let fake = FakeMachine::with_rust();
    fake.debian_rust();
    fake.debian_libc();
    fake.file("sysroot/lib/rustlib/wasm32-wasip2/lib/libstd.rlib");
    let toolchain = RustToolchain::find(&fake.machine()).unwrap();
    assert_eq!((toolchain.origin, toolchain.version.as_str()), (TargetOrigin::Installed, "rustc 1.95.0"));
    assert_eq!(toolchain.arguments, ["--target", "wasm32-wasip2"]);
    assert!(toolchain.environment.is_empty());
}

#[test]
fn debians_packages_take_the_place_of_the_target() {
    let fake = FakeMachine::with_rust();
    fake.debian_rust();
    fake.debian_libc();
    let toolchain = RustToolchain::find(&fake.machine()).unwrap();
    assert_eq!((toolchain.origin, toolchain.version.as_str()), (TargetOrigin::Debian, "rustc 1.96.0"));
    let root = fake.folder.path().display().to_string();
    let environment: String = toolchain
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={}\n", value.to_string_lossy().replace(&root, "")))
        .collect();
    insta::assert_snapshot!(environment, @r"
    PATH=/sysroot/lib/rustlib/x-y-z/bin:/bin
    RUSTC=/usr/bin/rustc
    RUSTC_BOOTSTRAP=1
    RUSTFLAGS=-C link-self-contained=no -L /usr/lib/wasm32-wasi -C link-arg=-lc
    ");
    assert_eq!(toolchain.arguments, ["-Zbuild-std=std,panic_abort", "--target", "wasm32-wasip2"]);
}

#[test]
fn a_debian_without_all_of_it_does_not_count() {
    let fake = FakeMachine::with_rust();
    fake.debian_rust();
    fake.program("rustup", "exit 1");
    fake.program("apt-get", "echo apt");
    let error = RustToolchain::find_or_add(&fake.machine()).unwrap_err();
    assert_eq!(error.to_string(), "rustc 1.95.0 cannot compile for wasm32-wasip2");
    insta::assert_snapshot!(help_text(&error), @"run `apt-get update && apt-get install --no-install-recommends rustc-web rust-web-src wasi-libc lld-19`, or `okra doctor --fix`, which does it");
}

#[test]
fn rustup_adds_the_target() {
    let fake = FakeMachine::with_rust();
    let target = fake.path("sysroot/lib/rustlib/wasm32-wasip2/lib");
    let add = format!("case \"$*\" in 'target add wasm32-wasip2') /bin/mkdir -p {};; esac", target.display());
    fake.program("rustup", &add);
    let error = RustToolchain::find(&fake.machine()).unwrap_err();
    insta::assert_snapshot!(help_text(&error), @"run `rustup target add wasm32-wasip2`, or `okra doctor --fix`, which does it");
    assert_eq!(RustToolchain::find_or_add(&fake.machine()).unwrap().origin, TargetOrigin::Installed);
}

#[test]
fn packages_are_installed_where_rustup_cannot_and_we_are_root() {
    let fake = FakeMachine::with_rust();
    fake.debian_rust();
    fake.program("rustup", "case \"$1\" in --version) echo rustup;; *) exit 1;; esac");
    let libc = fake.path("usr/lib/wasm32-wasi");
    let install = format!("case \"$1\" in install) /bin/mkdir -p {0} && echo > {0}/libc.a;; esac", libc.display());
    fake.program("apt-get", &install);
    fake.program("id", "echo 1000");
    assert!(matches!(RustToolchain::find_or_install(&fake.machine()), Err(RustBuildError::NoTarget { .. })));
    fake.program("id", "echo 0");
    assert_eq!(RustToolchain::find_or_install(&fake.machine()).unwrap().origin, TargetOrigin::Debian);
}
