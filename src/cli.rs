//! The `okra` command: one file for each of its own commands.

mod build;
mod call;
mod check;
mod describe;
mod doctor;
mod generate;
mod graph;
mod list;
mod new;
mod packages;
mod serve;
mod server;
mod test;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use call::CallArgs;
pub use describe::DescribeArgs;
pub use list::ListArgs;

/// gRPC services as WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "okra", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes a project in a new folder: a service that greets, to start from.
    New(new::New),
    /// Makes WIT of a project's .proto files, and brings its SDK up to date.
    Generate(generate::Generate),
    /// Builds a project's package: one .wasm file with the component, its descriptors and its manifest.
    Build(build::Build),
    /// Runs call cases against a project or a package, in this process: requests, and what must come of them.
    Test(test::Test),
    /// Tells which toolchains for guests are there, and how the missing ones come.
    Doctor(doctor::Doctor),
    /// Serves packages and projects over gRPC.
    Serve(serve::Serve),
    /// Tells what a package exports, imports and needs, and whether it would be served.
    Check(check::Check),
    /// Shows which services call which, and who may call them.
    Graph(graph::Graph),
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
            Command::New(new) => new.run(out),
            Command::Generate(generate) => generate.run(out),
            Command::Build(build) => build.run(out),
            Command::Test(test) => test.run(out).await,
            Command::Doctor(doctor) => doctor.run(out),
            Command::Serve(serve) => serve.run().await,
            Command::Check(check) => check.run(out).await,
            Command::Graph(graph) => graph.run(out),
            Command::Call(args) => args.run(out, err).await,
            Command::List(args) => args.run(out).await,
            Command::Describe(args) => args.run(out).await,
        }
    }
}
