//! Web pages of other origins, which send requests without a preflight where neither the verb nor the content type asks
//! for one. <https://fetch.spec.whatwg.org/#cors-preflight-fetch>

use http::HeaderMap;
use http::header::{HOST, HeaderName, ORIGIN};
use http::request::Parts;

use crate::call::{Code, Status};

/// How a browser relates the page that sends a request to the server. <https://www.w3.org/TR/fetch-metadata/>
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Checks that a request does not come from a web page of another origin, unless that is one of `allowed_origins`; `*`
/// stands for all. Other clients than browsers send neither of the headers.
///
/// # Errors
/// PERMISSION_DENIED, with the origin of the page.
pub(crate) fn check_page_origin(parts: &Parts, allowed_origins: &[String]) -> Result<(), Status> {
    let is_allowed = |origin: &str| allowed_origins.iter().any(|allowed| allowed == "*" || allowed == origin);
    if is_allowed("*") {
        return Ok(());
    }
    let mut origins = parts.headers.get_all(ORIGIN).iter().peekable();
    if origins.peek().is_none() && is_cross_site(&parts.headers) {
        return Err(refusal("another site"));
    }
    let foreign = origins.map(|origin| String::from_utf8_lossy(origin.as_bytes()));
    match foreign.into_iter().find(|origin| !is_own(origin, parts) && !is_allowed(origin)) {
        Some(origin) => Err(refusal(&format!("the origin `{origin}`"))),
        None => Ok(()),
    }
}

fn is_cross_site(headers: &HeaderMap) -> bool {
    headers.get_all(SEC_FETCH_SITE).iter().any(|site| site == "cross-site")
}

fn refusal(page: &str) -> Status {
    let message = format!("web pages of {page} may not call: `origins` of [cors] in server.toml names those that may");
    Status::new(Code::PermissionDenied, message)
}

/// Whether an origin is that of the server as the client has addressed it. The scheme is not compared: a proxy in front may
/// have taken TLS off.
fn is_own(origin: &str, parts: &Parts) -> bool {
    let Some((scheme, host)) = origin.split_once("://") else { return false };
    let of_uri = parts.uri.authority().map(|authority| authority.as_str());
    let addressed = of_uri.or_else(|| parts.headers.get(HOST).and_then(|host| host.to_str().ok()));
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    let without_port = |host: &str| host.strip_suffix(default_port).unwrap_or(host).to_ascii_lowercase();
    addressed.is_some_and(|addressed| without_port(addressed) == without_port(host))
}
