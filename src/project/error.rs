use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use okra_codegen::compile::CompileError;
use okra_codegen::mapping::SchemaError;

use crate::config::{ConfigError, ServiceName};
use crate::package::PackageError;
use crate::toolchain::ToolchainError;

/// Why something could not be done with a project.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum ProjectError {
    /// Its `okra.toml` is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Config(#[from] ConfigError),
    /// Its `.proto` files do not compile.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Compile(#[from] CompileError),
    /// Its services cannot be mapped to WIT.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Schema(#[from] SchemaError),
    /// The descriptors of its services, taken from those of all its `.proto` files, are not complete.
    #[error("cannot take the descriptors of the project's services from those of its .proto files")]
    #[diagnostic(code(okra::project::descriptors))]
    Descriptors(#[source] Box<prost_reflect::DescriptorError>),
    /// There is no compiler for it.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Toolchain(#[from] ToolchainError),
    /// The component cannot be packed.
    #[error("cannot package {}", component.display())]
    #[diagnostic(code(okra::project::package))]
    Package {
        /// The component.
        component: PathBuf,
        /// Why.
        #[source]
        #[diagnostic_source]
        source: PackageError,
    },
    /// A file or folder cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    #[diagnostic(code(okra::project::io))]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A new project would have to overwrite something.
    #[error("{} is there already", path.display())]
    #[diagnostic(code(okra::project::exists), help("choose another name, or remove it first"))]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// A name that is fine for a project, but not for one in its language.
    #[error("`{name}` cannot be the name of a {language} project: it means something in {language} already")]
    #[diagnostic(code(okra::project::name), help("choose another, such as `{name}-service`"))]
    TakenName {
        /// The name.
        name: String,
        /// The language.
        language: &'static str,
    },
    /// The project is in Python and has no `service.py`.
    #[error("no service.py in {}", folder.display())]
    #[diagnostic(
        code(okra::project::no_entry),
        help("a project in Python exports its services from it; `okra new NAME --lang python` shows how")
    )]
    NoEntry {
        /// The project's folder.
        folder: PathBuf,
    },
    /// A dependency in Python cannot run in a component.
    #[error("{names}: has native code, which a component in Python cannot run")]
    #[diagnostic(
        code(okra::project::native_dependency),
        help("take a package that is Python alone in its place, out of requirements.txt or pyproject.toml in {}", folder.display())
    )]
    NativeDependency {
        /// The project's folder.
        folder: PathBuf,
        /// The packages.
        names: String,
    },
    /// The project's `pyproject.toml` is no TOML.
    #[error("cannot read {}: {reason}", path.display())]
    #[diagnostic(code(okra::project::pyproject))]
    PyprojectToml {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// componentize-py, or the project's own modules, did not come to an end.
    #[error("componentize-py could not build {}\n{said}", folder.display())]
    #[diagnostic(code(okra::project::componentize))]
    Componentize {
        /// The project's folder.
        folder: PathBuf,
        /// What went wrong, in Python's words.
        said: String,
    },
    /// The project is in Rust and has no `Cargo.toml`.
    #[error("no Cargo.toml in {}", folder.display())]
    #[diagnostic(
        code(okra::project::no_cargo_toml),
        help("`language = \"rust\"` is built by cargo; `okra new NAME --lang rust` shows what belongs into it")
    )]
    NoCargoToml {
        /// The project's folder.
        folder: PathBuf,
    },
    /// The compiler did not like the project's sources; it has said why itself.
    #[error("cargo could not build {}: {status}", folder.display())]
    #[diagnostic(code(okra::project::cargo))]
    Cargo {
        /// The project's folder.
        folder: PathBuf,
        /// How cargo ended.
        status: ExitStatus,
    },
    /// cargo built something else.
    #[error("cargo made no component of {}", folder.display())]
    #[diagnostic(
        code(okra::project::no_component),
        help("its Cargo.toml needs a library that is one: `[lib]` with `crate-type = [\"cdylib\"]`")
    )]
    NoComponent {
        /// The project's folder.
        folder: PathBuf,
    },
    /// The project is in Go and has no `go.mod`.
    #[error("no go.mod with the path of a module in {}", folder.display())]
    #[diagnostic(
        code(okra::project::no_go_mod),
        help("`language = \"go\"` is built by Go; `okra new NAME --lang go` shows what belongs into it")
    )]
    NoGoMod {
        /// The project's folder.
        folder: PathBuf,
    },
    /// Go did not like the project's sources; it has said why itself.
    #[error("go could not build {}: {status}", folder.display())]
    #[diagnostic(code(okra::project::go))]
    Go {
        /// The project's folder.
        folder: PathBuf,
        /// How it ended.
        status: ExitStatus,
    },
    /// No component can be made of what Go has built.
    #[error("cannot make a component of what go built of {}: {reason}", folder.display())]
    #[diagnostic(code(okra::project::go_component))]
    GoComponent {
        /// The project's folder.
        folder: PathBuf,
        /// Why.
        reason: String,
    },
    /// What should be a component cannot be read as one.
    #[error("cannot read the component {}: {reason}", path.display())]
    #[diagnostic(code(okra::project::component))]
    Component {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The component lacks a service that okra.toml says it serves.
    #[error("the component does not export `{interface}`, by which service `{service}` is served")]
    #[diagnostic(
        code(okra::project::not_exported),
        help(
            "build it against the WIT that `okra generate` writes; in Rust, implement the service's trait and name the \
             type in `okra_guest::export!`"
        )
    )]
    NotExported {
        /// The interface that is missing.
        interface: String,
        /// The service.
        service: ServiceName,
    },
}

impl ProjectError {
    /// For `map_err`: what was tried with which file.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}
