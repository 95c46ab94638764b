//! The adapter, a module that implements WASI preview 1: `adapter.wat`.
//!
//! wasmtime's adapter is not used. It calls the clock even while Go collects garbage within an allocation for the host, when
//! no import may be called, and traps.

use anyhow::Context as _;
use wit_component::StringEncoding;
use wit_parser::Resolve;

/// The name by which Go imports WASI preview 1.
pub(super) const IMPORT_NAME: &str = "wasi_snapshot_preview1";

/// Compiles the adapter, with the WIT of its imports in a custom section.
pub(super) fn compile_module() -> anyhow::Result<Vec<u8>> {
    let mut module = wat::parse_str(include_str!("adapter.wat")).context("adapter.wat does not compile")?;
    let mut resolve = Resolve::default();
    let package = resolve.push_str("adapter.wit", include_str!("adapter.wit"))?;
    let world = resolve.select_world(&[package], Some("adapter"))?;
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    Ok(module)
}
