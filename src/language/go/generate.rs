//! The generated files of projects in Go: the packages in `gen/`, and the SDK.

use std::path::Path;

use okra_codegen::go::stubs;

use crate::language::go::go_mod::GoMod;
use crate::language::go::{GoBuildError, SDK};
use crate::language::{GeneratedText, GuestProject};

/// Returns the stubs, and the SDK if `go.mod` takes the module `okra` from the folder that it is written to.
///
/// # Errors
/// If `go.mod` is missing or cannot be read.
pub(super) fn generate_files(project: &GuestProject<'_>) -> Result<Vec<GeneratedText>, GoBuildError> {
    let go_mod = GoMod::read(project.folder)?;
    let mut files = if go_mod.has_sdk { SDK.project_files() } else { Vec::new() };
    let stubs = stubs(project.schema, project.world, &go_mod.module_path);
    files.extend(stubs.into_iter().map(|file| (Path::new("gen").join(file.path), file.text.into_bytes())));
    Ok(files)
}
