//! The errors of projects in Rust, and of the toolchain that they need.

use std::path::PathBuf;
use std::process::ExitStatus;

use crate::language::rust::toolchain::TARGET;
use crate::language::{CommandError, FileError};

/// The reason why a project in Rust cannot be built.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum RustBuildError {
    /// Rust is not installed.
    #[error("there is no `{program}` on the PATH")]
    #[diagnostic(
        code(okra::rust::not_installed),
        help("install Rust as https://rustup.rs says: `curl https://sh.rustup.rs -sSf | sh`")
    )]
    NoRust {
        /// The missing program.
        program: &'static str,
    },
    /// Rust is installed, and its target for components is not.
    #[error("{rust} cannot compile for {TARGET}")]
    #[diagnostic(code(okra::rust::no_target))]
    NoTarget {
        /// The version of the installed Rust.
        rust: String,
        /// The commands that install the target.
        #[help]
        remedy: String,
    },
    /// A command of the toolchain did not succeed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Command(#[from] CommandError),
    /// A file of the project cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(#[from] FileError),
    /// The project has no `Cargo.toml`.
    #[error("no Cargo.toml in {}", folder.display())]
    #[diagnostic(
        code(okra::rust::no_cargo_toml),
        help("`language = \"rust\"` is built by cargo; `okra new NAME --lang rust` writes a project with one")
    )]
    NoCargoToml {
        /// The project's folder.
        folder: PathBuf,
    },
    /// cargo failed. It has written the reason to stderr.
    #[error("cargo could not build {}: {status}", folder.display())]
    #[diagnostic(code(okra::rust::cargo))]
    Cargo {
        /// The project's folder.
        folder: PathBuf,
        /// The exit status of cargo.
        status: ExitStatus,
    },
    /// cargo built the project, and none of its artifacts is a component.
    #[error("cargo made no component of {}", folder.display())]
    #[diagnostic(
        code(okra::rust::no_component),
        help("its Cargo.toml needs a library that is one: `[lib]` with `crate-type = [\"cdylib\"]`")
    )]
    NoComponent {
        /// The project's folder.
        folder: PathBuf,
    },
}
