use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::Router;
use super::outside::Outside;
use crate::call::{Context, Failure, Metadata, Reply, Requests, ResponseSink};
use crate::instance::Callee;

/// Where the calls of one package go: to servers outside for what it imports from there, else to whoever serves in this
/// process.
pub(crate) struct Importer {
    router: Arc<Router>,
    outside: HashMap<Arc<str>, Arc<Outside>>,
}

impl Importer {
    pub(crate) fn new(router: Arc<Router>, outside: HashMap<Arc<str>, Arc<Outside>>) -> Self {
        Self { router, outside }
    }

    pub(super) fn is_outside(&self, service: &str) -> bool {
        self.outside.contains_key(service)
    }
}

impl Callee for Importer {
    fn call(self: Arc<Self>, context: Context, request: Bytes) -> BoxFuture<'static, Result<Reply, Failure>> {
        match self.outside.get(&context.service).cloned() {
            Some(outside) => async move { outside.call(context, request).await }.boxed(),
            None => self.router.unary(context, request).boxed(),
        }
    }

    fn streaming(
        self: Arc<Self>,
        context: Context,
        requests: Requests,
        responses: ResponseSink,
    ) -> BoxFuture<'static, Result<Metadata, Failure>> {
        match self.outside.get(&context.service).cloned() {
            Some(outside) => async move { outside.streaming(context, requests, responses).await }.boxed(),
            None => self.router.streaming(context, requests, responses).boxed(),
        }
    }
}
