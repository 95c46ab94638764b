//! `okra new`: writes a project by the template of its language.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use miette::IntoDiagnostic as _;

use crate::cli::language::language_parser;
use crate::config::Name;
use crate::language::GuestLanguage;
use crate::project::create_project;

/// `okra new`.
#[derive(Debug, Args)]
pub(super) struct New {
    /// Name of the project and of its folder, in kebab case.
    #[arg(value_parser = |name: &str| Name::new(name))]
    name: Name,
    /// Language of the service.
    #[arg(long = "lang", value_name = "LANG", value_parser = language_parser())]
    language: &'static dyn GuestLanguage,
}

impl New {
    /// Writes the project.
    ///
    /// # Errors
    /// If a file or folder of that name exists, or the project cannot be written.
    pub(super) fn run(self, out: &mut impl Write) -> miette::Result<ExitCode> {
        let (name, source_path) = (&self.name, self.language.template().source_path);
        create_project(Path::new(""), name, self.language)?;
        writeln!(out, "made {name}/: the service is in {name}/{source_path}, its messages are in {name}/proto/")
            .into_diagnostic()?;
        writeln!(out, "next: okra serve {name}").into_diagnostic()?;
        Ok(ExitCode::SUCCESS)
    }
}
