use std::path::PathBuf;

use crate::project::interface::Interface;
use crate::project::sdk;

/// What Python projects have generated beside the WIT: the SDK, and the modules of package `gen`.
pub(super) fn files(_: &Interface) -> Vec<(PathBuf, Vec<u8>)> {
    sdk::PYTHON.files()
}
