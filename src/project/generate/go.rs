use std::path::{Path, PathBuf};

use crate::config::Project;
use crate::project::interface::Interface;
use crate::project::{ProjectError, sdk};

/// What Go projects have generated beside the WIT: the SDK, and stubs in `gen/`.
pub(super) fn files(_: &Path, _: &Project, _: &Interface) -> Result<Vec<(PathBuf, Vec<u8>)>, ProjectError> {
    Ok(sdk::GO.files())
}
