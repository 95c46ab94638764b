//! `cargo xtask bench`.

use std::process::{Command, ExitCode};

use miette::{Context as _, IntoDiagnostic as _};

use crate::tools::Python;

/// The microbenchmark of the steps of a call; all other names are comparisons.
const STEPS: &str = "steps";

/// Builds everything in release, measures what is named, or everything, and prints the ratios.
pub(crate) fn run(names: &[String]) -> miette::Result<ExitCode> {
    let (steps, comparisons): (Vec<_>, Vec<_>) = names.iter().map(String::as_str).partition(|name| *name == STEPS);
    let mut commands = vec![
        cargo("build", &["--release", "--package", "okra", "--package", "okra-bench"]),
        // Guests are built, too: what that needs is brought first.
        cargo("run", &["--release", "--quiet", "--package", "okra", "--", "doctor", "--fix"]),
    ];
    if names.is_empty() || !comparisons.is_empty() {
        let mut bench = cargo("run", &["--release", "--quiet", "--package", "okra-bench", "--bin", "okra-bench", "--"]);
        if comparisons.iter().any(|name| name.starts_with("python")) {
            bench.env("PYTHON", Python::set_up()?.program("python"));
        }
        bench.args(comparisons);
        commands.push(bench);
    }
    if names.is_empty() || !steps.is_empty() {
        commands.push(cargo("bench", &["--package", "okra-bench", "--bench", STEPS]));
    }
    for mut command in commands {
        if !command.status().into_diagnostic().wrap_err("cannot start cargo")?.success() {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn cargo(subcommand: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args([subcommand, "--locked"]).args(args);
    command
}
