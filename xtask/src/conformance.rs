//! `cargo xtask conformance`: the conformance suite of Connect, gRPC and gRPC-Web.

mod server;

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use miette::{Context as _, IntoDiagnostic as _, miette};

use crate::counts::TestCounts;
use crate::okra::{OkraBinary, root};
use crate::tools::{self, PythonEnvironment};

pub(crate) use server::serve;

/// The guest that is tested.
const GUEST: &str = "tests/guests/conformance";
const CONFIG: &str = "tests/conformance/config.yaml";
/// Names or patterns of cases that may fail, one a line.
const KNOWN_FAILING: &str = "tests/conformance/known-failing.txt";

/// Installs the tools, runs the cases and prints their counts.
pub(crate) fn run(patterns: &[String]) -> miette::Result<ExitCode> {
    let okra = OkraBinary::build()?;
    let python = PythonEnvironment::set_up()?;
    let counts = suite(&okra, &python, patterns)?;
    println!("\n{counts}");
    Ok(counts.exit_code())
}

/// Runs the cases that match, or all of them.
pub(crate) fn suite(okra: &OkraBinary, python: &PythonEnvironment, patterns: &[String]) -> miette::Result<TestCounts> {
    let runner = tools::connectconformance(python)?;
    tools::run(okra.command().args(["build", GUEST]))?;
    let mut command = Command::new(runner);
    command.args(["--mode", "server", "--conf", CONFIG]);
    command.arg("--known-failing").arg(format!("@{KNOWN_FAILING}"));
    for pattern in patterns {
        command.args(["--run", pattern]);
    }
    // The xtask beside okra, since the running one may have been replaced by a build.
    command.arg("--").arg(okra.binary().with_file_name("xtask")).arg("conformance-server");
    command.arg(okra.binary()).arg(package());
    command.current_dir(root()).stdout(Stdio::piped());
    let mut child = command.spawn().into_diagnostic().wrap_err("cannot start connectconformance")?;
    let stdout = child.stdout.take().ok_or_else(|| miette!("connectconformance has no standard output"))?;
    let mut counts = TestCounts::default();
    for line in BufReader::new(stdout).lines() {
        let line = line.into_diagnostic()?;
        println!("{line}");
        counts = parse_closing_line(&line).unwrap_or(counts);
    }
    let status = child.wait().into_diagnostic()?;
    if !status.success() && counts.failed == 0 {
        counts.failed = 1;
    }
    Ok(counts)
}

fn package() -> PathBuf {
    root().join(GUEST).join("target/okra/conformance.wasm")
}

/// Parses the closing line of the runner: `8048 passed, 0 failed`, perhaps with more counts.
fn parse_closing_line(line: &str) -> Option<TestCounts> {
    let mut counts = TestCounts::default();
    for part in line.split(", ") {
        let (number, what) = part.trim_end_matches('.').split_once(' ')?;
        let number = number.parse::<u64>().ok()?;
        match what {
            "passed" => counts.passed = number,
            "failed" => counts.failed = number,
            _ => return None,
        }
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_is_read() {
        assert_eq!(parse_closing_line("8048 passed, 2 failed"), Some(TestCounts { passed: 8048, failed: 2 }));
        assert_eq!(parse_closing_line("Total cases: 8048"), None);
        assert_eq!(parse_closing_line(""), None);
    }
}
