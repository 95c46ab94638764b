//! The machine that toolchains are installed on: its programs and folders, and commands that run on it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The places where programs and files are looked for. Tests make machines of scripts in a temporary folder.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Folders with programs, as in the variable `PATH`.
    pub(super) path: OsString,
    /// The folder in place of `/`.
    pub(super) root: PathBuf,
    /// Folder in which programs run: rustup chooses its toolchain by it.
    pub(super) folder: PathBuf,
    /// Folder of the toolchains that OKRA installs.
    pub(super) tools: PathBuf,
}

/// A command of a toolchain that did not succeed.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum CommandError {
    /// The program could not be started.
    #[error("cannot run `{command}`")]
    #[diagnostic(code(okra::language::run))]
    Run {
        /// The command.
        command: String,
        /// The reason.
        source: io::Error,
    },
    /// The program ran and failed.
    #[error("`{command}` failed: {last_line}")]
    #[diagnostic(code(okra::language::failed))]
    Failed {
        /// The command.
        command: String,
        /// The last line of its output.
        last_line: String,
    },
}

impl CommandError {
    /// Returns the error constructor for `map_err` of a program that cannot be started.
    pub(super) fn on_run(command: &str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Run { command: command.to_owned(), source }
    }
}

impl Machine {
    /// Returns this machine, for a project in `folder`.
    pub fn here(folder: &Path) -> Self {
        let tools = match etcetera::choose_base_strategy() {
            Ok(strategy) => etcetera::BaseStrategy::data_dir(&strategy).join("okra/toolchains"),
            Err(_) => env::temp_dir().join("okra-toolchains"),
        };
        let path = env::var_os("PATH").unwrap_or_default();
        Self { path, root: PathBuf::from("/"), folder: folder.to_owned(), tools }
    }

    /// Returns a command with the machine's `PATH` and folder, and without stdin.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("PATH", &self.path).current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    /// Returns what a program prints, trimmed, or none if it is missing or fails.
    pub(super) fn read_output(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
        let output = self.command(program).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Runs a program to its end.
    ///
    /// # Errors
    /// If it cannot be started or fails.
    pub(super) fn run_command(&self, program: &str, arguments: &[&str]) -> Result<(), CommandError> {
        let command = [&[program], arguments].concat().join(" ");
        match self.command(program).args(arguments).output() {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(CommandError::Failed { command, last_line: last_line(&output) }),
            Err(source) => Err(CommandError::Run { command, source }),
        }
    }

    /// Whether OKRA can install packages: `apt-get` is there, and the user is root.
    pub(super) fn can_install_packages(&self) -> bool {
        self.read_output("id", &["-u"]).as_deref() == Some("0") && self.read_output("apt-get", &["--version"]).is_some()
    }

    /// Returns the `PATH` with a folder in front of the others.
    pub(super) fn path_with(&self, first: &Path) -> OsString {
        let folders = [first.to_owned()].into_iter().chain(env::split_paths(&self.path));
        env::join_paths(folders).unwrap_or_else(|_| self.path.clone())
    }
}

/// Returns the last line of a program's output: of stderr, or of stdout if stderr is empty.
fn last_line(output: &Output) -> String {
    let text = if output.stderr.trim_ascii().is_empty() { &output.stdout } else { &output.stderr };
    match String::from_utf8_lossy(text).trim().lines().last() {
        Some(line) => line.trim().to_owned(),
        None => output.status.to_string(),
    }
}
