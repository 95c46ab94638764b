//! `okra compile`, which `okra serve` starts for each package that it has to compile.

use std::process::ExitCode;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;

use crate::instance::compile_standard_input;

/// `okra compile`: compiles the component on standard input within limits, and writes the code to standard output.
#[derive(Debug, Args)]
pub(super) struct CompileArgs {
    /// Most address space in bytes.
    #[arg(long)]
    memory: u64,
    /// Most CPU time in seconds.
    #[arg(long)]
    cpu: u64,
}

impl CompileArgs {
    /// Compiles. An error goes to standard error as plain text, which the server reads.
    pub(super) fn run(self, err: &mut impl std::io::Write) -> ExitCode {
        match compile_standard_input(ByteSize::b(self.memory), Duration::from_secs(self.cpu)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // Without a standard error the exit code has to do.
                let _ = writeln!(err, "{error:#}");
                ExitCode::FAILURE
            }
        }
    }
}
