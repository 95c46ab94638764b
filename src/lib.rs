//! OKRA: a runtime in which gRPC services are WebAssembly components.

pub mod call;
pub mod config;
pub mod link;
pub mod registry;
