//! componentize-py, which makes components of projects in Python: how it is found and installed.

use std::path::PathBuf;
use std::process::Command;

use crate::language::Machine;
use crate::language::python::PythonBuildError;
use crate::language::toolchain::{find_python, install_from_pypi};

/// The version of componentize-py. The generated code and the patch of its runtime depend on it.
pub(super) const COMPONENTIZE_VERSION: &str = "0.25.1";

/// A Python with componentize-py, in a virtual environment that OKRA has made.
#[derive(Clone, Debug)]
pub(super) struct PythonToolchain {
    /// The output of `componentize-py --version`, such as `componentize-py 0.25.1`.
    pub(super) version: String,
    /// The virtual environment.
    pub(super) folder: PathBuf,
}

impl PythonToolchain {
    /// Looks for componentize-py where [`find_or_install`](Self::find_or_install) puts it, and changes nothing.
    ///
    /// # Errors
    /// If it is missing. The help of the error says what installs it.
    pub(super) fn find(machine: &Machine) -> Result<Self, PythonBuildError> {
        let folder = machine.tools.join(format!("componentize-py-{COMPONENTIZE_VERSION}"));
        match machine.read_output(folder.join("bin/componentize-py"), &["--version"]) {
            Some(version) if version.ends_with(COMPONENTIZE_VERSION) => Ok(Self { version, folder }),
            _ => {
                find_python(machine)?;
                Err(PythonBuildError::NoComponentize { folder })
            }
        }
    }

    /// Looks for componentize-py, and installs it if it is missing: a download of 40 MB from PyPI, once.
    ///
    /// # Errors
    /// If there is no Python, or componentize-py cannot be installed.
    pub(super) fn find_or_install(machine: &Machine) -> Result<Self, PythonBuildError> {
        match Self::find(machine) {
            Err(PythonBuildError::NoComponentize { folder }) => {
                install_from_pypi(machine, &folder, &format!("componentize-py=={COMPONENTIZE_VERSION}"))?;
                Self::find(machine)
            }
            result => result,
        }
    }

    /// Returns the command `componentize-py`, without arguments.
    pub(super) fn componentize(&self) -> Command {
        Command::new(self.folder.join("bin/componentize-py"))
    }

    /// Returns the command `python` of the environment, without arguments.
    pub(super) fn python(&self) -> Command {
        Command::new(self.folder.join("bin/python"))
    }

    /// Returns the command `pip` of the environment, without arguments. Markers of requirements are evaluated for the Python in
    /// components, not for the one that runs pip.
    pub(super) fn pip(&self) -> Command {
        let mut command = self.python();
        command.args(["-c", include_str!("pip_for_target.py")]);
        command
    }
}
