//! A project's folder: from `.proto` files to a package that can be served.
//!
//! [`new`] makes one, [`generate`] makes WIT of its `.proto` files, [`build`] compiles it and packs the component with
//! descriptors and manifest.

mod build;
mod error;
mod generate;
mod interface;
mod new;
mod sdk;
mod stale;

#[cfg(test)]
pub(crate) use build::manifest;
pub use build::{Built, build, build_if_stale};
pub use error::ProjectError;
pub use generate::{Change, ChangeKind, changes, generate};
pub use new::new;
pub use stale::is_stale;

#[cfg(test)]
mod tests;
