//! Calls that leave an instance or come in from the gateway, and who answers them: the only room that calls services.
//!
//! A call goes to a [revision](revision) in this process, or, from a package that imports the service from there, to
//! [servers outside](outside). The way of a call to another node begins here too.

mod endpoint;
mod health;
mod importer;
mod outside;
mod revision;
#[cfg(test)]
mod tests;

pub use outside::ImportError;

pub(crate) use importer::Importer;
pub(crate) use outside::Outsides;
pub(crate) use revision::Revision;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use futures_util::future::{Either, ready};

use crate::call::{Code, Context, Failure, Metadata, Reply, Requests, ResponseSink, Status};

/// From service to revision.
#[derive(Default)]
pub(crate) struct Router {
    routes: RwLock<HashMap<Arc<str>, Arc<Revision>>>,
}

impl Router {
    /// Points a service at a revision.
    pub(crate) fn route(&self, service: Arc<str>, revision: Arc<Revision>) {
        self.routes.write().unwrap_or_else(PoisonError::into_inner).insert(service, revision);
    }

    /// Services that are called and served neither here nor outside, each with the package that calls it.
    pub(crate) fn missing(&self) -> Vec<(String, String)> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let calls = routes.values().flat_map(|revision| revision.calls());
        let missing = calls.filter(|(service, _)| !routes.contains_key(*service));
        let mut missing: Vec<_> = missing.map(|(service, by)| (service.to_string(), format!("`{by}`"))).collect();
        missing.sort();
        missing.dedup();
        missing
    }

    /// Who answers calls of a service.
    pub(crate) fn revision(&self, service: &str) -> Option<Arc<Revision>> {
        self.routes.read().unwrap_or_else(PoisonError::into_inner).get(service).cloned()
    }

    /// Who answers this call, if it may be made.
    fn admitted(&self, context: &Context) -> Result<Arc<Revision>, Status> {
        let revision = self
            .revision(&context.service)
            .ok_or_else(|| Status::new(Code::Unavailable, format!("nobody serves {} here", context.way())))?;
        revision.admit(context)?;
        Ok(revision)
    }

    /// Answers a unary call.
    ///
    /// # Cancellation
    /// Dropping the future drops the call with all that it had called in turn.
    pub(crate) fn unary(
        &self,
        context: Context,
        request: Bytes,
    ) -> impl Future<Output = Result<Reply, Failure>> + Send + use<> {
        match self.admitted(&context) {
            Ok(revision) => Either::Left(revision.call(context, request)),
            Err(status) => Either::Right(ready(Err(status.into()))),
        }
    }

    /// Answers a call with streams.
    ///
    /// # Cancellation
    /// As of [`unary`](Self::unary).
    pub(crate) fn streaming(
        &self,
        context: Context,
        requests: Requests,
        responses: ResponseSink,
    ) -> impl Future<Output = Result<Metadata, Failure>> + Send + use<> {
        match self.admitted(&context) {
            Ok(revision) => Either::Left(revision.streaming(context, requests, responses)),
            Err(status) => Either::Right(ready(Err(status.into()))),
        }
    }
}
