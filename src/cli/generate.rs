//! `okra generate`: brings the generated files of a project up to date, or checks them.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use miette::IntoDiagnostic as _;

use crate::project::{ChangeKind, FileChange, find_changes, generate_project};

/// `okra generate`.
#[derive(Debug, Args)]
pub(super) struct Generate {
    /// The project's folder.
    #[arg(default_value = ".")]
    project: PathBuf,
    /// Changes nothing, and fails if a file is not up to date.
    #[arg(long)]
    check: bool,
}

impl Generate {
    /// Generates the files, and prints the changes.
    ///
    /// # Errors
    /// If the project is not valid, or files cannot be written.
    pub(super) fn run(self, out: &mut impl Write) -> miette::Result<ExitCode> {
        let changes = if self.check { find_changes(&self.project)? } else { generate_project(&self.project)? };
        print_changes(&changes, self.check, out).into_diagnostic()?;
        if changes.is_empty() {
            writeln!(out, "all is up to date").into_diagnostic()?;
        }
        let is_behind = self.check && !changes.is_empty();
        Ok(if is_behind { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// Prints a line for each change, and one line for all changes of the SDK. `is_check` tells that the changes were not made.
pub(super) fn print_changes(changes: &[FileChange], is_check: bool, out: &mut impl Write) -> io::Result<()> {
    let (sdk, others): (Vec<_>, Vec<_>) = changes.iter().partition(|change| change.path.starts_with(".okra"));
    for change in others {
        let verb = match (change.kind, is_check) {
            (ChangeKind::Created, false) => "created",
            (ChangeKind::Updated, false) => "updated",
            (ChangeKind::Removed, false) => "removed",
            (ChangeKind::Created, true) => "missing",
            (ChangeKind::Updated, true) => "out of date",
            (ChangeKind::Removed, true) => "no longer needed",
        };
        writeln!(out, "{verb}: {}", change.path.display())?;
    }
    match (sdk.is_empty(), is_check) {
        (true, _) => Ok(()),
        (false, false) => writeln!(out, "updated: the SDK in .okra/sdk"),
        (false, true) => writeln!(out, "out of date: the SDK in .okra/sdk"),
    }
}
