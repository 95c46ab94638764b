//! The generated files of a project: WIT for all languages, and the files that the language adds.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::Project;
use crate::language::{FileError, find_language};
use crate::project::ProjectError;
use crate::project::interface::ProjectInterface;

/// A file that [`generate_project`] writes or removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// The file, relative to the project's folder.
    pub path: PathBuf,
    /// Whether it is created, updated or removed.
    pub kind: ChangeKind,
}

/// The kind of a change to a generated file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// The file did not exist.
    Created,
    /// The file existed with another text.
    Updated,
    /// The file was generated earlier, and is not any more.
    Removed,
}

/// The folders of a project with generated files: WIT, stubs, and the SDK.
const GENERATED_FOLDERS: [&str; 3] = ["wit", "gen", ".okra/sdk"];

/// Brings the generated files of a project up to date: WIT in `wit/`, stubs in `gen/` in languages that have them, and the SDK
/// in `.okra/sdk/` if the project uses it from there. Files that are up to date are not touched. Returns the changes, by path.
///
/// # Errors
/// If `okra.toml` or the `.proto` files are not valid, or files cannot be read or written.
pub fn generate_project(folder: &Path) -> Result<Vec<FileChange>, ProjectError> {
    let project = Project::load(folder)?;
    let interface = ProjectInterface::compile(folder, &project)?;
    write_changes(folder, &project, &interface)
}

/// Returns the changes that [`generate_project`] would make.
///
/// # Errors
/// The same as of [`generate_project`].
pub fn find_changes(folder: &Path) -> Result<Vec<FileChange>, ProjectError> {
    let project = Project::load(folder)?;
    let interface = ProjectInterface::compile(folder, &project)?;
    Ok(GeneratedFiles::plan(folder, &project, &interface)?.changes)
}

/// Writes and removes the files that are not up to date. Returns the changes, by path.
///
/// # Errors
/// If the language cannot generate its files, or a file cannot be read or written.
pub(super) fn write_changes(
    folder: &Path,
    project: &Project,
    interface: &ProjectInterface,
) -> Result<Vec<FileChange>, ProjectError> {
    let GeneratedFiles { files, changes } = GeneratedFiles::plan(folder, project, interface)?;
    for change in &changes {
        let path = folder.join(&change.path);
        match files.get(&change.path) {
            Some(text) => {
                let parent = path.parent().unwrap_or(folder);
                fs::create_dir_all(parent).map_err(FileError::on("make the folder", parent))?;
                fs::write(&path, text).map_err(FileError::on("write", &path))?;
            }
            None => {
                fs::remove_file(&path).map_err(FileError::on("remove", &path))?;
                remove_empty_folders(folder, &path);
            }
        }
    }
    Ok(changes)
}

/// The generated files of a project by their paths, and the changes that bring the folder up to date.
struct GeneratedFiles {
    files: BTreeMap<PathBuf, Vec<u8>>,
    changes: Vec<FileChange>,
}

impl GeneratedFiles {
    /// Compares the generated files with those in the folder, and changes nothing.
    fn plan(folder: &Path, project: &Project, interface: &ProjectInterface) -> Result<Self, ProjectError> {
        let mut files = BTreeMap::new();
        for file in interface.wit() {
            files.insert(Path::new("wit").join(file.path), file.text.into_bytes());
        }
        if let Some(language) = find_language(project.language) {
            files.extend(language.generate_files(&interface.guest_project(folder))?);
        }

        let mut changes = Vec::new();
        for (path, text) in &files {
            let kind = match fs::read(folder.join(path)) {
                Ok(old_text) if old_text == *text => continue,
                Ok(_) => ChangeKind::Updated,
                Err(error) if error.kind() == io::ErrorKind::NotFound => ChangeKind::Created,
                Err(error) => return Err(FileError::on("read", &folder.join(path))(error).into()),
            };
            changes.push(FileChange { path: path.clone(), kind });
        }
        let mut existing_files = Vec::new();
        for generated_folder in GENERATED_FOLDERS {
            collect_files(folder, Path::new(generated_folder), &mut existing_files)?;
        }
        let stale = existing_files.into_iter().filter(|path| !files.contains_key(path) && is_generated(folder, path));
        changes.extend(stale.map(|path| FileChange { path, kind: ChangeKind::Removed }));
        changes.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Self { files, changes })
    }
}

/// Whether a file was generated earlier. Users can keep WIT and sources of their own beside the generated ones; the first line
/// of a generated file says so.
fn is_generated(folder: &Path, path: &Path) -> bool {
    if path.starts_with(".okra") || path.starts_with("wit/deps/okra-service") {
        // cargo and Python write files of their own there. Everything else is generated.
        let is_compiled = path.extension().is_some_and(|extension| extension == "pyc");
        return !path.ends_with("Cargo.lock") && !is_compiled;
    }
    fs::read(folder.join(path)).is_ok_and(|text| {
        let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        String::from_utf8_lossy(line).contains("enerated by OKRA")
    })
}

/// Adds all files below `below`, relative to `folder`.
fn collect_files(folder: &Path, below: &Path, files: &mut Vec<PathBuf>) -> Result<(), FileError> {
    let path = folder.join(below);
    let entries = match fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(FileError::on("read", &path)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(FileError::on("read", &path))?;
        let below = below.join(entry.file_name());
        if entry.file_type().map_err(FileError::on("read", &path))?.is_dir() {
            collect_files(folder, &below, files)?;
        } else {
            files.push(below);
        }
    }
    Ok(())
}

/// Removes the folders above a removed file, up to the first one that is not empty.
fn remove_empty_folders(folder: &Path, file: &Path) {
    for above in file.ancestors().skip(1).take_while(|above| *above != folder) {
        if fs::remove_dir(above).is_err() {
            break;
        }
    }
}
