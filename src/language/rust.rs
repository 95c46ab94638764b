//! Rust: built by cargo for `wasm32-wasip2`. A macro of the SDK makes types of the WIT at compile time; what it cannot know is
//! generated beside the WIT.

mod build;
mod debian;
mod error;
mod generate;
mod reserved_names;
#[cfg(test)]
mod tests;
mod toolchain;

use include_dir::{Dir, include_dir};

pub use error::RustBuildError;

use crate::config::Language;
use crate::language::rust::reserved_names::RESERVED_NAMES;
use crate::language::rust::toolchain::RustToolchain;
use crate::language::sdk::SdkSource;
use crate::language::{
    BuiltComponent, GeneratedText, GuestLanguage, GuestProject, LanguageError, Machine, ProjectTemplate,
};

static TEMPLATE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/guest-sdk/templates/rust");

static SDK: SdkSource =
    SdkSource { folder: ".okra/sdk/rust", files: include_dir!("$CARGO_MANIFEST_DIR/guest-sdk/rust") };

/// Rust, built by cargo.
#[derive(Clone, Copy, Debug)]
pub struct RustLanguage;

impl GuestLanguage for RustLanguage {
    fn language(&self) -> Language {
        Language::Rust
    }

    fn id(&self) -> &'static str {
        "rust"
    }

    fn display_name(&self) -> &'static str {
        "Rust"
    }

    fn template(&self) -> ProjectTemplate {
        ProjectTemplate { files: &TEMPLATE, source_path: "src/lib.rs" }
    }

    fn reserved_names(&self) -> &'static [&'static str] {
        RESERVED_NAMES
    }

    fn build_outputs(&self) -> &'static [&'static str] {
        &["target", "wit", "Cargo.lock"]
    }

    fn find_toolchain(&self, machine: &Machine) -> Result<String, LanguageError> {
        RustToolchain::find(machine).map(|toolchain| toolchain.describe()).map_err(LanguageError::new)
    }

    fn install_toolchain(&self, machine: &Machine) -> Result<String, LanguageError> {
        RustToolchain::find_or_install(machine).map(|toolchain| toolchain.describe()).map_err(LanguageError::new)
    }

    fn generate_files(&self, project: &GuestProject<'_>) -> Result<Vec<GeneratedText>, LanguageError> {
        generate::generate_files(project).map_err(LanguageError::new)
    }

    fn build_component(&self, project: &GuestProject<'_>) -> Result<BuiltComponent, LanguageError> {
        build::build_component(project).map_err(LanguageError::new)
    }
}
