//! The Rust SDK as source, which `okra` has inside and writes into projects, so that they need nothing published.

use std::fs;
use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry, include_dir};

use super::ProjectError;

static RUST: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/guest-sdk/rust");

/// Where in a project it is written.
pub(super) const FOLDER: &str = ".okra/sdk/rust";

/// Whether the project's `Cargo.toml` takes `okra-guest` from [`FOLDER`].
pub(super) fn is_used(folder: &Path) -> Result<bool, ProjectError> {
    let path = folder.join("Cargo.toml");
    if !path.is_file() {
        return Err(ProjectError::NoCargoToml { folder: folder.to_owned() });
    }
    let text = fs::read_to_string(&path).map_err(ProjectError::io("read", &path))?;
    // When it is no TOML, cargo says so better than we could.
    let manifest: toml::Table = text.parse().unwrap_or_default();
    let dependency = manifest.get("dependencies").and_then(|dependencies| dependencies.get("okra-guest"));
    let source = dependency.and_then(|dependency| dependency.get("path")).and_then(toml::Value::as_str);
    Ok(source.is_some_and(|source| Path::new(source).components().eq(Path::new(FOLDER).components())))
}

/// Its files, by their place in a project, and one that keeps git away from them.
pub(super) fn files() -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = vec![(PathBuf::from(".okra/.gitignore"), b"*\n".to_vec())];
    collect(&RUST, &mut files);
    files
}

fn collect(folder: &Dir<'_>, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(folder) => collect(folder, files),
            DirEntry::File(file) => files.push((Path::new(FOLDER).join(file.path()), file.contents().to_vec())),
        }
    }
}
