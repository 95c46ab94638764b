//! `cargo xtask soak`.

use std::process::Command;

use miette::{Context as _, IntoDiagnostic as _, bail};

use crate::okra::{Okra, root};

/// Makes so many calls on one instance of a guest of each language, and a tenth as many with streams, in the memory that
/// the first of them needed.
pub(crate) fn run(calls: u32) -> miette::Result<()> {
    // With the toolchains of the languages.
    Okra::build()?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--workspace", "--locked", "--test", "it", "--", "--nocapture", "soak::"]);
    cargo.env("OKRA_SOAK_CALLS", calls.to_string()).current_dir(root());
    if !cargo.status().into_diagnostic().wrap_err("cannot start cargo")?.success() {
        bail!("some guest did not stand it: see above");
    }
    Ok(())
}
