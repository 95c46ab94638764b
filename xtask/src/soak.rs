//! `cargo xtask soak`: memory of instances that live long.

use std::process::Command;

use miette::{Context as _, IntoDiagnostic as _, bail};

use crate::okra::{OkraBinary, root};

/// Makes `calls` calls on one instance of a guest of each language, and a tenth as many with streams. The memory of the
/// instance must not grow after the first of them.
pub(crate) fn run(calls: u32) -> miette::Result<()> {
    // This also installs the toolchains of the guests.
    OkraBinary::build()?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--workspace", "--locked", "--test", "it", "--", "--nocapture", "soak::"]);
    cargo.env("OKRA_SOAK_CALLS", calls.to_string()).current_dir(root());
    if !cargo.status().into_diagnostic().wrap_err("cannot start cargo")?.success() {
        bail!("a guest failed: see above");
    }
    Ok(())
}
