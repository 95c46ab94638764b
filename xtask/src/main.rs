//! The project's own tasks: `cargo xtask TASK`.

mod bench;
mod conformance;
mod demo;
mod fuzz;
mod interop;
mod okra;
mod soak;
mod test;
mod tools;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::okra::Okra;
use crate::test::Counts;
use crate::tools::Python;

/// Tasks of OKRA's own development. Each brings what it needs itself.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Xtask {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Builds the examples, serves them, calls them, and shows the answers.
    Demo,
    /// Runs every test and counts them.
    Test,
    /// Runs gRPC's own interop client against a guest.
    Interop,
    /// Measures OKRA against something else in the same run; the last lines of each comparison are ratios.
    Bench {
        /// What to measure, such as `unary-64` or `steps`; everything when nothing is named.
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Runs the conformance suite of Connect, gRPC and gRPC-Web against a guest.
    Conformance {
        /// Runs only the cases that match, such as `Connect*/**/get/**`.
        #[arg(value_name = "PATTERN")]
        patterns: Vec<String>,
    },
    /// The server that the conformance suite starts.
    #[command(hide = true)]
    ConformanceServer { okra: PathBuf, package: PathBuf },
    /// Makes very many calls on one instance of a guest of each language: its memory stays flat.
    Soak {
        /// How many.
        #[arg(long, default_value_t = 1_000_000)]
        calls: u32,
    },
    /// Fuzzes what parses what others sent.
    Fuzz {
        /// How long each target runs.
        #[arg(long, default_value_t = 20)]
        seconds: u32,
    },
}

fn main() -> miette::Result<ExitCode> {
    match Xtask::parse().task {
        Task::Demo => demo::run().map(|()| ExitCode::SUCCESS),
        Task::Test => test::run(),
        Task::Interop => interop::run(&Okra::build()?, &Python::set_up()?).map(Counts::exit_code),
        Task::Bench { names } => bench::run(&names),
        Task::Conformance { patterns } => conformance::run(&patterns),
        Task::ConformanceServer { okra, package } => conformance::serve(&okra, &package).map(|()| ExitCode::SUCCESS),
        Task::Soak { calls } => soak::run(calls).map(|()| ExitCode::SUCCESS),
        Task::Fuzz { seconds } => fuzz::run(seconds).map(|()| ExitCode::SUCCESS),
    }
}
