//! The errors of projects in Go, and of the toolchain that they need.

use std::path::PathBuf;
use std::process::ExitStatus;

use crate::language::go::toolchain::{INSTALLED_VERSION, OLDEST_VERSION};
use crate::language::{CommandError, FileError, ToolchainError};

/// The reason why a project in Go cannot be built.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum GoBuildError {
    /// Go is not installed.
    #[error("there is no `go` on the PATH")]
    #[diagnostic(
        code(okra::go::not_installed),
        help(
            "run `okra doctor --fix`, which installs Go {INSTALLED_VERSION} from PyPI in a folder of its own, or install \
             Go {OLDEST_VERSION} or later from https://go.dev/dl"
        )
    )]
    NoGo,
    /// The installed Go is too old to make components.
    #[error("{go} cannot make components: Go {OLDEST_VERSION} or later is needed")]
    #[diagnostic(
        code(okra::go::too_old),
        help(
            "run `okra doctor --fix`, which installs Go {INSTALLED_VERSION} from PyPI beside it, or install a newer one \
             from https://go.dev/dl"
        )
    )]
    OldGo {
        /// The version of the installed Go.
        go: String,
    },
    /// The installation of Go did not succeed.
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
    /// The project has no `go.mod`, or no module path is in it.
    #[error("no go.mod with the path of a module in {}", folder.display())]
    #[diagnostic(
        code(okra::go::no_go_mod),
        help("`language = \"go\"` is built by Go; `okra new NAME --lang go` writes a project with one")
    )]
    NoGoMod {
        /// The project's folder.
        folder: PathBuf,
    },
    /// `go build` failed. It has written the reason to stderr.
    #[error("go could not build {}: {status}", folder.display())]
    #[diagnostic(code(okra::go::build))]
    Go {
        /// The project's folder.
        folder: PathBuf,
        /// The exit status of `go build`.
        status: ExitStatus,
    },
    /// The module that Go has built cannot become a component.
    #[error("cannot make a component of what go built of {}: {reason}", folder.display())]
    #[diagnostic(code(okra::go::component))]
    GoComponent {
        /// The project's folder.
        folder: PathBuf,
        /// The reason.
        reason: String,
    },
}
