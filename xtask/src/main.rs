//! The project's own tasks: `cargo xtask TASK`.

mod fuzz;
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
    /// Fuzzes what parses what others sent.
    Fuzz {
        /// How long each target runs.
        #[arg(long, default_value_t = 20)]
        seconds: u32,
    },
    /// Runs every test and counts them.
    Test,
}

fn main() -> miette::Result<ExitCode> {
    match Xtask::parse().task {
        Task::Fuzz { seconds } => fuzz::run(seconds),
        Task::Test => test::run(),
    }
}
