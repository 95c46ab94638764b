//! The `okra` command.

use std::io;
use std::process::ExitCode;

use clap::Parser as _;
use okra::cli::Cli;

fn main() -> miette::Result<ExitCode> {
    Cli::parse().run(&mut io::stdout().lock())
}
