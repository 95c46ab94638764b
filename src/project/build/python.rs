use std::path::{Path, PathBuf};

use crate::config::Project;
use crate::project::ProjectError;
use crate::project::interface::Interface;
use crate::toolchain::{Machine, PythonToolchain};

/// The component that componentize-py makes of the project, and where.
pub(super) fn compile(folder: &Path, _: &Project, _: &Interface) -> Result<(PathBuf, Vec<u8>), ProjectError> {
    PythonToolchain::find(&Machine::here(folder))?;
    Err(ProjectError::NotBuilt { folder: folder.to_owned(), language: "Python" })
}
