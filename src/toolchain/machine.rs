use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::ToolchainError;

/// Where programs and files are looked for.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Folders with programs, as in the variable `PATH`.
    pub(super) path: OsString,
    /// What stands for `/`.
    pub(super) root: PathBuf,
    /// Folder in which programs run: rustup chooses its toolchain by it.
    pub(super) folder: PathBuf,
    /// Folder of the tools that we bring ourselves.
    pub(super) tools: PathBuf,
}

impl Machine {
    /// This machine, for a project in `folder`.
    pub fn here(folder: &Path) -> Self {
        let tools = match etcetera::choose_base_strategy() {
            Ok(strategy) => etcetera::BaseStrategy::data_dir(&strategy).join("okra/toolchains"),
            Err(_) => env::temp_dir().join("okra-toolchains"),
        };
        let path = env::var_os("PATH").unwrap_or_default();
        Self { path, root: PathBuf::from("/"), folder: folder.to_owned(), tools }
    }

    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("PATH", &self.path).current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    /// What a program prints, trimmed; none when it is not there or fails.
    pub(super) fn ask(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
        let output = self.command(program).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Runs a program to its end.
    pub(super) fn run(&self, program: &str, arguments: &[&str]) -> Result<(), ToolchainError> {
        let command = [&[program], arguments].concat().join(" ");
        match self.command(program).args(arguments).output() {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(ToolchainError::Failed { command, said: last_words(&output) }),
            Err(source) => Err(ToolchainError::Run { command, source }),
        }
    }

    /// Whether packages may be installed: `apt-get` is there and we are root.
    pub(super) fn may_install_packages(&self) -> bool {
        self.ask("id", &["-u"]).as_deref() == Some("0") && self.ask("apt-get", &["--version"]).is_some()
    }

    /// The `PATH` with a folder in front of the others.
    pub(super) fn path_with(&self, first: &Path) -> OsString {
        let folders = [first.to_owned()].into_iter().chain(env::split_paths(&self.path));
        env::join_paths(folders).unwrap_or_else(|_| self.path.clone())
    }
}

/// The last line of what a program wrote, of stderr if there is any.
fn last_words(output: &Output) -> String {
    let words = if output.stderr.trim_ascii().is_empty() { &output.stdout } else { &output.stderr };
    match String::from_utf8_lossy(words).trim().lines().last() {
        Some(line) => line.trim().to_owned(),
        None => output.status.to_string(),
    }
}
