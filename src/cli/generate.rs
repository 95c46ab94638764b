use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use miette::IntoDiagnostic as _;

use crate::project::{self, Change, ChangeKind};

/// `okra generate`.
#[derive(Debug, Args)]
pub(super) struct Generate {
    /// The project's folder.
    #[arg(default_value = ".")]
    project: PathBuf,
    /// Change nothing; fail when something is not up to date.
    #[arg(long)]
    check: bool,
}

impl Generate {
    /// Generates, and tells what changed.
    ///
    /// # Errors
    /// When the project is wrong, or files cannot be written.
    pub(super) fn run(self, out: &mut impl Write) -> miette::Result<ExitCode> {
        let changes = if self.check { project::changes(&self.project)? } else { project::generate(&self.project)? };
        print(&changes, self.check, out).into_diagnostic()?;
        if changes.is_empty() {
            writeln!(out, "all is up to date").into_diagnostic()?;
        }
        let is_behind = self.check && !changes.is_empty();
        Ok(if is_behind { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// A line for each change, made or to be made; one for all of the SDK's.
pub(super) fn print(changes: &[Change], to_be_made: bool, out: &mut impl Write) -> io::Result<()> {
    let (sdk, others): (Vec<_>, Vec<_>) = changes.iter().partition(|change| change.path.starts_with(".okra"));
    for change in others {
        let verb = match (change.kind, to_be_made) {
            (ChangeKind::Created, false) => "created",
            (ChangeKind::Updated, false) => "updated",
            (ChangeKind::Removed, false) => "removed",
            (ChangeKind::Created, true) => "missing",
            (ChangeKind::Updated, true) => "out of date",
            (ChangeKind::Removed, true) => "no longer needed",
        };
        writeln!(out, "{verb}: {}", change.path.display())?;
    }
    match (sdk.is_empty(), to_be_made) {
        (true, _) => Ok(()),
        (false, false) => writeln!(out, "updated: the SDK in .okra/sdk"),
        (false, true) => writeln!(out, "out of date: the SDK in .okra/sdk"),
    }
}
