//! What is deployed: packages.

mod package;

pub use package::{Digest, Manifest, Package, PackageError};
