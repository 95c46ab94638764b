//! The `okra` command line: one file for each command.

mod build;
mod call;
mod check;
mod compile;
mod describe;
mod doctor;
mod generate;
mod graph;
mod import;
mod language;
mod list;
mod new;
mod packages;
mod serve;
mod server;
mod shutdown;
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
    /// Makes a project in a new folder, with a service that greets.
    New(new::New),
    /// Writes okra.toml for a project of grpc-go or grpcio, and lists what must change in its sources.
    Import(import::ImportArgs),
    /// Generates WIT and stubs from a project's .proto files, and updates its SDK.
    Generate(generate::Generate),
    /// Builds the package of a project: one .wasm file with component, descriptors and manifest.
    Build(build::Build),
    /// Runs call cases (requests and their expected outcomes) against a project or a package, in this process.
    Test(test::Test),
    /// Shows which toolchains for guests are installed, and installs missing ones with --fix.
    Doctor(doctor::Doctor),
    /// Serves packages and projects over gRPC, gRPC-Web, Connect and REST.
    Serve(serve::ServeArgs),
    /// Shows what a package serves, calls and needs, and whether it would be served.
    Check(check::Check),
    /// Shows which services call which, and which callers they allow.
    Graph(graph::GraphArgs),
    Call(CallArgs),
    List(ListArgs),
    Describe(DescribeArgs),
    /// Compiles a component for `okra serve`.
    #[command(hide = true)]
    Compile(compile::CompileArgs),
}

impl Cli {
    /// Runs the command. Results go to `out`, everything else to `err`.
    ///
    /// # Errors
    /// If the command fails; the report says what to do.
    pub async fn run(self, out: &mut impl Write, err: &mut impl Write) -> Result<ExitCode, miette::Report> {
        match self.command {
            Command::New(new) => new.run(out),
            Command::Import(args) => args.run(out),
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
            Command::Compile(args) => Ok(args.run(err).await),
        }
    }
}
