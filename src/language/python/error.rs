//! The errors of projects in Python, and of the toolchain that they need.

use std::path::PathBuf;

use crate::language::python::toolchain::COMPONENTIZE_VERSION;
use crate::language::{CommandError, FileError, ToolchainError};

/// The reason why a project in Python cannot be built.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum PythonBuildError {
    /// componentize-py is not installed.
    #[error("componentize-py {COMPONENTIZE_VERSION} is not installed in {}", folder.display())]
    #[diagnostic(
        code(okra::python::not_installed),
        help(
            "run `okra doctor --fix`, which installs it there from PyPI, by pip, in a virtual environment of its own"
        )
    )]
    NoComponentize {
        /// The virtual environment in which it is looked for.
        folder: PathBuf,
    },
    /// Python is missing, or the installation of componentize-py did not succeed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Toolchain(#[from] ToolchainError),
    /// A command of the toolchain did not succeed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Command(#[from] CommandError),
    /// A file of the project cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(#[from] FileError),
    /// The project has no `service.py`.
    #[error("no service.py in {}", folder.display())]
    #[diagnostic(
        code(okra::python::no_service_file),
        help(
            "a project in Python exports its services from it; `okra new NAME --lang python` writes a project with one"
        )
    )]
    NoServiceFile {
        /// The project's folder.
        folder: PathBuf,
    },
    /// A dependency has native code.
    #[error("{packages}: has native code, which a component in Python cannot run")]
    #[diagnostic(
        code(okra::python::native_dependency),
        help(
            "replace it by a package without native code in requirements.txt or pyproject.toml in {}",
            folder.display()
        )
    )]
    NativeDependency {
        /// The project's folder.
        folder: PathBuf,
        /// The packages, separated by commas.
        packages: String,
    },
    /// The project's `pyproject.toml` is not valid TOML.
    #[error("cannot read {}: {reason}", path.display())]
    #[diagnostic(code(okra::python::pyproject))]
    PyprojectToml {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// componentize-py, or a module of the project that it ran, failed.
    #[error("componentize-py could not build {}\n{traceback}", folder.display())]
    #[diagnostic(code(okra::python::componentize))]
    Componentize {
        /// The project's folder.
        folder: PathBuf,
        /// The message of Python.
        traceback: String,
    },
    /// The result of componentize-py has no runtime that can be patched.
    #[error("cannot read the component {}: {reason}", path.display())]
    #[diagnostic(code(okra::python::component))]
    Component {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
}
