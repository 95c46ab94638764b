//! The call that an instance serves.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::call::{Context, Metadata};

/// The call in progress, with the headers and trailers that its handler has set so far.
pub(crate) struct CurrentCall {
    pub(crate) context: Box<Context>,
    pub(crate) headers: Metadata,
    pub(crate) trailers: Metadata,
    /// Whether the headers have been sent with the first message.
    pub(crate) headers_sent: bool,
    /// The services through which the calls come that the guest makes, once it has made one.
    outgoing_chain: Option<Arc<[Arc<str>]>>,
}

impl CurrentCall {
    pub(crate) fn new(context: Box<Context>) -> Self {
        let (headers, trailers) = (Metadata::default(), Metadata::default());
        Self { context, headers, trailers, headers_sent: false, outgoing_chain: None }
    }

    /// Returns the services through which the calls come that the guest makes: those of its own call, then its own.
    pub(crate) fn outgoing_chain(&mut self) -> Arc<[Arc<str>]> {
        let context = &self.context;
        let make = || context.chain.iter().chain([&context.service]).cloned().collect();
        self.outgoing_chain.get_or_insert_with(make).clone()
    }

    /// Takes the headers for the first message. None can be set afterwards.
    pub(crate) fn take_headers(&mut self) -> Metadata {
        self.headers_sent = true;
        std::mem::take(&mut self.headers)
    }
}

/// The names of the current call, for the log lines of its guest. Shared with the guest's standard output; a tracing span
/// for each call would do the same at thirty times the cost.
#[derive(Clone, Default)]
pub(crate) struct CallLabel(Arc<Mutex<Option<CallNames>>>);

#[derive(Clone)]
struct CallNames {
    service: Arc<str>,
    method: Arc<str>,
    peer: Option<SocketAddr>,
}

impl CallLabel {
    /// Names the call whose lines come from now on.
    pub(crate) fn set(&self, context: &Context) {
        let (service, method) = (context.service.clone(), context.method.clone());
        let names = CallNames { service, method, peer: context.peer };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(names);
    }

    /// Returns the method as `SERVICE/METHOD`, and the peer.
    pub(crate) fn fields(&self) -> (Option<String>, Option<SocketAddr>) {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        names.map_or((None, None), |names| (Some(format!("{}/{}", names.service, names.method)), names.peer))
    }
}
