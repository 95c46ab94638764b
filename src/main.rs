//! The `okra` command.

use std::process::ExitCode;

use clap::Parser as _;
use miette::IntoDiagnostic as _;
use mimalloc::MiMalloc;
use okra::cli::Cli;

/// A call allocates some dozens of times, on one thread, and frees on another: glibc's allocator takes a quarter of its
/// CPU time for that.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How many tasks a thread runs before it looks for bytes that have come: the more, the longer a connection waits while others
/// have much to do.
const TASKS_BETWEEN_POLLS: u32 = 8;

fn main() -> miette::Result<ExitCode> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.event_interval(TASKS_BETWEEN_POLLS).enable_all().build().into_diagnostic()?;
    runtime.block_on(Cli::parse().run(&mut std::io::stdout(), &mut std::io::stderr()))
}
