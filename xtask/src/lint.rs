//! `cargo xtask lint`: formatting, lints, documentation, and the rules for dependencies in deny.toml.

use std::process::Command;

use crate::okra::root;
use crate::tools;

/// Checks formatting, then lints, then documentation, then dependencies, and stops at the first failure.
pub(crate) fn run() -> miette::Result<()> {
    let mut format = Command::new(env!("CARGO"));
    format.args(["fmt", "--all", "--check"]);
    let mut clippy = Command::new(env!("CARGO"));
    clippy.args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]);
    let mut doc = Command::new(env!("CARGO"));
    doc.args(["doc", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings");
    // Advisories are not checked: their database is a git repository, which is not everywhere within reach.
    let mut deny = Command::new(tools::cargo_deny()?);
    deny.args(["--locked", "check", "bans", "licenses", "sources"]);
    for command in [&mut format, &mut clippy, &mut doc, &mut deny] {
        tools::run(command.current_dir(root()))?;
    }
    Ok(())
}
