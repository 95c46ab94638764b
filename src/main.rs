//! The `okra` command.

use std::process::ExitCode;

use clap::Parser as _;
use okra::cli::Cli;

#[tokio::main]
async fn main() -> miette::Result<ExitCode> {
    Cli::parse().run(&mut std::io::stdout(), &mut std::io::stderr()).await
}
