//! `cargo xtask protobuf-conformance`: protobuf's own conformance suite, through a guest of each language.
//!
//! The suite sends messages of its own in protobuf or JSON, and wants them back in either. The testee reads them as OKRA
//! does, sends them through a guest that answers with the typed message that it was given, and writes the answer.

mod runner;
mod testee;

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use clap::ValueEnum;
use miette::{Context as _, IntoDiagnostic as _, miette};

use crate::counts::TestCounts;
use crate::okra::{OkraBinary, root};
use crate::tools;

pub(crate) use testee::serve;

/// The guests, and for each of them a list of the cases that may fail, each with its reason.
const FOLDER: &str = "tests/protobuf-conformance";

/// The language of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    Rust,
    Go,
    Python,
}

impl Language {
    fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Go => "go",
            Self::Python => "python",
        }
    }
}

/// Installs the suite, runs its cases through the guests of these languages, or of all, and prints their counts.
pub(crate) fn run(languages: &[Language], cases: &[String]) -> miette::Result<ExitCode> {
    let counts = suite(&OkraBinary::build()?, languages, cases)?;
    println!("\n{counts}");
    Ok(counts.exit_code())
}

/// Runs the named cases, or all of them.
pub(crate) fn suite(okra: &OkraBinary, languages: &[Language], cases: &[String]) -> miette::Result<TestCounts> {
    let languages = if languages.is_empty() { Language::value_variants() } else { languages };
    let runner = runner::install()?;
    let mut counts = TestCounts::default();
    for language in languages {
        let name = language.name();
        let guest = root().join(FOLDER).join(name);
        tools::run(okra.command().arg("build").arg(&guest))?;
        let mut command = runner.command();
        command.args(["--enforce_recommended", "--maximum_edition", "2023", "--failure_list"]);
        command.arg(root().join(FOLDER).join(format!("known-failing-{name}.txt")));
        command.arg("--output_dir").arg(runner::output_folder(name)?);
        for case in cases {
            command.args(["--test", case]);
        }
        // The xtask beside okra, since the running one may have been replaced by a build.
        let testee = okra.binary().with_file_name("xtask");
        let arguments = ["protobuf-conformance-testee".into(), guest.join("target/okra/protobuf-conformance.wasm")];
        // Without cases it ends when the guest is compiled and in the cache: the runner waits 30 s for the first answer.
        tools::run(Command::new(&testee).args(&arguments).stdin(Stdio::null()))?;
        command.arg(testee).args(arguments);
        let ran = run_suite(&mut command).wrap_err_with(|| format!("the suite with the guest in {name}"))?;
        println!("{name}: {ran}");
        counts.add_suite(ran);
    }
    Ok(counts)
}

/// Runs the runner and counts its cases by its closing lines.
fn run_suite(command: &mut Command) -> miette::Result<TestCounts> {
    let child = command.stderr(Stdio::piped()).spawn().into_diagnostic().wrap_err("cannot start the runner")?;
    let output = child.wait_with_output().into_diagnostic()?;
    let text = String::from_utf8_lossy(&output.stderr);
    print!("{text}");
    let mut counts = TestCounts::default();
    let closing: Vec<_> = text.lines().filter_map(parse_closing_line).collect();
    if closing.is_empty() {
        return Err(miette!("the runner ended with {} and did not say how many cases passed", output.status));
    }
    closing.into_iter().for_each(|suite| counts.add_suite(suite));
    if !output.status.success() && counts.failed == 0 {
        counts.failed = 1;
    }
    Ok(counts)
}

/// Parses a closing line: `CONFORMANCE SUITE PASSED: 2 successes, 1 skipped, 3 expected failures, 0 unexpected failures.`
fn parse_closing_line(line: &str) -> Option<TestCounts> {
    let (_, parts) = line.strip_prefix("CONFORMANCE SUITE ")?.split_once(": ")?;
    let mut counts = TestCounts::default();
    for part in parts.trim_end_matches('.').split(", ") {
        let (number, what) = part.split_once(' ')?;
        match what {
            "successes" => counts.passed = number.parse().ok()?,
            "unexpected failures" => counts.failed = number.parse().ok()?,
            _ => {}
        }
    }
    Some(counts)
}

/// Returns the folder of the files that the suite brings and makes.
fn files_folder() -> PathBuf {
    root().join("target/protobuf-conformance")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_is_read() {
        let line = "CONFORMANCE SUITE FAILED: 2674 successes, 12 skipped, 5 expected failures, 1 unexpected failures.";
        assert_eq!(parse_closing_line(line), Some(TestCounts { passed: 2674, failed: 1 }));
        assert_eq!(parse_closing_line("ERROR, test=x"), None);
    }
}
