use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use miette::{Diagnostic as _, IntoDiagnostic as _};

use crate::toolchain::{Machine, Origin, RustToolchain};

/// `okra doctor`.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Bring what is missing: a Rust target by rustup or, where that cannot and we are root, by apt-get.
    #[arg(long)]
    fix: bool,
}

impl Doctor {
    /// Looks, and brings what is missing when asked to. Fails when something is missing in the end.
    ///
    /// # Errors
    /// When nothing can be printed.
    pub(super) fn run(self, out: &mut impl Write) -> miette::Result<ExitCode> {
        let machine = Machine::here(Path::new("."));
        let found = if self.fix { RustToolchain::find_or_install(&machine) } else { RustToolchain::find(&machine) };
        match found {
            Ok(RustToolchain { origin, version, .. }) => {
                let origin = match origin {
                    Origin::Installed => "its own target wasm32-wasip2",
                    Origin::Debian => "the standard library as source, from Debian's packages",
                };
                writeln!(out, "rust: ready ({version}, {origin})").into_diagnostic()?;
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => {
                writeln!(out, "rust: missing ({error})").into_diagnostic()?;
                if let Some(help) = error.help() {
                    writeln!(out, "  {help}").into_diagnostic()?;
                }
                Ok(ExitCode::FAILURE)
            }
        }
    }
}
