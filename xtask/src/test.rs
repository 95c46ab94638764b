//! `cargo xtask test`: every test of the repository, in the languages and with the clients that OKRA supports.

use std::process::{Command, ExitCode};
use std::time::Duration;

use crate::counts::TestCounts;
use crate::okra::OkraBinary;
use crate::tools::{self, PythonEnvironment};
use crate::{conformance, corpus, fuzz, interop, protobuf_conformance, withstand};

/// How long each fuzz target runs.
const FUZZ_TIME: Duration = Duration::from_secs(5);

/// Installs the tools of the tests, runs all tests and prints their counts.
pub(crate) fn run() -> miette::Result<ExitCode> {
    let okra = OkraBinary::build()?;
    let python = PythonEnvironment::set_up()?;
    let (grpcurl, h2spec) = (tools::grpcurl(&python)?, tools::h2spec(&python)?);
    let otlp_client = tools::otlp_client(&python)?;
    tools::node_packages()?;
    let chromium = tools::chromium()?;

    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--workspace", "--no-fail-fast", "--locked"]).env_remove("CARGO_MANIFEST_DIR");
    let pytest = |tests: &str| {
        let mut pytest = Command::new(python.program("pytest"));
        pytest.args(["--quiet", "-p", "no:cacheprovider", tests]).env("PYTHONDONTWRITEBYTECODE", "1");
        pytest.env("OKRA", okra.binary()).env("GRPCURL", &grpcurl).env("H2SPEC", &h2spec).env("CHROMIUM", &chromium);
        pytest.env("OTLP_CLIENT", &otlp_client);
        pytest
    };
    let (mut clients, mut sdk) = (pytest("tests/clients"), pytest("guest-sdk/python/tests"));

    let mut counts = TestCounts::default();
    for suite in [&mut cargo, &mut clients, &mut sdk] {
        counts.run_suite(suite)?;
    }
    // The guests of all languages take minutes: `cargo xtask protobuf-conformance` runs them.
    let protobuf = protobuf_conformance::suite(&okra, &[protobuf_conformance::Language::Rust], &[])?;
    for suite in [interop::run(&okra, &python)?, conformance::suite(&okra, &python, &[])?, protobuf] {
        counts.add_suite(suite);
    }
    counts.add_suite(corpus::short_suite(&okra, &python)?);
    counts.add_suite(withstand::short_suite(&okra)?);
    // A short run: a change of a decoder deserves a longer one, by `cargo xtask fuzz`.
    match fuzz::run(FUZZ_TIME, &[]) {
        Ok(fuzzed) => counts.add_suite(fuzzed),
        Err(report) => {
            eprintln!("{report:?}");
            counts.failed += 1;
        }
    }
    println!("\n{counts}");
    Ok(counts.exit_code())
}
