//! The generated files of projects in Python: the SDK, and the modules of the package `gen`.

use okra_codegen::python;

use crate::language::python::SDK;
use crate::language::{GeneratedText, GuestProject};

/// Returns the SDK and the stubs.
pub(super) fn generate_files(project: &GuestProject<'_>) -> Vec<GeneratedText> {
    let stubs = python::generate(project.schema).into_iter().map(|file| (file.path, file.text.into_bytes()));
    SDK.project_files().into_iter().chain(stubs).collect()
}
