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
//! A call that the component makes through a typed import takes the same steps in the order 4, handler, 1, 2; where both
//! sides are components of this process, [values are copied](direct) instead. No step
//! builds a tree of values. Check, lower and lift know bytes and a trait for memory; only `abi` knows wasmtime's internals.

mod abi;
mod canonical;
mod check;
mod component;
mod direct;
mod error;
mod function;
mod json;
mod lift;
mod lower;
mod matching;
mod merge;
mod operation;
mod plan;
mod quirks;
mod status;
#[cfg(test)]
mod tests;
mod toolchain;
mod wire;

pub(crate) use abi::{BoundExport, ExportedMethod, load_compiled};
pub(crate) use component::{ComponentLink, RAW_REQUESTS, RAW_RESPONSES};
pub(crate) use error::LinkError;
pub use error::LinkMismatch;
pub(crate) use function::{CheckedMessage, GuestResult};
pub(crate) use lift::LiftError;
pub(crate) use operation::{HostOperation, HostOutcome, ImportHost, ImportedMethod};
pub(crate) use quirks::ToolchainQuirks;
pub(crate) use wire::WireError;

/// How large messages may be, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MessageLimits {
    /// Largest encoded message that a component sends to another service.
    pub(crate) request: usize,
    /// Largest encoded response that a component returns or writes to the stream of its responses.
    pub(crate) response: usize,
    /// The most memory that one message takes in the component.
    pub(crate) lowered: u64,
}
