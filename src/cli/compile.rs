//! `okra compile`, which `okra serve` starts for each package that it has to compile, and `okra build` for each snapshot.

use std::process::ExitCode;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;

use crate::instance::{compile_standard_input, snapshot_standard_input};

/// `okra compile`: compiles the component on standard input within limits, and writes the code to standard output.
#[derive(Debug, Args)]
pub(super) struct CompileArgs {
    /// Most address space in bytes.
    #[arg(long)]
    memory: u64,
    /// Most CPU time in seconds.
    #[arg(long)]
    cpu: u64,
    /// Runs the start of the component, which may draw so many random numbers, and writes the component as it is then in
    /// place of code.
    #[arg(long)]
    start: Option<u32>,
}

impl CompileArgs {
    /// Compiles. An error goes to standard error as plain text, which the server reads.
    pub(super) async fn run(self, err: &mut impl std::io::Write) -> ExitCode {
        let (memory, cpu) = (ByteSize::b(self.memory), Duration::from_secs(self.cpu));
        let done = match self.start {
            None => compile_standard_input(memory, cpu),
            Some(random_numbers) => snapshot_standard_input(memory, cpu, random_numbers).await,
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // Without a standard error the exit code has to do.
                let _ = writeln!(err, "{error:#}");
                ExitCode::FAILURE
            }
        }
    }
}
