//! A project's folder: from `.proto` files to a package that can be served.
//!
//! [`create_project`] writes a new one, [`generate_project`] generates WIT and stubs for its `.proto` files, [`build_project`]
//! compiles it and packs the component with descriptors and manifest. What differs by language is in
//! [`language`](crate::language).

mod build;
mod build_record;
mod create;
mod error;
mod generate;
mod http_check;
mod http_rules;
mod import;
mod interface;
mod snapshot;
mod stale;

#[cfg(test)]
pub(crate) use build::make_manifest;
pub use build::{BuildStage, BuiltPackage, build_if_stale, build_project};
pub use create::create_project;
pub use error::ProjectError;
pub use generate::{ChangeKind, FileChange, find_changes, generate_project};
pub use import::{
    ConfigOutcome, ImportError, ImportOptions, ImportReport, SourceChange, SourcePosition, import_project,
};
pub use stale::is_stale;

#[cfg(test)]
mod tests;
