//! The gateway: HTTP in, status out.
//!
//! It owns the listener, speaks gRPC, gRPC-Web, Connect and JSON on it, and hands calls to a [`Backend`] as bytes with a
//! [`Context`]. It knows neither components nor actors.

mod answer;
mod body;
mod calls;
mod compression;
mod connect;
mod connection;
mod cors;
mod error;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::unreachable)]
pub(crate) mod fake;
mod front;
mod grpc;
mod guarded;
mod health;
mod json;
mod listener;
mod messages;
mod open_api;
mod page;
mod prefixed;
mod pressure;
mod reflection;
mod rest;
mod route;
mod served;
mod settings;
mod streaming;
#[cfg(test)]
mod tests;
mod tls;
mod unary;
mod web;
mod wire;

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use crate::call::{Context, Failure, Metadata, Reply, Requests, ResponseSink};

use answer::Incoming;
use calls::Calls;

pub use error::GatewayError;
pub use listener::{listen, serve};
pub use served::{Health, Method, Served, Service};
pub use settings::Settings;
pub use tls::Tls;

/// What the gateway serves.
pub trait Backend: Send + Sync + 'static {
    /// What is served now. A deploy sends a new value; health and reflection follow it.
    fn served(&self) -> watch::Receiver<Arc<Served>>;

    /// Answers a unary call to a method that is [served](Self::served).
    ///
    /// The request is not validated in any way.
    ///
    /// # Cancellation
    /// The future is dropped when the deadline has passed or the caller is gone; the context's cancellation token is
    /// cancelled then.
    fn unary(&self, context: Context, request: Bytes) -> impl Future<Output = Result<Reply, Failure>> + Send;

    /// Answers a call to a method that is [served](Self::served) and streams on either side or both. What comes back are
    /// the trailers.
    ///
    /// A handler may answer before it has read all requests, and may be done without having read them to their end. Of a
    /// [`Failure`], headers count only when nothing was sent.
    ///
    /// # Cancellation
    /// As of [`unary`](Self::unary).
    fn streaming(
        &self,
        context: Context,
        requests: Requests,
        responses: ResponseSink,
    ) -> impl Future<Output = Result<Metadata, Failure>> + Send;
}

/// What a shutdown did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shutdown {
    /// How many calls in flight came to their end.
    pub finished: usize,
    /// The calls that did not within the grace, as `SERVICE/METHOD`.
    pub cut: Vec<String>,
}
