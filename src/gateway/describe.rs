//! How the server describes itself: health, reflection, the OpenAPI document and the start page, all made from the
//! [`Catalog`](crate::gateway::catalog::Catalog).

pub(crate) mod health;
pub(crate) mod open_api;
pub(crate) mod page;
pub(crate) mod reflection;

/// The most bytes of a message to health or reflection, which have one name each.
const MAX_QUESTION_BYTES: usize = 64 << 10;
