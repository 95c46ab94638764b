//! OKRA: a runtime in which gRPC services are WebAssembly components.

pub mod actor;
pub mod call;
pub mod cases;
pub mod cli;
pub mod client;
pub mod config;
pub mod gateway;
mod grpc;
pub mod instance;
pub mod link;
mod nearest;
pub mod pool;
pub mod project;
pub mod registry;
pub mod router;
pub mod runtime;
pub mod telemetry;
#[cfg(test)]
mod testing;
pub mod toolchain;
