//! Where the calls of one package's components go.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::call::{
    CallFuture, CallHandler, Context, Metadata, MethodLayouts, RequestStream, ResponseSink, TypedMethod, UnaryResponse,
};
use crate::router::Router;
use crate::router::upstream::Upstream;

/// Hands the calls of one package's components to an upstream when the package imports the service from there, else to the
/// router.
pub(crate) struct Importer {
    router: Arc<Router>,
    upstreams: HashMap<Arc<str>, Arc<Upstream>>,
}

impl Importer {
    pub(crate) fn new(router: Arc<Router>, upstreams: HashMap<Arc<str>, Arc<Upstream>>) -> Self {
        Self { router, upstreams }
    }

    /// Whether the calls of a service leave this process.
    pub(crate) fn is_upstream(&self, service: &str) -> bool {
        self.upstreams.contains_key(service)
    }
}

impl CallHandler for Importer {
    fn unary(self: Arc<Self>, context: Context, request: Bytes) -> CallFuture<UnaryResponse> {
        match self.upstreams.get(&context.service).cloned() {
            Some(upstream) => upstream.unary(context, request),
            None => self.router.clone().unary(context, request),
        }
    }

    fn streaming(
        self: Arc<Self>,
        context: Context,
        requests: RequestStream,
        responses: ResponseSink,
    ) -> CallFuture<Metadata> {
        match self.upstreams.get(&context.service).cloned() {
            Some(upstream) => upstream.streaming(context, requests, responses),
            None => self.router.clone().streaming(context, requests, responses),
        }
    }

    fn typed_callee(self: Arc<Self>, service: &str, method: &str, layouts: &MethodLayouts) -> Option<TypedMethod> {
        if self.is_upstream(service) { None } else { self.router.clone().typed_callee(service, method, layouts) }
    }
}
