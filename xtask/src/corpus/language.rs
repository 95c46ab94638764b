//! The languages of guests, and the projects in which the corpus is put through OKRA.

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use miette::{Context as _, IntoDiagnostic as _};

use crate::corpus::sources::ProtoInput;

/// A language of guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GuestLanguage {
    Rust,
    Go,
    Python,
}

pub(crate) const LANGUAGES: [GuestLanguage; 3] = [GuestLanguage::Rust, GuestLanguage::Go, GuestLanguage::Python];

impl GuestLanguage {
    /// Returns its name in okra.toml.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Go => "go",
            Self::Python => "python",
        }
    }

    /// Returns the path of the file with the handlers in a project.
    pub(crate) fn handler_file(self) -> &'static str {
        match self {
            Self::Rust => "src/lib.rs",
            Self::Go => "main.go",
            Self::Python => "service.py",
        }
    }
}

const CARGO_TOML: &str = r#"[package]
name = "corpus"
version = "0.1.0"
edition = "2024"

[lib]
crate-type = ["cdylib"]

[dependencies]
okra-guest = { path = ".okra/sdk/rust" }

[profile.release]
panic = "abort"

[workspace]
"#;

const GO_MOD: &str = "module corpus\n\ngo 1.25\n\nrequire okra v0.1.0\n\nreplace okra => ./.okra/sdk/go\n";

/// A project that serves services of the corpus; its name is `corpus`.
pub(crate) struct CorpusProject {
    pub(crate) folder: PathBuf,
    pub(crate) language: GuestLanguage,
}

impl CorpusProject {
    /// Writes the files of a project that `okra generate` does not, without a handler, into an empty folder.
    pub(crate) fn create(
        folder: PathBuf,
        language: GuestLanguage,
        input: &ProtoInput,
        services: &[&str],
    ) -> miette::Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(&folder).into_diagnostic()?;
        }
        fs::create_dir_all(&folder).into_diagnostic()?;
        let input = match input {
            // As JSON, paths and names are written as TOML has them.
            ProtoInput::Roots(roots) => format!("include = {}", serde_json::to_string(roots).into_diagnostic()?),
            ProtoInput::Descriptors(file) => {
                format!("descriptors = {}", serde_json::to_string(file).into_diagnostic()?)
            }
        };
        let serves = serde_json::to_string(services).into_diagnostic()?;
        let project = Self { folder, language };
        project.write(
            "okra.toml",
            &format!(
                "name = \"corpus\"\nversion = \"0.1.0\"\nlanguage = \"{}\"\n\n[proto]\n{input}\nserves = {serves}\n\n\
                 [run]\nmemory = \"512MiB\"\ncpu = \"60s\"\ndeadline = \"120s\"\n",
                language.name()
            ),
        )?;
        match language {
            GuestLanguage::Rust => {
                project.write("Cargo.toml", CARGO_TOML)?;
                project.write("src/lib.rs", "okra_guest::generate!();\n")?;
            }
            GuestLanguage::Go => project.write("go.mod", GO_MOD)?,
            GuestLanguage::Python => {}
        }
        Ok(project)
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, path: &str, text: &str) -> miette::Result<()> {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(&self.folder)).into_diagnostic()?;
        fs::write(&path, text).into_diagnostic().wrap_err_with(|| format!("cannot write {}", path.display()))
    }

    /// Returns the path of the package that `okra build` makes.
    pub(crate) fn package(&self) -> PathBuf {
        self.folder.join("target/okra/corpus.wasm")
    }

    /// Returns the generated files whose text contains `text`, with their paths below the project.
    pub(crate) fn find_generated(&self, text: &str) -> miette::Result<Vec<(PathBuf, String)>> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.join("gen")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_diagnostic()? {
                let path = entry.into_diagnostic()?.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let content = fs::read_to_string(&path).into_diagnostic()?;
                if content.contains(text) {
                    let below = path.strip_prefix(&self.folder).map(Path::to_owned).into_diagnostic()?;
                    found.push((below, content));
                }
            }
        }
        found.sort();
        Ok(found)
    }
}
