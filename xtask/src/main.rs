//! The project's own tasks: `cargo xtask TASK`.

mod bench;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of OKRA's own development.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Xtask {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs every test and counts them.
    Test,
    /// Measures OKRA against something else in the same run; the last lines of each comparison are ratios.
    Bench {
        /// What to measure, such as `unary-64` or `steps`; everything when nothing is named.
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
}

fn main() -> miette::Result<ExitCode> {
    match Xtask::parse().task {
        Task::Test => test::run(),
        Task::Bench { names } => bench::run(&names),
    }
}
