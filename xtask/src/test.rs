//! `cargo xtask test`.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, ExitCode, Stdio};

use miette::{Context as _, IntoDiagnostic as _, miette};

/// Sets up what guests are built with, runs the tests of the workspace and prints how many there were.
pub(crate) fn run() -> miette::Result<ExitCode> {
    // Some tests build guests: what that needs is brought first.
    let doctor = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--locked", "--package", "okra", "--", "doctor", "--fix"])
        .status()
        .into_diagnostic()
        .wrap_err("cannot start cargo")?;
    if !doctor.success() {
        return Ok(ExitCode::FAILURE);
    }
    let mut cargo = Command::new(env!("CARGO"))
        .args(["test", "--workspace", "--no-fail-fast", "--locked"])
        .stdout(Stdio::piped())
        .spawn()
        .into_diagnostic()
        .wrap_err("cannot start cargo")?;
    let stdout = cargo.stdout.take().ok_or_else(|| miette!("cargo has no standard output"))?;
    let mut counts = Counts::default();
    for line in BufReader::new(stdout).lines() {
        let line = line.into_diagnostic()?;
        counts.add(&line);
        println!("{line}");
    }
    let passed = cargo.wait().into_diagnostic()?.success();
    println!("\n{} passed, {} failed", counts.passed, counts.failed);
    Ok(if passed && counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Default)]
struct Counts {
    passed: u64,
    failed: u64,
}

impl Counts {
    /// Adds a line such as `test result: ok. 16 passed; 0 failed; ...`.
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        for part in result.split([';', '.']) {
            let mut words = part.split_whitespace();
            if let (Some(Ok(count)), Some(what)) = (words.next().map(str::parse::<u64>), words.next()) {
                match what {
                    "passed" => self.passed += count,
                    "failed" => self.failed += count,
                    _ => {}
                }
            }
        }
    }
}
