//! The `okra` command: one file for each subcommand.

mod build;
mod check;
mod doctor;
mod generate;
mod new;
mod packages;
mod serve;

use std::io;
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
    /// Makes a project in a new folder: a service that greets, to start from.
    New(new::New),
    /// Makes WIT of a project's .proto files, and brings its SDK up to date.
    Generate(generate::Generate),
    /// Builds a project's package: one .wasm file with the component, its descriptors and its manifest.
    Build(build::Build),
    /// Tells which toolchains for guests are there, and how the missing ones come.
    Doctor(doctor::Doctor),
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
            Command::New(new) => new.run(&mut io::stdout()),
            Command::Generate(generate) => generate.run(&mut io::stdout()),
            Command::Build(build) => build.run(&mut io::stdout()),
            Command::Doctor(doctor) => doctor.run(&mut io::stdout()),
            Command::Serve(serve) => serve.run().await,
            Command::Check(check) => check.run().await,
        }
    }
}
