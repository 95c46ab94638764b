//! Go: built by stock Go to a module of WASI preview 1, which becomes a component with an adapter of ours.

mod adapter;
mod bindings;
mod build;
mod error;
mod generate;
mod go_mod;
mod reserved_names;
mod start;
#[cfg(test)]
mod tests;
mod toolchain;
mod wide_exports;

use include_dir::{Dir, include_dir};

pub use error::GoBuildError;

use crate::config::Language;
use crate::language::go::reserved_names::RESERVED_NAMES;
use crate::language::go::toolchain::GoToolchain;
use crate::language::sdk::SdkSource;
use crate::language::{
    BuiltComponent, GeneratedText, GuestLanguage, GuestProject, LanguageError, Machine, ProjectTemplate,
};

static TEMPLATE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/guest-sdk/templates/go");

static SDK: SdkSource = SdkSource { folder: ".okra/sdk/go", files: include_dir!("$CARGO_MANIFEST_DIR/guest-sdk/go") };

/// Go, built by Go itself.
#[derive(Clone, Copy, Debug)]
pub struct GoLanguage;

impl GuestLanguage for GoLanguage {
    fn language(&self) -> Language {
        Language::Go
    }

    fn id(&self) -> &'static str {
        "go"
    }

    fn display_name(&self) -> &'static str {
        "Go"
    }

    fn template(&self) -> ProjectTemplate {
        ProjectTemplate { files: &TEMPLATE, source_path: "main.go" }
    }

    fn reserved_names(&self) -> &'static [&'static str] {
        RESERVED_NAMES
    }

    fn build_outputs(&self) -> &'static [&'static str] {
        &["target", "wit", "gen"]
    }

    fn find_toolchain(&self, machine: &Machine) -> Result<String, LanguageError> {
        GoToolchain::find(machine).map(|toolchain| toolchain.version).map_err(LanguageError::new)
    }

    fn install_toolchain(&self, machine: &Machine) -> Result<String, LanguageError> {
        GoToolchain::find_or_install(machine).map(|toolchain| toolchain.version).map_err(LanguageError::new)
    }

    fn generate_files(&self, project: &GuestProject<'_>) -> Result<Vec<GeneratedText>, LanguageError> {
        generate::generate_files(project).map_err(LanguageError::new)
    }

    fn build_component(&self, project: &GuestProject<'_>) -> Result<BuiltComponent, LanguageError> {
        build::build_component(project).map_err(LanguageError::new)
    }
}
