//! The `okra` command.
fn main() {}
