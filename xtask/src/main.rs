//! The project's own tasks: `cargo xtask TASK`.

mod bench;
mod conformance;
mod corpus;
mod counts;
mod demo;
mod fuzz;
mod interop;
mod lint;
mod okra;
mod protobuf_conformance;
mod soak;
mod test;
mod tools;
mod withstand;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use miette::IntoDiagnostic as _;

use crate::corpus::CorpusOptions;
use crate::counts::TestCounts;
use crate::okra::OkraBinary;
use crate::tools::PythonEnvironment;
use crate::withstand::WithstandOptions;

/// Tasks of OKRA's own development. Each installs what it needs.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Xtask {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Builds the examples, serves them, calls them and prints the responses.
    Demo,
    /// Checks formatting, lints and dependencies.
    Lint,
    /// Runs every test and counts them.
    Test,
    /// Runs gRPC's own interop client against a guest.
    Interop,
    /// Measures OKRA beside other servers in the same run; the last lines of each comparison are ratios.
    Bench {
        /// Benchmarks to run, such as `unary-64` or `steps`; all by default.
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Calls by nghttp2's h2load: `h2load-4x16` is 4 connections with 16 streams each.
        #[arg(long)]
        h2load: bool,
    },
    /// Runs the conformance suite of Connect, gRPC and gRPC-Web against a guest.
    Conformance {
        /// Runs only the cases that match, such as `Connect*/**/get/**`.
        #[arg(value_name = "PATTERN")]
        patterns: Vec<String>,
    },
    /// Puts the services of public APIs through OKRA: generates, checks, builds and echoes.
    Corpus(CorpusOptions),
    /// Lets hostile guests, clients and packages at a server, each beside a neighbour that is called all the while.
    Withstand(WithstandOptions),
    /// The process that attacks.
    #[command(hide = true)]
    WithstandAttack { name: String, address: String },
    /// The server that the conformance suite starts.
    #[command(hide = true)]
    ConformanceServer { okra: PathBuf, package: PathBuf },
    /// Runs protobuf's conformance suite through a guest of each language.
    ProtobufConformance {
        /// Runs only the guest in this language; can be repeated.
        #[arg(long = "language", value_enum)]
        languages: Vec<protobuf_conformance::Language>,
        /// Runs only these cases, by their full names.
        #[arg(value_name = "CASE")]
        cases: Vec<String>,
    },
    /// The program that protobuf's conformance suite tests.
    #[command(hide = true)]
    ProtobufConformanceTestee { package: PathBuf },
    /// Makes a million calls on one instance of a guest of each language, and checks that its memory does not grow.
    Soak {
        /// Number of calls.
        #[arg(long, default_value_t = 1_000_000)]
        calls: u32,
    },
    /// Fuzzes everything that decodes data from outside: what clients, guests and packages send, and files.
    Fuzz {
        /// Time of each target, in minutes, such as `0.5`.
        #[arg(long, default_value_t = 0.5)]
        minutes: f64,
        /// Targets to run; all by default.
        #[arg(value_name = "TARGET")]
        targets: Vec<String>,
    },
}

fn main() -> miette::Result<ExitCode> {
    match Xtask::parse().task {
        Task::Demo => demo::run().map(|()| ExitCode::SUCCESS),
        Task::Lint => lint::run().map(|()| ExitCode::SUCCESS),
        Task::Test => test::run(),
        Task::Interop => interop::run(&OkraBinary::build()?, &PythonEnvironment::set_up()?).map(TestCounts::exit_code),
        Task::Bench { names, h2load } => bench::run(&names, h2load),
        Task::Conformance { patterns } => conformance::run(&patterns),
        Task::Corpus(options) => corpus::run(&options),
        Task::ConformanceServer { okra, package } => conformance::serve(&okra, &package).map(|()| ExitCode::SUCCESS),
        Task::ProtobufConformance { languages, cases } => protobuf_conformance::run(&languages, &cases),
        Task::ProtobufConformanceTestee { package } => {
            protobuf_conformance::serve(&package).map(|()| ExitCode::SUCCESS)
        }
        Task::Soak { calls } => soak::run(calls).map(|()| ExitCode::SUCCESS),
        Task::Withstand(options) => withstand::run(&options),
        Task::WithstandAttack { name, address } => withstand::attack(&name, &address).map(|()| ExitCode::SUCCESS),
        Task::Fuzz { minutes, targets } => {
            let length = Duration::try_from_secs_f64(minutes * 60.0).into_diagnostic()?;
            fuzz::run(length, &targets).map(TestCounts::exit_code)
        }
    }
}
