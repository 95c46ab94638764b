//! `cargo xtask conformance`.

mod server;

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use miette::{Context as _, IntoDiagnostic as _, miette};

use crate::okra::{Okra, root};
use crate::test::Counts;
use crate::tools::{self, Python};

pub(crate) use server::serve;

const GUEST: &str = "tests/guests/conformance";
const CONFIG: &str = "tests/conformance/config.yaml";
/// Names or patterns of cases that fail, one a line.
const KNOWN_FAILING: &str = "tests/conformance/known-failing.txt";

/// Brings what is needed, runs the cases and closes with how many there were.
pub(crate) fn run(patterns: &[String]) -> miette::Result<ExitCode> {
    let okra = Okra::build()?;
    let python = Python::set_up()?;
    let counts = suite(&okra, &python, patterns)?;
    println!("\n{counts}");
    Ok(counts.exit_code())
}

/// Runs the cases that match, or all of them.
pub(crate) fn suite(okra: &Okra, python: &Python, patterns: &[String]) -> miette::Result<Counts> {
    let runner = tools::connectconformance(python)?;
    tools::run(okra.command().args(["build", GUEST]))?;
    let mut command = Command::new(runner);
    command.args(["--mode", "server", "--conf", CONFIG]);
    command.arg("--known-failing").arg(format!("@{KNOWN_FAILING}"));
    for pattern in patterns {
        command.args(["--run", pattern]);
    }
    // This program lies beside okra. Where it runs from may be gone: tests build it anew.
    command.arg("--").arg(okra.binary().with_file_name("xtask")).arg("conformance-server");
    command.arg(okra.binary()).arg(package());
    command.current_dir(root()).stdout(Stdio::piped());
    let mut child = command.spawn().into_diagnostic().wrap_err("cannot start connectconformance")?;
    let stdout = child.stdout.take().ok_or_else(|| miette!("connectconformance has no standard output"))?;
    let mut counts = Counts::default();
    for line in BufReader::new(stdout).lines() {
        let line = line.into_diagnostic()?;
        println!("{line}");
        counts = closing(&line).unwrap_or(counts);
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

/// The runner's closing line: `8048 passed, 0 failed`, with more between commas when there is more to say.
fn closing(line: &str) -> Option<Counts> {
    let mut counts = Counts::default();
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
        assert_eq!(closing("8048 passed, 2 failed"), Some(Counts { passed: 8048, failed: 2 }));
        assert_eq!(closing("Total cases: 8048"), None);
        assert_eq!(closing(""), None);
    }
}
