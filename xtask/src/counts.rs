//! Counts of tests, as the runners of each language print them.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, ExitCode, Stdio};

use miette::{Context as _, IntoDiagnostic as _, miette};

use crate::okra::root;

/// The number of tests that passed and that failed.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct TestCounts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl fmt::Display for TestCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

impl TestCounts {
    /// Adds the counts of another suite.
    pub(crate) fn add_suite(&mut self, suite: Self) {
        self.passed += suite.passed;
        self.failed += suite.failed;
    }

    /// Returns the exit code of a task: failure if a test failed.
    pub(crate) fn exit_code(self) -> ExitCode {
        if self.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// Runs one test runner, prints its output and adds its counts. A runner that fails without a failed test, because
    /// its code does not compile, counts as one failed test.
    pub(crate) fn run_suite(&mut self, runner: &mut Command) -> miette::Result<()> {
        let name = runner.get_program().display().to_string();
        let spawned = runner.current_dir(root()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.into_diagnostic().wrap_err_with(|| format!("cannot start {name}"))?;
        let stdout = child.stdout.take().ok_or_else(|| miette!("{name} has no standard output"))?;
        let failed_before = self.failed;
        for line in BufReader::new(stdout).lines() {
            let line = line.into_diagnostic()?;
            self.add_line(&line);
            println!("{line}");
        }
        if !child.wait().into_diagnostic()?.success() && self.failed == failed_before {
            self.failed += 1;
        }
        Ok(())
    }

    /// Adds the counts of a closing line: cargo's `test result: ok. 16 passed; 0 failed; ...`, pytest's `1 failed, 24 passed in 9.03s`.
    fn add_line(&mut self, line: &str) {
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
        let mut counts = TestCounts::default();
        for line in [
            "test result: FAILED. 13 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 66.56s",
            "1 failed, 24 passed, 2 errors in 9.03s",
            "===== 3 passed in 0.12s =====",
            "test passed in 3 of 4 runs",
            "running 6 tests",
        ] {
            counts.add_line(line);
        }
        assert_eq!(counts, TestCounts { passed: 40, failed: 4 });
    }
}
