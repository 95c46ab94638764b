//! `cargo xtask bench`: comparisons with other servers, and the microbenchmark of the steps of a call.

use std::process::{Command, ExitCode};

use miette::{Context as _, IntoDiagnostic as _};

use crate::okra::OkraBinary;
use crate::tools::{PythonEnvironment, h2load};

/// Name of the microbenchmark of the steps of a call; all other names are comparisons.
const STEPS: &str = "steps";

/// Builds everything in release, runs the named benchmarks or all of them, and prints the ratios. With `by_h2load` the calls are
/// those of h2load.
pub(crate) fn run(names: &[String], by_h2load: bool) -> miette::Result<ExitCode> {
    let (steps, comparisons): (Vec<_>, Vec<_>) = names.iter().map(String::as_str).partition(|name| *name == STEPS);
    // This also installs the toolchains of the guests.
    let okra = OkraBinary::build_release()?;
    let mut commands = Vec::new();
    if by_h2load {
        let mut bench = Command::new(okra.binary().with_file_name("okra-bench"));
        bench.arg("--h2load").arg(h2load()?).args(names);
        commands.push(bench);
    } else if names.is_empty() || !comparisons.is_empty() {
        let mut bench = Command::new(okra.binary().with_file_name("okra-bench"));
        if comparisons.iter().any(|name| name.starts_with("python")) {
            bench.env("PYTHON", PythonEnvironment::set_up()?.program("python"));
        }
        bench.args(comparisons);
        commands.push(bench);
    }
    if !by_h2load && (names.is_empty() || !steps.is_empty()) {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["bench", "--workspace", "--locked", "--bench", STEPS]);
        commands.push(cargo);
    }
    for mut command in commands {
        let status = command.status().into_diagnostic().wrap_err_with(|| format!("cannot start {command:?}"))?;
        if !status.success() {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}
