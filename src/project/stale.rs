use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::ProjectError;
use super::build::package_path;
use crate::config::{Language, Project};
use crate::package::Package;

/// Whether a project's package is missing, was built by another version of `okra`, or is older than something that it is
/// made of: `okra.toml`, `.proto` files, sources. Dependencies outside of the project's folder are not looked at.
///
/// # Errors
/// When `okra.toml` is wrong or files cannot be read.
pub fn is_stale(folder: &Path) -> Result<bool, ProjectError> {
    let project = Project::load(folder)?;
    let path = package_path(folder, &project);
    let built = match fs::metadata(&path).and_then(|metadata| metadata.modified()) {
        Ok(built) => built,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(ProjectError::io("read", &path)(error)),
    };
    let mut inputs: Vec<PathBuf> = project.proto.include.iter().map(|include| folder.join(include)).collect();
    inputs.extend(project.component.iter().map(|component| folder.join(component)));
    inputs.push(folder.to_owned());
    for input in inputs {
        if newest(&input, made(project.language))? > built {
            return Ok(true);
        }
    }
    let bytes = fs::read(&path).map_err(ProjectError::io("read", &path))?;
    Ok(!Package::read(bytes).is_ok_and(|package| package.manifest().okra == env!("CARGO_PKG_VERSION")))
}

/// What the tools of a language and we make in a project, and what is nobody's source.
fn made(language: Language) -> &'static [&'static str] {
    match language {
        Language::Rust => &["target", "wit", "Cargo.lock"],
        Language::Python => &["target", "wit", "gen", "__pycache__"],
        Language::Go => &["target", "wit", "gen"],
        Language::Component => &["target", "wit"],
    }
}

/// When something in `path` was changed last. Of a folder its own time counts too, which tells of files that are gone.
fn newest(path: &Path, made: &[&str]) -> Result<SystemTime, ProjectError> {
    let failed = |error| ProjectError::io("read", path)(error);
    let metadata = fs::metadata(path).map_err(failed)?;
    let mut newest = metadata.modified().map_err(failed)?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let is_made = made.iter().any(|made| name == *made);
            // A link may lead anywhere, or nowhere.
            let is_link = entry.file_type().map_err(failed)?.is_symlink();
            if !is_made && !is_link && !name.as_encoded_bytes().starts_with(b".") {
                newest = newest.max(self::newest(&entry.path(), made)?);
            }
        }
    }
    Ok(newest)
}
