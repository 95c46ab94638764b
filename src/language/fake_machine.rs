//! A machine of shell scripts, for the tests of toolchains.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::language::Machine;

/// A machine in a temporary folder whose programs are shell scripts.
pub(super) struct FakeMachine {
    pub(super) folder: TempDir,
}

impl FakeMachine {
    /// Makes a machine with the Rust of rustup: cargo, rustc and its linkers.
    pub(super) fn with_rust() -> Self {
        let fake = Self::bare();
        fake.program("cargo", "echo cargo 1.95.0");
        let sysroot = fake.path("sysroot");
        let rustc = format!(
            "case \"$*\" in *sysroot*) echo {};; *) echo 'rustc 1.95.0'; echo 'host: x-y-z';; esac",
            sysroot.display()
        );
        fake.program("rustc", &rustc);
        fake.file("sysroot/lib/rustlib/x-y-z/bin/rust-lld");
        fake.file("sysroot/lib/rustlib/x-y-z/bin/wasm-component-ld");
        fake
    }

    pub(super) fn bare() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn file(&self, name: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }

    pub(super) fn script(path: &Path, script: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(super) fn program(&self, name: &str, script: &str) {
        Self::script(&self.path("bin").join(name), script);
    }

    /// Adds Debian's packages, except for the C library.
    pub(super) fn debian_rust(&self) {
        let rustc = format!(
            "case \"$*\" in *sysroot*) echo {};; *target-list) echo wasm32-wasip2;; *) echo 'rustc 1.96.0';; esac",
            self.path("usr").display()
        );
        Self::script(&self.path("usr/bin/rustc"), &rustc);
        self.file("usr/lib/rustlib/src/rust/library/std/Cargo.toml");
    }

    pub(super) fn debian_libc(&self) {
        self.file("usr/lib/wasm32-wasi/libc.a");
    }

    pub(super) fn machine(&self) -> Machine {
        let path = self.path("bin").into_os_string();
        let folder = self.folder.path().to_owned();
        Machine { path, root: folder.clone(), tools: folder.join("tools"), folder }
    }
}

/// Returns the help of an error.
pub(super) fn help_text(error: &dyn miette::Diagnostic) -> String {
    error.help().map(|help| help.to_string()).unwrap_or_default()
}
