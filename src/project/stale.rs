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
    let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let outputs: Vec<PathBuf> = outputs.iter().map(|output| canonical(folder).join(output)).collect();
    for input in inputs {
        if newest_change(&canonical(&input), &outputs)? > built {
            return Ok(true);
        }
    }
    let bytes = fs::read(&path).map_err(FileError::on("read", &path))?;
    Ok(!Package::read(bytes).is_ok_and(|package| package.manifest().okra == BUILDER))
}

/// Returns the time of the last change in `path`, except in build outputs and hidden files. The time of a folder itself counts,
/// too: it changes when a file in it is removed. A folder that only has the name of an output, deeper in the project, is a package
/// as any other.
fn newest_change(path: &Path, outputs: &[PathBuf]) -> Result<SystemTime, FileError> {
    let read_error = |error| FileError::on("read", path)(error);
    let metadata = fs::metadata(path).map_err(read_error)?;
    let mut newest = metadata.modified().map_err(read_error)?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path).map_err(read_error)? {
            let entry = entry.map_err(read_error)?;
            let (name, path) = (entry.file_name(), entry.path());
            let is_output = outputs.contains(&path) || name == "__pycache__";
            // A link can lead out of the project, or to a missing file.
            let is_link = entry.file_type().map_err(read_error)?.is_symlink();
            if !is_output && !is_link && !name.as_encoded_bytes().starts_with(b".") {
                newest = newest.max(newest_change(&path, outputs)?);
            }
        }
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use super::*;

    #[test]
    fn a_package_called_target_is_no_build_output() {
        let project = tempfile::tempdir().unwrap();
        let folder = project.path().canonicalize().unwrap();
        let later = SystemTime::now() + Duration::from_secs(60);
        let newest = |changed: &str| {
            let path = folder.join(changed);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::File::create(&path).unwrap().set_modified(later).unwrap();
            let newest = newest_change(&folder, &[folder.join("target")]).unwrap();
            fs::remove_file(&path).unwrap();
            newest
        };
        for input in ["proto/shop/target/v1/target.proto", "lib/target/a.py", "a.py"] {
            assert_eq!(newest(input), later, "{input}");
        }
        for output in ["target/okra/a.wasm", "lib/__pycache__/a.pyc", ".okra/sdk/a.py"] {
            assert!(newest(output) < later, "{output}");
        }
    }
}
