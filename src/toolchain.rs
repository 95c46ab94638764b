//! The compilers that make components of a project's sources: which are there, and how the missing ones come.

mod debian;
mod machine;
mod rust;

pub use machine::Machine;
pub use rust::{Origin, RustToolchain};

use std::io;

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
