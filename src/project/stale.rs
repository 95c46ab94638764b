//! The check for stale packages, by the times of the files that they are made of.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::config::Project;
use crate::language::{FileError, find_language};
use crate::package::Package;
use crate::project::ProjectError;
use crate::project::build::{BUILDER, package_path};

/// The names of build outputs if the component was built elsewhere.
const COMPONENT_OUTPUTS: &[&str] = &["target", "wit"];

/// Whether a project's package is missing, was built by an `okra` with another SDK, or is older than a file that it is made of:
/// `okra.toml`, `.proto` files, sources. Dependencies outside of the project's folder do not count.
///
/// # Errors
/// If `okra.toml` is not valid or files cannot be read.
pub fn is_stale(folder: &Path) -> Result<bool, ProjectError> {
    let project = Project::load(folder)?;
    let path = package_path(folder, &project);
    let built = match fs::metadata(&path).and_then(|metadata| metadata.modified()) {
        Ok(built) => built,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(FileError::on("read", &path)(error).into()),
    };
    let mut inputs: Vec<PathBuf> = project.proto.sources().iter().map(|source| folder.join(source)).collect();
    inputs.extend(project.component.iter().map(|component| folder.join(component)));
    inputs.push(folder.to_owned());
    let outputs = find_language(project.language).map_or(COMPONENT_OUTPUTS, |language| language.build_outputs());
    for input in inputs {
        if newest_change(&input, outputs)? > built {
            return Ok(true);
        }
    }
    let bytes = fs::read(&path).map_err(FileError::on("read", &path))?;
    Ok(!Package::read(bytes).is_ok_and(|package| package.manifest().okra == BUILDER))
}

/// Returns the time of the last change in `path`, except in build outputs and hidden files. The time of a folder itself counts,
/// too: it changes when a file in it is removed.
fn newest_change(path: &Path, outputs: &[&str]) -> Result<SystemTime, FileError> {
    let read_error = |error| FileError::on("read", path)(error);
    let metadata = fs::metadata(path).map_err(read_error)?;
    let mut newest = metadata.modified().map_err(read_error)?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path).map_err(read_error)? {
            let entry = entry.map_err(read_error)?;
            let name = entry.file_name();
            let is_output = outputs.iter().any(|output| name == *output);
            // A link can lead out of the project, or to a missing file.
            let is_link = entry.file_type().map_err(read_error)?.is_symlink();
            if !is_output && !is_link && !name.as_encoded_bytes().starts_with(b".") {
                newest = newest.max(newest_change(&entry.path(), outputs)?);
            }
        }
    }
    Ok(newest)
}
