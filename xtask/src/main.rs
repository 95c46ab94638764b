//! The project's own tasks: `cargo xtask TASK`.

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
}

fn main() -> miette::Result<ExitCode> {
    match Xtask::parse().task {
        Task::Test => test::run(),
    }
}
