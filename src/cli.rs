//! The `okra` command: one file for each of its own commands.

mod build;
mod doctor;
mod generate;
mod new;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use build::BuildArgs;
pub use doctor::DoctorArgs;
pub use generate::GenerateArgs;
pub use new::NewArgs;

/// A runtime in which gRPC services are WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "okra", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(NewArgs),
    Generate(GenerateArgs),
    Build(BuildArgs),
    Doctor(DoctorArgs),
}

impl Cli {
    /// Does what was asked for. `out` gets the results.
    ///
    /// # Errors
    /// When it cannot be done; the report says what to do about it.
    pub fn run(self, out: &mut impl Write) -> Result<ExitCode, miette::Report> {
        match self.command {
            Command::New(args) => args.run(out),
            Command::Generate(args) => args.run(out),
            Command::Build(args) => args.run(out),
            Command::Doctor(args) => args.run(out),
        }
    }
}
