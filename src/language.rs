//! The languages that services are written in: one trait, [`GuestLanguage`], and one list, [`LANGUAGES`].
//!
//! Everything that differs by language is behind the trait: the template of `okra new`, the toolchain, the files that are
//! generated, the compiler. A language is a file and a folder here, a line in the list and a variant of
//! [`config::Language`](Language). What is the same for all languages, such as the WIT of a project and its package, is in
//! [`project`](crate::project).

mod error;
#[cfg(test)]
mod fake_machine;
mod go;
mod machine;
mod python;
mod rust;
mod sdk;
mod toolchain;
pub(crate) mod wasm_sections;

use std::fmt;
use std::path::{Path, PathBuf};

use include_dir::Dir;
use okra_codegen::schema::Schema;
use okra_codegen::wit::World;

pub use error::{FileError, LanguageError};
pub use go::{GoBuildError, GoLanguage};
pub use machine::{CommandError, Machine};
pub use python::{PythonBuildError, PythonLanguage};
pub use rust::{RustBuildError, RustLanguage};
pub use toolchain::ToolchainError;

use crate::config::Language;

/// The languages, in the order in which users see them.
pub const LANGUAGES: [&dyn GuestLanguage; 3] = [&RustLanguage, &GoLanguage, &PythonLanguage];

/// A language that OKRA makes components from.
pub trait GuestLanguage: fmt::Debug + Send + Sync {
    /// Returns the value of `language` in `okra.toml`.
    fn language(&self) -> Language;

    /// Returns the name on the command line, which is the text of [`language`](Self::language) in `okra.toml`.
    fn id(&self) -> &'static str;

    /// Returns the name in messages, such as `Rust`.
    fn display_name(&self) -> &'static str;

    /// Returns the template of `okra new`.
    fn template(&self) -> ProjectTemplate;

    /// Returns the names that a project cannot have, because they have a meaning in the language.
    fn reserved_names(&self) -> &'static [&'static str];

    /// Returns the names of the files and folders in a project that are made by OKRA or by the language's tools. They are not
    /// sources: a package does not become stale when they change.
    fn build_outputs(&self) -> &'static [&'static str];

    /// Looks for the toolchain, and changes nothing. Returns a description of it for `okra doctor`.
    ///
    /// # Errors
    /// If it is missing or too old. The help of the error says what installs it.
    fn find_toolchain(&self, machine: &Machine) -> Result<String, LanguageError>;

    /// Looks for the toolchain, and installs it if it is missing. Returns a description of it for `okra doctor --fix`.
    ///
    /// # Errors
    /// If it is missing and cannot be installed.
    fn install_toolchain(&self, machine: &Machine) -> Result<String, LanguageError>;

    /// Returns the files that are generated beside the WIT, by their paths in the project: stubs, and the SDK.
    ///
    /// # Errors
    /// If a file that the project needs, such as its `Cargo.toml`, is missing or cannot be read.
    fn generate_files(&self, project: &GuestProject<'_>) -> Result<Vec<GeneratedText>, LanguageError>;

    /// Compiles the project's sources to a component. Everything that is generated is up to date when this is called. The
    /// compiler's messages go to stderr.
    ///
    /// # Errors
    /// If the toolchain is missing, or the sources do not compile.
    fn build_component(&self, project: &GuestProject<'_>) -> Result<BuiltComponent, LanguageError>;
}

/// The path of a generated file in its project, and its text.
pub type GeneratedText = (PathBuf, Vec<u8>);

/// A project as its language sees it: the folder, and its services.
#[derive(Clone, Copy, Debug)]
pub struct GuestProject<'a> {
    /// The folder with the `okra.toml`.
    pub folder: &'a Path,
    /// The services in WIT.
    pub schema: &'a Schema,
    /// Which services are served and which are called. Its name is the project's.
    pub world: &'a World,
}

/// The project that `okra new` writes.
#[derive(Clone, Copy, Debug)]
pub struct ProjectTemplate {
    /// The files, with placeholders in their paths and texts.
    pub files: &'static Dir<'static>,
    /// The file with the service, for the message of `okra new`.
    pub source_path: &'static str,
}

/// A component that a compiler has made.
#[derive(Clone, Debug)]
pub struct BuiltComponent {
    /// The file that messages about the component name.
    pub path: PathBuf,
    /// The component.
    pub bytes: Vec<u8>,
    /// Whether its start may be run once, when the package is built, and instances begin behind it.
    pub start: ComponentStart,
    /// Files and folders outside of the project that it was made of. `None` if that cannot be told: then the next build
    /// compiles, whatever has changed.
    pub outside: Option<Vec<PathBuf>>,
}

/// The start of a component: the code that runs when an instance is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComponentStart {
    /// Each instance must run it.
    OfInstance,
    /// It may be run once for all instances, unless it asks for what differs from instance to instance.
    Once,
    /// The same, and run again behind that, it takes the place of the random numbers of eight bytes that it has drawn.
    Reseeds {
        /// The most numbers that it draws.
        numbers: u32,
    },
}

/// Returns the language of an `okra.toml`, or none for a component that was built elsewhere.
pub fn find_language(language: Language) -> Option<&'static dyn GuestLanguage> {
    LANGUAGES.into_iter().find(|guest_language| guest_language.language() == language)
}

/// Returns the language with this name on the command line.
pub fn find_language_by_id(id: &str) -> Option<&'static dyn GuestLanguage> {
    LANGUAGES.into_iter().find(|guest_language| guest_language.id() == id)
}

#[cfg(test)]
mod tests;
