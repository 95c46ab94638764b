//! The link: protobuf bytes outside, typed values of a component inside.
//!
//! At deploy, a schema is compiled into a [plan](plan), and the component's type is [compared](matching) with it. A call
//! then takes four steps:
//!
//! 1. [check](check) validates the wire bytes of the request and counts the elements of its lists;
//! 2. [lower](lower) writes them into the guest's memory as typed values, the params of the function;
//! 3. [abi](abi) calls the function;
//! 4. [lift](lift) encodes the results straight from the guest's memory.
//!
//! A call that the component makes through a typed import takes the same steps in the order 4, handler, 1, 2. No step
//! builds a tree of values. Check, lower and lift know bytes and a trait for memory; only `abi` knows wasmtime's internals.

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
    /// Largest encoded request that a component sends to another service.
    pub(crate) request: usize,
    /// Largest encoded response that a component returns.
    pub(crate) response: usize,
    /// The most memory that one message takes in the component.
    pub(crate) lowered: u64,
}
