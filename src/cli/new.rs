use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use miette::IntoDiagnostic as _;

use crate::config::Name;
use crate::project::{self, Template};

/// `okra new`.
#[derive(Debug, Args)]
pub(super) struct New {
    /// Name of the project and of its folder, in kebab case.
    #[arg(value_parser = |name: &str| Name::new(name))]
    name: Name,
    /// What the service is written in.
    #[arg(long, value_enum)]
    lang: Template,
}

impl New {
    /// Writes the project.
    ///
    /// # Errors
    /// When there is something of that name already, or it cannot be written.
    pub(super) fn run(self, out: &mut impl Write) -> miette::Result<ExitCode> {
        let (name, source) = (&self.name, self.lang.source());
        project::new(Path::new(""), name, self.lang)?;
        writeln!(out, "made {name}/: the service is in {name}/{source}, its messages are in {name}/proto/")
            .into_diagnostic()?;
        writeln!(out, "next: okra serve {name}").into_diagnostic()?;
        Ok(ExitCode::SUCCESS)
    }
}
