//! The Rust that compiles components: how it is found, and how its target is installed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use crate::language::Machine;
use crate::language::rust::{RustBuildError, debian};

/// The target that guests are compiled for: components with WASI 0.2.
pub(super) const TARGET: &str = "wasm32-wasip2";

/// A Rust that makes components.
#[derive(Clone, Debug)]
pub(super) struct RustToolchain {
    /// The origin of the target.
    pub(super) origin: TargetOrigin,
    /// The compiler, such as `rustc 1.95.0 (59807616e 2026-04-14)`.
    pub(super) version: String,
    /// Variables that cargo needs in its environment.
    pub(super) environment: Vec<(&'static str, OsString)>,
    /// Arguments that `cargo build` needs.
    pub(super) arguments: Vec<String>,
}

/// The origin of a Rust's target for components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TargetOrigin {
    /// The Rust on the PATH, into which rustup installs it.
    Installed,
    /// Debian's packages `rustc-web`, `rust-web-src` and `wasi-libc`.
    Debian,
}

/// The Rust on the PATH, with or without a target for components.
struct HostRust {
    /// The first line of `rustc --version`.
    version: String,
    sysroot: PathBuf,
    host_triple: String,
}

impl RustToolchain {
    /// Looks for a Rust that makes components, and changes nothing.
    ///
    /// # Errors
    /// If there is none. The help of the error says what installs it.
    pub(super) fn find(machine: &Machine) -> Result<Self, RustBuildError> {
        let rust = HostRust::find(machine)?;
        let toolchain = Self::find_installed(&rust).or_else(|| Self::find_debian(machine, &rust));
        toolchain.ok_or_else(|| rust.no_target(machine))
    }

    /// Looks for a Rust that makes components. If there is none, rustup adds the target to the toolchain in use: a download of
    /// 20 MB, once.
    ///
    /// # Errors
    /// If there is none and rustup cannot add the target.
    pub(super) fn find_or_add(machine: &Machine) -> Result<Self, RustBuildError> {
        let toolchain = Self::find(machine);
        let has_rustup = || machine.read_output("rustup", &["--version"]).is_some();
        if matches!(toolchain, Err(RustBuildError::NoTarget { .. })) && has_rustup() {
            tracing::info!("adding the target {TARGET} by rustup");
            if machine.run_command("rustup", &["target", "add", TARGET]).is_ok() {
                return Self::find(machine);
            }
        }
        toolchain
    }

    /// Looks for a Rust that makes components. If there is none, installs the target: by rustup, or by Debian's packages if the
    /// user is root.
    ///
    /// # Errors
    /// If there is none and neither way installs it.
    pub(super) fn find_or_install(machine: &Machine) -> Result<Self, RustBuildError> {
        let toolchain = Self::find_or_add(machine);
        if matches!(toolchain, Err(RustBuildError::NoTarget { .. })) && machine.can_install_packages() {
            machine.run_command("apt-get", &["update"])?;
            let install = ["install", "--yes", "--no-install-recommends"];
            machine.run_command("apt-get", &[&install[..], &debian::PACKAGES].concat())?;
            return Self::find(machine);
        }
        toolchain
    }

    /// Returns the description for `okra doctor`.
    pub(super) fn describe(&self) -> String {
        let version = &self.version;
        match self.origin {
            TargetOrigin::Installed => format!("{version}, its own target {TARGET}"),
            TargetOrigin::Debian => format!("{version}, the standard library as source, from Debian's packages"),
        }
    }

    /// Returns `cargo build` for components. The caller sets the folder.
    pub(super) fn cargo_build(&self) -> Command {
        let mut command = Command::new("cargo");
        // cargo would take it instead of RUSTFLAGS. It is set if okra itself runs under cargo.
        command.env_remove("CARGO_ENCODED_RUSTFLAGS");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.arg("build").args(&self.arguments);
        command
    }

    fn find_installed(rust: &HostRust) -> Option<Self> {
        rust.sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir().then(|| Self {
            origin: TargetOrigin::Installed,
            version: rust.version.clone(),
            environment: Vec::new(),
            arguments: vec!["--target".to_owned(), TARGET.to_owned()],
        })
    }

    fn find_debian(machine: &Machine, rust: &HostRust) -> Option<Self> {
        let compiler = debian::find_compiler(machine)?;
        let linker_folder = rust.linker_folder()?;
        let arguments = debian::CARGO_ARGUMENTS.into_iter().chain(["--target", TARGET]);
        Some(Self {
            origin: TargetOrigin::Debian,
            version: machine.read_output(&compiler, &["--version"])?,
            environment: debian::cargo_environment(machine, &linker_folder),
            arguments: arguments.map(str::to_owned).collect(),
        })
    }
}

impl HostRust {
    fn find(machine: &Machine) -> Result<Self, RustBuildError> {
        if machine.read_output("cargo", &["--version"]).is_none() {
            return Err(RustBuildError::NoRust { program: "cargo" });
        }
        let ask_rustc = |arguments: &[&str]| {
            machine.read_output("rustc", arguments).ok_or(RustBuildError::NoRust { program: "rustc" })
        };
        let details = ask_rustc(&["--version", "--verbose"])?;
        let host_triple = details.lines().find_map(|line| line.strip_prefix("host: "));
        Ok(Self {
            version: details.lines().next().unwrap_or_default().to_owned(),
            sysroot: PathBuf::from(ask_rustc(&["--print", "sysroot"])?),
            host_triple: host_triple.unwrap_or_default().to_owned(),
        })
    }

    /// Returns the folder of `rust-lld` and `wasm-component-ld`, which the toolchains of rustup have.
    fn linker_folder(&self) -> Option<PathBuf> {
        let folder = self.sysroot.join("lib/rustlib").join(&self.host_triple).join("bin");
        let has_program = |program: &str| folder.join(program).is_file();
        (has_program("rust-lld") && has_program("wasm-component-ld")).then_some(folder)
    }

    /// Returns the error of a missing target, with the commands that work on this machine.
    fn no_target(&self, machine: &Machine) -> RustBuildError {
        let mut commands = Vec::new();
        if machine.read_output("rustup", &["--version"]).is_some() {
            commands.push(format!("`rustup target add {TARGET}`"));
        }
        if self.linker_folder().is_some() && machine.read_output("apt-get", &["--version"]).is_some() {
            let packages = debian::PACKAGES.join(" ");
            commands.push(format!("`apt-get update && apt-get install --no-install-recommends {packages}`"));
        }
        let remedy = match commands.as_slice() {
            [] => format!("use a Rust from https://rustup.rs, then `rustup target add {TARGET}`"),
            commands => format!("run {}, or `okra doctor --fix`, which does it", commands.join(" or ")),
        };
        RustBuildError::NoTarget { rust: self.version.clone(), remedy }
    }
}
