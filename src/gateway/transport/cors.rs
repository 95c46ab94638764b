//! Cross-origin calls of web pages. <https://fetch.spec.whatwg.org/#http-cors-protocol>

use std::time::Duration;

use http::header::HeaderValue;
use tower_http::cors::{AllowHeaders, AllowOrigin, Any, CorsLayer, ExposeHeaders};

/// How long a browser may keep the answer. No browser keeps it for longer than two hours.
const MAX_AGE: Duration = Duration::from_secs(2 * 60 * 60);

/// Makes the layer that lets pages of these origins call, `*` standing for all; `None` without origins.
///
/// Cookies and other credentials of the browser are not asked for, so all response headers may be shown.
pub(crate) fn cors_layer(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let origin = match origins.iter().any(|origin| origin == "*") {
        true => AllowOrigin::from(Any),
        false => AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::try_from(origin).ok())),
    };
    let layer = CorsLayer::new()
        .allow_origin(origin)
        .allow_methods(tower_http::cors::AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(ExposeHeaders::any())
        .max_age(MAX_AGE);
    Some(layer)
}
