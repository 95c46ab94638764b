//! Instances: a component in a wasmtime store of its own, with the host's side of the interfaces that it imports.
//!
//! One [`ComponentEngine`] serves the process. A [`CompiledComponent`] is compiled and linked once, and [instances](Instance)
//! are made of it. An instance serves one call at a time. After an error of the call itself, or when a call is dropped
//! before its end, the instance must not be used again and is dropped too.

mod busy;
mod cache;
mod call;
pub(crate) mod code_file;
mod compile;
mod component;
mod contract;
mod engine;
mod error;
mod limits;
mod output;
mod raw;
mod slice;
mod slots;
mod snapshot;
mod store;
mod streams;
#[cfg(test)]
mod tests;
mod ticker;

pub use compile::{ChildCompiler, Compiler};
pub use engine::EngineSettings;
pub use error::InstanceError;

pub(crate) use cache::CompileCache;
pub(crate) use call::{CallParams, Instance};
pub(crate) use compile::{compile_standard_input, snapshot_standard_input};
pub(crate) use component::{CompiledComponent, StreamShape};
pub(crate) use engine::ComponentEngine;
pub(crate) use slice::SlicedCall;
pub(crate) use slots::IdleOwner;
