//! Routes calls: from the gateway to a revision, from a component to a revision or to an upstream.
//!
//! The table of routes is a value without a disk behind it. Calls to other nodes will take their way from here, too.

mod import_rules;
mod importer;
mod upstream;

pub use import_rules::{AllowedImports, ImportRules};
pub use upstream::ImportError;

pub(crate) use importer::Importer;
pub(crate) use upstream::UpstreamPool;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;

use crate::call::{
    CallFuture, CallHandler, Code, Context, Metadata, MethodLayouts, RequestStream, ResponseSink, Status, TypedMethod,
    UnaryResponse, refuse,
};
use crate::revision::Revision;

/// The table from service to revision.
#[derive(Default)]
pub(crate) struct Router {
    routes: RwLock<HashMap<Arc<str>, Arc<Revision>>>,
}

impl Router {
    /// Routes a service to a revision.
    pub(crate) fn set_route(&self, service: Arc<str>, revision: Arc<Revision>) {
        self.routes.write().unwrap_or_else(PoisonError::into_inner).insert(service, revision);
    }

    /// Returns the services that are called in this process and not served in it, each with the package that calls it.
    pub(crate) fn missing_services(&self) -> Vec<(String, String)> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let imports = routes.values().flat_map(|revision| {
            revision.local_imports().iter().map(|service| (service, format!("`{}`", revision.name())))
        });
        let missing = imports.filter(|(service, _)| !routes.contains_key(*service));
        let mut missing: Vec<_> = missing.map(|(service, by)| (service.to_string(), by)).collect();
        missing.sort();
        missing.dedup();
        missing
    }

    /// Returns the revision that a service is routed to.
    pub(crate) fn revision(&self, service: &str) -> Option<Arc<Revision>> {
        self.routes.read().unwrap_or_else(PoisonError::into_inner).get(service).cloned()
    }

    /// Finds the handler of a call.
    ///
    /// # Errors
    /// UNAVAILABLE when the service is not served here.
    fn handler(&self, context: &Context) -> Result<Arc<Revision>, Status> {
        self.revision(&context.service)
            .ok_or_else(|| Status::new(Code::Unavailable, format!("{} is not served here", context.call_chain())))
    }
}

impl CallHandler for Router {
    fn unary(self: Arc<Self>, context: Context, request: Bytes) -> CallFuture<UnaryResponse> {
        match self.handler(&context) {
            Ok(revision) => revision.unary(context, request),
            Err(status) => refuse(status),
        }
    }

    fn streaming(
        self: Arc<Self>,
        context: Context,
        requests: RequestStream,
        responses: ResponseSink,
    ) -> CallFuture<Metadata> {
        match self.handler(&context) {
            Ok(revision) => revision.streaming(context, requests, responses),
            Err(status) => refuse(status),
        }
    }

    fn typed_callee(self: Arc<Self>, service: &str, method: &str, layouts: &MethodLayouts) -> Option<TypedMethod> {
        self.revision(service)?.typed_callee(service, method, layouts)
    }
}
