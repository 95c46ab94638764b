//! The module that stands for WASI preview 1: `adapter.wat`.
//!
//! wasmtime's own adapter calls the clock also while Go collects garbage within an allocation for the host, when no import
//! may be called, and traps. This one does not.

use anyhow::Context as _;
use wit_component::StringEncoding;
use wit_parser::Resolve;

/// The name of what it stands for.
pub(super) const NAME: &str = "wasi_snapshot_preview1";

/// The module, with what it imports described in it.
pub(super) fn module() -> anyhow::Result<Vec<u8>> {
    let mut module = wat::parse_str(include_str!("adapter.wat")).context("the adapter's text")?;
    let mut resolve = Resolve::default();
    let package = resolve.push_str("adapter.wit", include_str!("adapter.wit"))?;
    let world = resolve.select_world(&[package], Some("adapter"))?;
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    Ok(module)
}
