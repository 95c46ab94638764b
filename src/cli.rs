//! The `okra` command: one file for each subcommand.

mod check;
mod packages;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// gRPC services as WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "okra", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves packages and projects over gRPC.
    Serve(serve::Serve),
    /// Tells what a package exports, imports and needs, and whether it would be served.
    Check(check::Check),
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// What kept it from doing its work, for people to read.
    pub async fn run(self) -> miette::Result<ExitCode> {
        match self.command {
            Command::Serve(serve) => serve.run().await,
            Command::Check(check) => check.run().await,
        }
    }
}
