//! `cargo xtask test`.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, ExitCode, Stdio};

use miette::{Context as _, IntoDiagnostic as _, miette};

use crate::okra::{Okra, root};
use crate::tools::{self, Python};
use crate::{conformance, fuzz, interop};

/// How long each fuzz target runs.
const FUZZ_SECONDS: u32 = 10;

/// Sets up what the tests need, runs all of them and prints how many there were.
pub(crate) fn run() -> miette::Result<ExitCode> {
    let okra = Okra::build()?;
    let python = Python::set_up()?;
    let (grpcurl, h2spec) = (tools::grpcurl(&python)?, tools::h2spec(&python)?);
    tools::node_packages()?;
    let chromium = tools::chromium()?;

    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--workspace", "--no-fail-fast", "--locked"]);
    let pytest = |tests: &str| {
        let mut pytest = Command::new(python.program("pytest"));
        pytest.args(["--quiet", "-p", "no:cacheprovider", tests]).env("PYTHONDONTWRITEBYTECODE", "1");
        pytest.env("OKRA", okra.binary()).env("GRPCURL", &grpcurl).env("H2SPEC", &h2spec).env("CHROMIUM", &chromium);
        pytest
    };
    let (mut clients, mut sdk) = (pytest("tests/clients"), pytest("guest-sdk/python/tests"));

    let mut counts = Counts::default();
    for suite in [&mut cargo, &mut clients, &mut sdk] {
        counts.run(suite)?;
    }
    for suite in [interop::run(&okra, &python)?, conformance::suite(&okra, &python, &[])?] {
        (counts.passed, counts.failed) = (counts.passed + suite.passed, counts.failed + suite.failed);
    }
    // A look only: who changes the link lets it run longer.
    let found = fuzz::run(FUZZ_SECONDS);
    if let Err(report) = &found {
        eprintln!("{report:?}");
    }
    counts.failed += u64::from(found.is_err());
    println!("\n{counts}");
    Ok(counts.exit_code())
}

/// How many tests did what they should.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

impl Counts {
    /// A failure when there was one.
    pub(crate) fn exit_code(self) -> ExitCode {
        if self.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// Runs the tests of one runner, printing what it prints. A runner that fails without a failed test, because
    /// something does not compile, counts as one.
    fn run(&mut self, runner: &mut Command) -> miette::Result<()> {
        let name = runner.get_program().display().to_string();
        let spawned = runner.current_dir(root()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.into_diagnostic().wrap_err_with(|| format!("cannot start {name}"))?;
        let stdout = child.stdout.take().ok_or_else(|| miette!("{name} has no standard output"))?;
        let failed = self.failed;
        for line in BufReader::new(stdout).lines() {
            let line = line.into_diagnostic()?;
            self.add(&line);
            println!("{line}");
        }
        if !child.wait().into_diagnostic()?.success() && self.failed == failed {
            self.failed += 1;
        }
        Ok(())
    }

    /// Adds a closing line: cargo's `test result: ok. 16 passed; 0 failed; ...`, pytest's `1 failed, 24 passed in 9.03s`.
    fn add(&mut self, line: &str) {
        let cargo = line.strip_prefix("test result: ").map(|result| result.split([';', '.']).collect());
        let pytest =
            || line.rsplit_once(" in ").map(|(counts, _)| counts.trim_matches(['=', ' ']).split(", ").collect());
        let parts: Vec<&str> = cargo.or_else(pytest).unwrap_or_default();
        for part in parts {
            let [count, what] = part.split_whitespace().collect::<Vec<_>>()[..] else { continue };
            let Ok(count) = count.parse::<u64>() else { continue };
            match what {
                "passed" => self.passed += count,
                "failed" | "errors" | "error" => self.failed += count,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted_and_others_are_not() {
        let mut counts = Counts::default();
        for line in [
            "test result: FAILED. 13 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 66.56s",
            "1 failed, 24 passed, 2 errors in 9.03s",
            "===== 3 passed in 0.12s =====",
            "test passed in 3 of 4 rooms",
            "running 6 tests",
        ] {
            counts.add(line);
        }
        assert_eq!(counts, Counts { passed: 40, failed: 4 });
    }
}
