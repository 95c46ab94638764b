//! OKRA: a runtime in which gRPC services are WebAssembly components.

pub mod call;
pub mod cli;
pub mod client;
pub mod gateway;
mod grpc;
pub mod link;
mod nearest;
