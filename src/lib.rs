//! OKRA: a runtime in which gRPC services are WebAssembly components.

pub mod call;
pub mod cases;
pub mod cli;
pub mod client;
pub mod config;
pub mod gateway;
mod grpc;
mod host;
mod instance;
mod link;
mod nearest;
pub mod project;
pub mod registry;
mod revision;
mod router;
pub mod runtime;
pub mod telemetry;
#[cfg(test)]
mod testing;
pub mod toolchain;
