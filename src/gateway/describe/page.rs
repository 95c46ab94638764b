//! The start page at `/`, and the document at `/openapi.json` that it shows.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use http_body_util::Full;
use tonic::body::Body;

use crate::gateway::catalog::Catalog;
use crate::gateway::describe::open_api;

const HTML: &str = include_str!("page.html");
/// The page needs no other resource and calls its own server only.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
     base-uri 'none'; frame-ancestors 'none'",
);

/// The page, and its document once it was asked for.
#[derive(Debug, Default)]
pub(crate) struct StartPage {
    document: Mutex<Option<(Arc<Catalog>, Bytes)>>,
}

impl StartPage {
    /// Serves a path; `None` when it is neither the page nor the document.
    pub(crate) fn serve(&self, catalog: &Arc<Catalog>, path: &str) -> Option<Response<Body>> {
        let (kind, body) = match path {
            "/" => ("text/html; charset=utf-8", Bytes::from_static(HTML.as_bytes())),
            "/openapi.json" => ("application/json", self.document(catalog)),
            _ => return None,
        };
        let mut response = Response::new(Body::new(Full::new(body)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
        Some(response)
    }

    /// Returns the document of the catalog, made anew when that has changed.
    fn document(&self, catalog: &Arc<Catalog>) -> Bytes {
        let mut made = self.document.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, document)) = &*made
            && Arc::ptr_eq(of, catalog)
        {
            return document.clone();
        }
        let document = Bytes::from(serde_json::to_vec(&open_api::document(catalog)).unwrap_or_default());
        *made = Some((catalog.clone(), document.clone()));
        document
    }
}
