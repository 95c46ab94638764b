use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Machine, ToolchainError, debian};

/// The target that guests are compiled for: components with WASI 0.2.
pub(super) const TARGET: &str = "wasm32-wasip2";

/// A Rust that makes components.
#[derive(Clone, Debug)]
pub struct RustToolchain {
    /// Where the target comes from.
    pub origin: Origin,
    /// The compiler, such as `rustc 1.95.0 (59807616e 2026-04-14)`.
    pub version: String,
    /// Variables that cargo needs in its environment.
    pub environment: Vec<(&'static str, OsString)>,
    /// Arguments that `cargo build` needs.
    pub arguments: Vec<String>,
}

/// Where a Rust has its target for components from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is part of the Rust on the PATH, as rustup installs it.
    Installed,
    /// Debian's packages `rustc-web`, `rust-web-src` and `wasi-libc`.
    Debian,
}

/// The Rust on the PATH, whatever it can compile for.
struct Rust {
    /// What `rustc --version` says.
    version: String,
    sysroot: PathBuf,
    host: String,
}

impl RustToolchain {
    /// Looks for a Rust that makes components, and changes nothing.
    ///
    /// # Errors
    /// When there is none; the error says what would bring it.
    pub fn find(machine: &Machine) -> Result<Self, ToolchainError> {
        let rust = Rust::find(machine)?;
        Self::installed(&rust).or_else(|| Self::debian(machine, &rust)).ok_or_else(|| rust.no_target(machine))
    }

    /// Looks for one, and lets rustup add the target to the toolchain in use when there is none: a download of some
    /// 20 MB, once.
    ///
    /// # Errors
    /// When there is none and rustup cannot add it.
    pub fn find_or_add(machine: &Machine) -> Result<Self, ToolchainError> {
        let found = Self::find(machine);
        let has_rustup = || machine.ask("rustup", &["--version"]).is_some();
        if matches!(found, Err(ToolchainError::NoTarget { .. })) && has_rustup() {
            tracing::info!("adding the target {TARGET} by rustup");
            if machine.run("rustup", &["target", "add", TARGET]).is_ok() {
                return Self::find(machine);
            }
        }
        found
    }

    /// Looks for one, and does whatever brings it when there is none: rustup, or Debian's packages where we are root.
    ///
    /// # Errors
    /// When there is none after all that.
    pub fn find_or_install(machine: &Machine) -> Result<Self, ToolchainError> {
        let found = Self::find_or_add(machine);
        if matches!(found, Err(ToolchainError::NoTarget { .. })) && machine.may_install_packages() {
            machine.run("apt-get", &["update"])?;
            let install = ["install", "--yes", "--no-install-recommends"];
            machine.run("apt-get", &[&install[..], &debian::PACKAGES].concat())?;
            return Self::find(machine);
        }
        found
    }

    /// `cargo build` for components. Its folder is not set.
    pub fn cargo_build(&self) -> Command {
        let mut command = Command::new("cargo");
        // Would be taken instead of RUSTFLAGS; set where we run under cargo ourselves.
        command.env_remove("CARGO_ENCODED_RUSTFLAGS");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.arg("build").args(&self.arguments);
        command
    }

    fn installed(rust: &Rust) -> Option<Self> {
        rust.sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir().then(|| Self {
            origin: Origin::Installed,
            version: rust.version.clone(),
            environment: Vec::new(),
            arguments: vec!["--target".to_owned(), TARGET.to_owned()],
        })
    }

    fn debian(machine: &Machine, rust: &Rust) -> Option<Self> {
        let compiler = debian::find(machine)?;
        let linkers = rust.linkers()?;
        let arguments = debian::ARGUMENTS.into_iter().chain(["--target", TARGET]);
        Some(Self {
            origin: Origin::Debian,
            version: machine.ask(&compiler, &["--version"])?,
            environment: debian::environment(machine, &linkers),
            arguments: arguments.map(str::to_owned).collect(),
        })
    }
}

impl Rust {
    fn find(machine: &Machine) -> Result<Self, ToolchainError> {
        if machine.ask("cargo", &["--version"]).is_none() {
            return Err(ToolchainError::NoRust { program: "cargo" });
        }
        let ask =
            |arguments: &[&str]| machine.ask("rustc", arguments).ok_or(ToolchainError::NoRust { program: "rustc" });
        let details = ask(&["--version", "--verbose"])?;
        let host = details.lines().find_map(|line| line.strip_prefix("host: "));
        Ok(Self {
            version: details.lines().next().unwrap_or_default().to_owned(),
            sysroot: PathBuf::from(ask(&["--print", "sysroot"])?),
            host: host.unwrap_or_default().to_owned(),
        })
    }

    /// Folder of `rust-lld` and `wasm-component-ld`, which rustup's toolchains have.
    fn linkers(&self) -> Option<PathBuf> {
        let folder = self.sysroot.join("lib/rustlib").join(&self.host).join("bin");
        let has = |program: &str| Path::new(&folder).join(program).is_file();
        (has("rust-lld") && has("wasm-component-ld")).then_some(folder)
    }

    fn no_target(&self, machine: &Machine) -> ToolchainError {
        let mut ways = Vec::new();
        if machine.ask("rustup", &["--version"]).is_some() {
            ways.push(format!("`rustup target add {TARGET}`"));
        }
        if self.linkers().is_some() && machine.ask("apt-get", &["--version"]).is_some() {
            let packages = debian::PACKAGES.join(" ");
            ways.push(format!("`apt-get update && apt-get install --no-install-recommends {packages}`"));
        }
        let ways = match ways.as_slice() {
            [] => "use a Rust from https://rustup.rs, then `rustup target add wasm32-wasip2`".to_owned(),
            ways => format!("run {}, or `okra doctor --fix`, which does it", ways.join(" or ")),
        };
        ToolchainError::NoTarget { rust: self.version.clone(), ways }
    }
}
