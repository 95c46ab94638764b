//! Instances: a component in a wasmtime store of its own, with what the host offers to it.
//!
//! One [`Engine`](engine) serves the process; only `engine.rs` configures it. A [`Template`] is a compiled and linked
//! component, of which [instances](Instance) are made. An instance serves one call at a time; after an error of the call
//! itself, or when a call is dropped before its end, the instance is of no use and is dropped too.

mod bindings;
mod cache;
mod contract;
mod engine;
mod error;
mod limits;
mod output;
mod state;
mod streams;
mod template;
#[cfg(test)]
mod tests;

pub use cache::Cache;
pub use engine::{Engine, EngineSettings};
pub use error::InstanceError;
pub(crate) use state::Callee;
pub(crate) use template::{Instance, Request, Template};
