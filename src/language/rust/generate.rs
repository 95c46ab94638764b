//! The generated files of projects in Rust: the messages, and the SDK if `Cargo.toml` takes `okra-guest` from the folder that it
//! is written to.

use std::fs;
use std::path::Path;

use okra_codegen::rust;

use crate::language::rust::{RustBuildError, SDK};
use crate::language::{FileError, GeneratedText, GuestProject};

/// Returns the messages, and the files of the SDK unless the project has another one.
///
/// # Errors
/// If there is no `Cargo.toml`, or it cannot be read.
pub(super) fn generate_files(project: &GuestProject<'_>) -> Result<Vec<GeneratedText>, RustBuildError> {
    let path = project.folder.join("Cargo.toml");
    if !path.is_file() {
        return Err(RustBuildError::NoCargoToml { folder: project.folder.to_owned() });
    }
    let text = fs::read_to_string(&path).map_err(FileError::on("read", &path))?;
    // If it is not valid TOML, cargo reports that with the line.
    let manifest: toml::Table = text.parse().unwrap_or_default();
    let dependency = manifest.get("dependencies").and_then(|dependencies| dependencies.get("okra-guest"));
    let sdk_path = dependency.and_then(|dependency| dependency.get("path")).and_then(toml::Value::as_str);
    let has_sdk = sdk_path.is_some_and(|sdk_path| SDK.is_folder(Path::new(sdk_path)));
    let messages = rust::generate(project.schema, project.world);
    let mut files = if has_sdk { SDK.project_files() } else { Vec::new() };
    files.push((Path::new("wit").join(messages.path), messages.text.into_bytes()));
    Ok(files)
}
