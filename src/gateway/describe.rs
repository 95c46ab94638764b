//! How the server describes itself: health, reflection, the OpenAPI document and the start page, all made from the
//! [`Catalog`](crate::gateway::catalog::Catalog).

pub(crate) mod health;
pub(crate) mod open_api;
pub(crate) mod page;
pub(crate) mod reflection;
