//! The link: protobuf bytes outside, typed values of a component inside.
//!
//! At deploy, a schema is compiled into a [plan](plan) and the component's type is [compared](matching) with it. A call
//! then goes in four steps:
//!
//! 1. [check](check): the request's wire bytes are validated and the elements of its lists counted;
//! 2. [lower](lower): they are written as typed values into the guest's memory;
//! 3. the guest is [called](abi);
//! 4. [lift](lift): its answer is encoded straight from its memory.
//!
//! A call that the component makes through a typed import takes the same steps in the order 4, (the router), 1, 2. No step
//! builds a tree of values.
//!
//! Check, lower and lift know bytes and a trait for memory; only `abi` knows wasmtime's internals.

mod abi;
mod canonical;
mod check;
mod component;
mod error;
mod function;
mod json;
mod lift;
mod lower;
mod matching;
mod merge;
mod plan;
mod quirks;
mod status;
#[cfg(test)]
mod tests;
mod wire;

pub(crate) use crate::link::abi::{BoundExport, ExportedMethod, HostOperation, HostOutcome, ImportHost, load_compiled};
pub(crate) use crate::link::component::ComponentLink;
pub(crate) use crate::link::function::{CheckedMessage, GuestResult};
pub(crate) use crate::link::lift::LiftError;
pub(crate) use crate::link::quirks::ToolchainQuirks;
pub(crate) use crate::link::wire::WireError;
pub(crate) use error::LinkError;
pub use error::LinkMismatch;

/// How large messages may be, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MessageLimits {
    /// An encoded request that a component sends to another service.
    pub(crate) request: usize,
    /// An encoded response that a component returns.
    pub(crate) response: usize,
    /// A message in the component's memory.
    pub(crate) lowered: u64,
}
