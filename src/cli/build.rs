//! `okra build`: builds a project's package, and prints its path.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use bytesize::ByteSize;
use clap::Args;
use miette::IntoDiagnostic as _;

use crate::cli::generate::print_changes;
use crate::project::build_project;

/// `okra build`.
#[derive(Debug, Args)]
pub(super) struct Build {
    /// The project's folder.
    #[arg(default_value = ".")]
    project: PathBuf,
    /// Path of the package. Default: target/okra/NAME.wasm in the project's folder.
    #[arg(short, long)]
    output: Option<PathBuf>,
}

impl Build {
    /// Builds the package, and prints the generated files, the path and the size.
    ///
    /// # Errors
    /// If the project is not valid or does not compile.
    pub(super) fn run(self, out: &mut impl Write) -> miette::Result<ExitCode> {
        let package = build_project(&self.project, self.output.as_deref())?;
        print_changes(&package.changes, false, out).into_diagnostic()?;
        let stages: Vec<String> =
            package.stages.iter().map(|stage| format!("{} {:.2} s", stage.name, stage.elapsed.as_secs_f64())).collect();
        if let Some(reason) = &package.start_reason {
            let note = "note: each instance runs the start of the component, because there is no snapshot of it";
            writeln!(io::stderr(), "{note}: {reason}").into_diagnostic()?;
        }
        // Programs read the path from stdout.
        writeln!(io::stderr(), "{}", stages.join(", ")).into_diagnostic()?;
        writeln!(out, "{} ({})", package.path.display(), ByteSize(package.size_bytes)).into_diagnostic()?;
        Ok(ExitCode::SUCCESS)
    }
}
