//! The `okra` command: one file for each of its own commands.

mod call;
mod describe;
mod list;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use call::CallArgs;
pub use describe::DescribeArgs;
pub use list::ListArgs;

/// A runtime in which gRPC services are WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "okra", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Call(CallArgs),
    List(ListArgs),
    Describe(DescribeArgs),
}

impl Cli {
    /// Does what was asked for. `out` gets the results, `err` what is said about them.
    ///
    /// # Errors
    /// When it cannot be done; the report says what to do about it.
    pub async fn run(self, out: &mut impl Write, err: &mut impl Write) -> Result<ExitCode, miette::Report> {
        match self.command {
            Command::Call(args) => args.run(out, err).await,
            Command::List(args) => args.run(out).await,
            Command::Describe(args) => args.run(out).await,
        }
    }
}
