//! Python: built by componentize-py, which runs the project's modules once and makes a component of the state after it.

mod build;
mod dependencies;
mod error;
mod fuse;
mod generate;
mod reserved_names;
mod runtime_patch;
#[cfg(test)]
mod tests;
mod toolchain;

use include_dir::{Dir, include_dir};

pub use error::PythonBuildError;

use crate::config::Language;
use crate::language::python::reserved_names::RESERVED_NAMES;
use crate::language::python::toolchain::PythonToolchain;
use crate::language::sdk::SdkSource;
use crate::language::{
    BuiltComponent, GeneratedText, GuestLanguage, GuestProject, LanguageError, Machine, ProjectTemplate,
};

static TEMPLATE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/guest-sdk/templates/python");

static SDK: SdkSource =
    SdkSource { folder: ".okra/sdk/python", files: include_dir!("$CARGO_MANIFEST_DIR/guest-sdk/python/src") };

/// Python, built by componentize-py.
#[derive(Clone, Copy, Debug)]
pub struct PythonLanguage;

impl GuestLanguage for PythonLanguage {
    fn language(&self) -> Language {
        Language::Python
    }

    fn id(&self) -> &'static str {
        "python"
    }

    fn display_name(&self) -> &'static str {
        "Python"
    }

    fn template(&self) -> ProjectTemplate {
        ProjectTemplate { files: &TEMPLATE, source_path: "service.py" }
    }

    fn reserved_names(&self) -> &'static [&'static str] {
        RESERVED_NAMES
    }

    fn build_outputs(&self) -> &'static [&'static str] {
        &["target", "wit", "gen", "__pycache__"]
    }

    fn find_toolchain(&self, machine: &Machine) -> Result<String, LanguageError> {
        PythonToolchain::find(machine).map(|toolchain| toolchain.version).map_err(LanguageError::new)
    }

    fn install_toolchain(&self, machine: &Machine) -> Result<String, LanguageError> {
        PythonToolchain::find_or_install(machine).map(|toolchain| toolchain.version).map_err(LanguageError::new)
    }

    fn generate_files(&self, project: &GuestProject<'_>) -> Result<Vec<GeneratedText>, LanguageError> {
        Ok(generate::generate_files(project))
    }

    fn build_component(&self, project: &GuestProject<'_>) -> Result<BuiltComponent, LanguageError> {
        build::build_component(project).map_err(LanguageError::new)
    }
}
