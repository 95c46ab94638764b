use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use bytesize::ByteSize;
use clap::Args;
use miette::IntoDiagnostic as _;

use super::generate;
use crate::project;

/// `okra build`.
#[derive(Debug, Args)]
pub(super) struct Build {
    /// The project's folder.
    #[arg(default_value = ".")]
    project: PathBuf,
    /// Where to write the package. Default: target/okra/NAME.wasm in the project's folder.
    #[arg(short, long)]
    output: Option<PathBuf>,
}

impl Build {
    /// Builds, and tells where the package is.
    ///
    /// # Errors
    /// When the project is wrong or does not compile.
    pub(super) fn run(self, out: &mut impl Write) -> miette::Result<ExitCode> {
        let built = project::build(&self.project, self.output.as_deref())?;
        generate::print(&built.changes, false, out).into_diagnostic()?;
        writeln!(out, "{} ({})", built.path.display(), ByteSize(built.size)).into_diagnostic()?;
        Ok(ExitCode::SUCCESS)
    }
}
