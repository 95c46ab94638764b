use std::path::PathBuf;

use okra_codegen::python;

use crate::project::interface::Interface;
use crate::project::sdk;

/// What Python projects have generated beside the WIT: the SDK, and the modules of package `gen`.
pub(super) fn files(interface: &Interface) -> Vec<(PathBuf, Vec<u8>)> {
    let stubs = python::generate(&interface.schema).into_iter().map(|file| (file.path, file.text.into_bytes()));
    sdk::PYTHON.files().into_iter().chain(stubs).collect()
}
