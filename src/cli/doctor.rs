//! `okra doctor`: the toolchains of the languages, found or installed.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use miette::{Diagnostic as _, IntoDiagnostic as _};

use crate::cli::language::language_parser;
use crate::language::{GuestLanguage, LANGUAGES, Machine};

/// `okra doctor`.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Languages to look at. Default: all.
    #[arg(value_name = "LANGUAGE", value_parser = language_parser())]
    languages: Vec<&'static dyn GuestLanguage>,
    /// Installs missing toolchains: a Rust target by rustup or, if that cannot and the user is root, by apt-get; Go and
    /// componentize-py by pip, each in a virtual environment of its own.
    #[arg(long)]
    fix: bool,
}

impl Doctor {
    /// Looks for the toolchains, installs missing ones with `--fix`, and prints a line for each. The exit code is a failure if a
    /// toolchain is missing in the end.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub(super) fn run(self, out: &mut impl Write) -> miette::Result<ExitCode> {
        let machine = Machine::here(Path::new("."));
        let mut all_ready = true;
        for language in LANGUAGES {
            let id = language.id();
            if !self.languages.is_empty() && !self.languages.iter().any(|selected| selected.id() == id) {
                continue;
            }
            let toolchain = match self.fix {
                true => language.install_toolchain(&machine),
                false => language.find_toolchain(&machine),
            };
            match toolchain {
                Ok(description) => writeln!(out, "{id}: ready ({description})").into_diagnostic()?,
                Err(error) => {
                    all_ready = false;
                    writeln!(out, "{id}: missing ({error})").into_diagnostic()?;
                    if let Some(help) = error.help() {
                        writeln!(out, "  {help}").into_diagnostic()?;
                    }
                }
            }
        }
        Ok(if all_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
