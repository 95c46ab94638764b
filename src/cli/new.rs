use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use miette::IntoDiagnostic as _;

use crate::config::Name;
use crate::project;

/// `okra new`.
#[derive(Debug, Args)]
pub(super) struct New {
    /// Name of the project and of its folder, in kebab case.
    #[arg(value_parser = |name: &str| Name::new(name))]
    name: Name,
    /// What the service is written in.
    #[arg(long, value_enum)]
    lang: Lang,
}

/// Languages that there is a template for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Lang {
    Rust,
}

impl New {
    /// Writes the project.
    ///
    /// # Errors
    /// When there is something of that name already, or it cannot be written.
    pub(super) fn run(self, out: &mut impl Write) -> miette::Result<ExitCode> {
        let Lang::Rust = self.lang;
        let name = &self.name;
        project::new(Path::new(""), name)?;
        writeln!(out, "made {name}/: the service is in {name}/src/lib.rs, its messages are in {name}/proto/")
            .into_diagnostic()?;
        writeln!(out, "next: okra serve {name}").into_diagnostic()?;
        Ok(ExitCode::SUCCESS)
    }
}
