use std::fs;
use std::path::{Path, PathBuf};

use crate::project::{ProjectError, sdk};

/// What Rust projects have generated beside the WIT: the SDK, when `Cargo.toml` takes `okra-guest` from where it is
/// written. The types are made of the WIT by a macro, at compile time.
pub(super) fn files(folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, ProjectError> {
    let path = folder.join("Cargo.toml");
    if !path.is_file() {
        return Err(ProjectError::NoCargoToml { folder: folder.to_owned() });
    }
    let text = fs::read_to_string(&path).map_err(ProjectError::io("read", &path))?;
    // When it is no TOML, cargo says so better than we could.
    let manifest: toml::Table = text.parse().unwrap_or_default();
    let dependency = manifest.get("dependencies").and_then(|dependencies| dependencies.get("okra-guest"));
    let source = dependency.and_then(|dependency| dependency.get("path")).and_then(toml::Value::as_str);
    let is_used =
        source.is_some_and(|source| Path::new(source).components().eq(Path::new(sdk::RUST.folder).components()));
    Ok(if is_used { sdk::RUST.files() } else { Vec::new() })
}
