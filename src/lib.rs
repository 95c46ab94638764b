//! OKRA: a runtime in which gRPC services are WebAssembly components.
//!
//! The `okra` binary is built on this library, and other programs can embed it: open a package, deploy it in a
//! [`Runtime`](runtime::Runtime), serve it with the [`gateway`], call it in process.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use okra::call::Context;
//! use okra::gateway::{self, GatewaySettings};
//! use okra::package::Package;
//! use okra::runtime::{EngineSettings, Runtime};
//!
//! # async fn embed() -> Result<(), Box<dyn std::error::Error>> {
//! let package = Package::read(std::fs::read("greeter.wasm")?)?;
//! let runtime = Runtime::new(Path::new("/var/cache/greeter"), EngineSettings::default())?;
//! runtime.deploy(&package).await?;
//!
//! // In process: encoded messages in and out.
//! let context = Context::new("greeter.v1.Greeter", "Hello");
//! let response = runtime.handler().unary(context, Vec::new().into()).await.map_err(|failure| *failure.status)?;
//! println!("{} bytes", response.message.len());
//!
//! // Over the network, until Ctrl-C.
//! let listener = gateway::listen("127.0.0.1:8080").await?;
//! let stop = async { drop(tokio::signal::ctrl_c().await) };
//! gateway::serve(listener, runtime.handler(), runtime.catalog(), GatewaySettings::default(), stop).await;
//! # Ok(())
//! # }
//! ```
//!
//! Where to read on: [`call`] has the types of calls and the trait [`CallHandler`](call::CallHandler) of everything that
//! answers them; [`config`] reads `okra.toml` and the file of a server; ARCHITECTURE.md follows a request through the source.

pub mod call;
pub mod config;
pub mod gateway;
pub mod package;
pub mod runtime;

// What the binary and the tests need, and an embedder does not.
#[doc(hidden)]
pub mod cases;
#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod client;
#[doc(hidden)]
pub mod json;
#[doc(hidden)]
pub mod language;
#[doc(hidden)]
pub mod project;
#[doc(hidden)]
pub mod telemetry;

mod grpc;
mod host;
mod instance;
mod link;
mod revision;
mod router;
mod routes;
mod suggest;
#[cfg(test)]
mod testing;
