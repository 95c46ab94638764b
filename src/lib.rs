//! OKRA: a runtime in which gRPC services are WebAssembly components.

pub mod actor;
pub mod call;
pub mod config;
pub mod gateway;
pub mod instance;
pub mod link;
pub mod pool;
pub mod registry;
pub mod router;
pub mod cli;
pub mod client;
pub mod gateway;
mod grpc;
pub mod link;
mod nearest;
