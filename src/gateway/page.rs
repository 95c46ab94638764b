//! What the server says of itself to people: a page at `/`, made of the document at `/openapi.json`.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use http_body_util::Full;
use tonic::body::Body;

use super::{Served, open_api};

const HTML: &str = include_str!("page.html");
/// The page brings all that it needs, and talks to its own server only.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
     base-uri 'none'; frame-ancestors 'none'",
);

/// The page, and its document once somebody has asked for it.
#[derive(Debug, Default)]
pub(super) struct Page {
    document: Mutex<Option<(Arc<Served>, Bytes)>>,
}

impl Page {
    /// What is at a path, if anything is.
    pub(super) fn answer(&self, served: &Arc<Served>, path: &str) -> Option<Response<Body>> {
        let (kind, body) = match path {
            "/" => ("text/html; charset=utf-8", Bytes::from_static(HTML.as_bytes())),
            "/openapi.json" => ("application/json", self.document(served)),
            _ => return None,
        };
        let mut response = Response::new(Body::new(Full::new(body)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
        Some(response)
    }

    /// The document of what is served, made anew when that has changed.
    fn document(&self, served: &Arc<Served>) -> Bytes {
        let mut made = self.document.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, document)) = &*made
            && Arc::ptr_eq(of, served)
        {
            return document.clone();
        }
        let document = Bytes::from(serde_json::to_vec(&open_api::document(served)).unwrap_or_default());
        *made = Some((served.clone(), document.clone()));
        document
    }
}
