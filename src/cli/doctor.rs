use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use miette::{Diagnostic as _, IntoDiagnostic as _};

use crate::toolchain::{GoToolchain, Machine, Origin, PythonToolchain, RustToolchain, ToolchainError};

/// `okra doctor`.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Languages to look at. Default: all.
    #[arg(value_enum, value_name = "LANGUAGE")]
    languages: Vec<Lang>,
    /// Bring what is missing: a Rust target by rustup or, where that cannot and we are root, by apt-get; Go and
    /// componentize-py by pip, each in a virtual environment of its own.
    #[arg(long)]
    fix: bool,
}

/// Languages whose compilers are found, and brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Lang {
    Rust,
    Go,
    Python,
}

impl Doctor {
    /// Looks, and brings what is missing when asked to. Fails when something is missing in the end.
    ///
    /// # Errors
    /// When nothing can be printed.
    pub(super) fn run(self, out: &mut impl Write) -> miette::Result<ExitCode> {
        let machine = Machine::here(Path::new("."));
        let mut all_ready = true;
        for &language in Lang::value_variants() {
            if !self.languages.is_empty() && !self.languages.contains(&language) {
                continue;
            }
            let name = format!("{language:?}").to_lowercase();
            match find(language, &machine, self.fix) {
                Ok(ready) => writeln!(out, "{name}: ready ({ready})").into_diagnostic()?,
                Err(error) => {
                    all_ready = false;
                    writeln!(out, "{name}: missing ({error})").into_diagnostic()?;
                    if let Some(help) = error.help() {
                        writeln!(out, "  {help}").into_diagnostic()?;
                    }
                }
            }
        }
        Ok(if all_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// What is there of a language, in words.
fn find(language: Lang, machine: &Machine, fix: bool) -> Result<String, ToolchainError> {
    match language {
        Lang::Rust => {
            let found = if fix { RustToolchain::find_or_install(machine) } else { RustToolchain::find(machine) };
            found.map(|RustToolchain { origin, version, .. }| match origin {
                Origin::Installed => format!("{version}, its own target wasm32-wasip2"),
                Origin::Debian => format!("{version}, the standard library as source, from Debian's packages"),
            })
        }
        Lang::Go => {
            let found = if fix { GoToolchain::find_or_install(machine) } else { GoToolchain::find(machine) };
            found.map(|go| go.version)
        }
        Lang::Python => {
            let found = if fix { PythonToolchain::find_or_install(machine) } else { PythonToolchain::find(machine) };
            found.map(|python| python.version)
        }
    }
}
