//! The `okra` command.

use std::process::ExitCode;

use clap::Parser as _;
use mimalloc::MiMalloc;
use okra::cli::Cli;

/// A call allocates some dozens of times, on one thread, and frees on another: glibc's allocator takes a quarter of its
/// CPU time for that.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> miette::Result<ExitCode> {
    Cli::parse().run(&mut std::io::stdout(), &mut std::io::stderr()).await
}
