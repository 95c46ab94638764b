//! The `okra` command.

use std::process::ExitCode;

use clap::Parser as _;
use okra::cli::Cli;

#[tokio::main]
async fn main() -> miette::Result<ExitCode> {
    Cli::parse().run().await
}
