//! The errors of projects. The errors of a language are in [`LanguageError`].

use std::path::PathBuf;

use okra_codegen::compile::CompileError;
use okra_codegen::mapping::SchemaError;

use crate::config::{ConfigError, ServiceName};
use crate::language::{FileError, LanguageError};
use crate::package::PackageError;

/// The reason why a project cannot be created, generated or built.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum ProjectError {
    /// Its `okra.toml` is not valid.
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
    /// The selected descriptors, those of its services, are not complete.
    #[error("cannot take the descriptors of the project's services from those of its .proto files")]
    #[diagnostic(code(okra::project::descriptors))]
    Descriptors(#[source] Box<prost_reflect::DescriptorError>),
    /// A file of the descriptors whose methods cannot be given the HTTP rules of `okra.toml`.
    #[error("the options of the methods in {file} cannot be read, so they cannot be given HTTP rules")]
    DescriptorOptions {
        /// The file.
        file: String,
    },
    /// Its language cannot generate its files or compile it.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Language(#[from] LanguageError),
    /// A file or folder cannot be read or written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(#[from] FileError),
    /// The component cannot be packed.
    #[error("cannot package {}", component.display())]
    #[diagnostic(code(okra::project::package))]
    Package {
        /// The component.
        component: PathBuf,
        /// The reason.
        #[source]
        #[diagnostic_source]
        source: PackageError,
    },
    /// A file or folder with the name of a new project exists.
    #[error("{} is there already", path.display())]
    #[diagnostic(code(okra::project::exists), help("choose another name, or remove it first"))]
    Exists {
        /// The path of it.
        path: PathBuf,
    },
    /// The name of a new project is a reserved name of its language.
    #[error("`{name}` cannot be the name of a {language} project: it means something in {language} already")]
    #[diagnostic(code(okra::project::name), help("choose another, such as `{name}-service`"))]
    ReservedName {
        /// The name.
        name: String,
        /// The language.
        language: &'static str,
    },
    /// The built file cannot be read as a component.
    #[error("cannot read the component {}: {reason}", path.display())]
    #[diagnostic(code(okra::project::component))]
    Component {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The component does not export a service that is in `serves` or `raw` of `okra.toml`.
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
