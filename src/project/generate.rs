//! What is generated in a project: WIT for all languages, and what a language has beside it, which is a room of its own.

pub(super) mod go;
mod python;
mod rust;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::ProjectError;
use super::interface::Interface;
use crate::config::{Language, Project};

/// A file that [`generate`] writes or removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The file, relative to the project's folder.
    pub path: PathBuf,
    /// What happens to it.
    pub kind: ChangeKind,
}

/// What happens to a generated file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was not there.
    Created,
    /// It was there with another text.
    Updated,
    /// It was generated once and is no more.
    Removed,
}

/// Folders of a project with generated files in them. Stubs are in `gen`.
const FOLDERS: [&str; 3] = ["wit", "gen", ".okra/sdk"];

/// Brings what is generated in a project up to date: WIT in `wit/`; for Go and Python stubs in `gen/`; and the SDK in
/// `.okra/sdk/` when the project uses it from there. Files that are as they should be are not touched.
///
/// # Errors
/// When `okra.toml` or the `.proto` files are wrong, or files cannot be read or written.
pub fn generate(folder: &Path) -> Result<Vec<Change>, ProjectError> {
    let project = Project::load(folder)?;
    let interface = Interface::compile(folder, &project)?;
    write(folder, &project, &interface)
}

/// What [`generate`] would change.
///
/// # Errors
/// As [`generate`].
pub fn changes(folder: &Path) -> Result<Vec<Change>, ProjectError> {
    let project = Project::load(folder)?;
    let interface = Interface::compile(folder, &project)?;
    Ok(Generated::of(folder, &project, &interface)?.changes)
}

pub(super) fn write(folder: &Path, project: &Project, interface: &Interface) -> Result<Vec<Change>, ProjectError> {
    let Generated { files, changes } = Generated::of(folder, project, interface)?;
    for change in &changes {
        let path = folder.join(&change.path);
        match files.get(&change.path) {
            Some(text) => {
                let parent = path.parent().unwrap_or(folder);
                fs::create_dir_all(parent).map_err(ProjectError::io("make the folder", parent))?;
                fs::write(&path, text).map_err(ProjectError::io("write", &path))?;
            }
            None => {
                fs::remove_file(&path).map_err(ProjectError::io("remove", &path))?;
                remove_empty(folder, &path);
            }
        }
    }
    Ok(changes)
}

/// All that is to be generated, and what of it is not yet as it should be.
struct Generated {
    files: BTreeMap<PathBuf, Vec<u8>>,
    changes: Vec<Change>,
}

impl Generated {
    fn of(folder: &Path, project: &Project, interface: &Interface) -> Result<Self, ProjectError> {
        let mut files = BTreeMap::new();
        for file in interface.wit() {
            files.insert(Path::new("wit").join(file.path), file.text.into_bytes());
        }
        files.extend(match project.language {
            Language::Rust => rust::files(folder)?,
            Language::Go => go::files(folder, interface)?,
            Language::Python => python::files(interface),
            Language::Component => Vec::new(),
        });

        let mut changes = Vec::new();
        for (path, text) in &files {
            let kind = match fs::read(folder.join(path)) {
                Ok(there) if there == *text => continue,
                Ok(_) => ChangeKind::Updated,
                Err(error) if error.kind() == io::ErrorKind::NotFound => ChangeKind::Created,
                Err(error) => return Err(ProjectError::io("read", &folder.join(path))(error)),
            };
            changes.push(Change { path: path.clone(), kind });
        }
        let mut there = Vec::new();
        for generated in FOLDERS {
            walk(folder, Path::new(generated), &mut there)?;
        }
        let stale = there.into_iter().filter(|path| !files.contains_key(path) && is_generated(folder, path));
        changes.extend(stale.map(|path| Change { path, kind: ChangeKind::Removed }));
        changes.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Self { files, changes })
    }
}

/// Whether a file was generated once. People may keep WIT and sources of their own beside ours: those that are generated
/// say so in their first line.
fn is_generated(folder: &Path, path: &Path) -> bool {
    if path.starts_with(".okra") || path.starts_with("wit/deps/okra-service") {
        // What tools leave there: cargo's own file, Python's compiled modules. Everything else is ours.
        let is_compiled = path.extension().is_some_and(|extension| extension == "pyc");
        return !path.ends_with("Cargo.lock") && !is_compiled;
    }
    fs::read(folder.join(path)).is_ok_and(|text| {
        let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        String::from_utf8_lossy(line).contains("enerated by OKRA")
    })
}

/// Adds all files below `below`, relative to `folder`.
fn walk(folder: &Path, below: &Path, files: &mut Vec<PathBuf>) -> Result<(), ProjectError> {
    let path = folder.join(below);
    let entries = match fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(ProjectError::io("read", &path)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(ProjectError::io("read", &path))?;
        let below = below.join(entry.file_name());
        if entry.file_type().map_err(ProjectError::io("read", &path))?.is_dir() {
            walk(folder, &below, files)?;
        } else {
            files.push(below);
        }
    }
    Ok(())
}

/// Removes the folders above a file that was removed, as far as they are empty.
fn remove_empty(folder: &Path, file: &Path) {
    for above in file.ancestors().skip(1).take_while(|above| *above != folder) {
        if fs::remove_dir(above).is_err() {
            break;
        }
    }
}
