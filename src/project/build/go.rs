use std::path::{Path, PathBuf};

use crate::config::Project;
use crate::project::ProjectError;
use crate::project::interface::Interface;
use crate::toolchain::{GoToolchain, Machine};

/// The component that Go makes of the project, and where.
pub(super) fn compile(folder: &Path, _: &Project, _: &Interface) -> Result<(PathBuf, Vec<u8>), ProjectError> {
    GoToolchain::find(&Machine::here(folder))?;
    Err(ProjectError::NotBuilt { folder: folder.to_owned(), language: "Go" })
}
