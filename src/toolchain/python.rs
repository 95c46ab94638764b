use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{Machine, ToolchainError};

/// The first Python that componentize-py runs on.
pub(super) const OLDEST: &str = "3.10";

/// The version of componentize-py. What is generated and how it is called go with it.
pub(super) const COMPONENTIZE: &str = "0.25.1";

/// A Python with componentize-py, in a virtual environment of ours.
#[derive(Clone, Debug)]
pub struct PythonToolchain {
    /// What it says of itself, such as `componentize-py 0.25.1`.
    pub version: String,
    /// The virtual environment.
    pub folder: PathBuf,
}

impl PythonToolchain {
    /// Looks for componentize-py where [`find_or_install`](Self::find_or_install) puts it, and changes nothing.
    ///
    /// # Errors
    /// When it is not there; the error says what would bring it.
    pub fn find(machine: &Machine) -> Result<Self, ToolchainError> {
        let folder = machine.tools.join(format!("componentize-py-{COMPONENTIZE}"));
        match machine.ask(folder.join("bin/componentize-py"), &["--version"]) {
            Some(version) if version.ends_with(COMPONENTIZE) => Ok(Self { version, folder }),
            _ if program(machine).is_none() => Err(ToolchainError::NoPython),
            _ => Err(ToolchainError::NoComponentize { folder }),
        }
    }

    /// Looks for it, and installs it when it is not there: a download of some 40 MB from PyPI, once.
    ///
    /// # Errors
    /// When there is no Python, or the virtual environment cannot be made.
    pub fn find_or_install(machine: &Machine) -> Result<Self, ToolchainError> {
        let Err(ToolchainError::NoComponentize { folder }) = Self::find(machine) else { return Self::find(machine) };
        let python = program(machine).ok_or(ToolchainError::NoPython)?;
        // What an earlier attempt left. A virtual environment knows its own place, so it cannot be made aside and moved.
        let place = folder.display().to_string();
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .map_err(|source| ToolchainError::Run { command: format!("rm -r {place}"), source })?;
        }
        machine.run(python, &["-m", "venv", &place])?;
        let pip = folder.join("bin/pip").display().to_string();
        let package = format!("componentize-py=={COMPONENTIZE}");
        machine.run(&pip, &["install", "--quiet", "--disable-pip-version-check", &package])?;
        Self::find(machine)
    }
}

impl PythonToolchain {
    /// componentize-py, to be given its options.
    pub fn componentize(&self) -> Command {
        Command::new(self.folder.join("bin/componentize-py"))
    }

    /// pip of the environment, to be told what to do.
    pub fn pip(&self) -> Command {
        Command::new(self.folder.join("bin/pip"))
    }
}

/// A Python that can make virtual environments.
pub(super) fn program(machine: &Machine) -> Option<&'static str> {
    let is_new = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
    ["python3", "python"].into_iter().find(|program| machine.ask(program, &["-c", is_new]).is_some())
}
