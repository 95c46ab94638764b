//! The files of a project that is imported: found within bounds, and read. Links are not followed.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::language::FileError;

/// The most files that are read.
const MAX_FILES: usize = 10_000;

/// The most entries of folders that are looked at.
const MAX_ENTRIES: usize = 200_000;

/// The largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Names of folders that hold what others wrote, or what tools made. Folders whose names begin with a dot are skipped, too, and
/// those with a `pyvenv.cfg`.
pub(super) const SKIPPED_FOLDERS: [&str; 7] =
    ["vendor", "node_modules", "venv", "env", "site-packages", "__pycache__", "target"];

/// The files of a project, by their paths below its folder, sorted.
#[derive(Debug, Default)]
pub(super) struct SourceFiles {
    pub(super) files: Vec<SourceFile>,
    /// Files that were not read, with the reason: `data.go: larger than 1 MiB`.
    pub(super) skipped: Vec<String>,
}

/// A file and its text.
#[derive(Debug)]
pub(super) struct SourceFile {
    /// Its path below the project's folder, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl SourceFile {
    pub(super) fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|own| own == extension)
    }

    /// Returns the path of its folder, empty for the project's own.
    pub(super) fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    pub(super) fn file_name(&self) -> &str {
        self.path.rsplit_once('/').map_or(&*self.path, |(_, name)| name)
    }
}

impl SourceFiles {
    /// Reads the sources, the `.proto` files and the lists of dependencies below a folder: at most 10,000 files of at most
    /// 1 MiB. Files above that, and those that are not UTF-8, are listed as skipped.
    ///
    /// # Errors
    /// If a folder or file cannot be read.
    pub(super) fn read(folder: &Path) -> Result<Self, FileError> {
        let mut found = Self::default();
        let mut open = VecDeque::from([(folder.to_owned(), String::new())]);
        let mut entries = 0;
        while let Some((path, below)) = open.pop_front() {
            for entry in fs::read_dir(&path).map_err(FileError::on("read the folder", &path))? {
                let entry = entry.map_err(FileError::on("read the folder", &path))?;
                entries += 1;
                if entries > MAX_ENTRIES {
                    found.skipped.push(format!("all after the first {MAX_ENTRIES} entries of folders"));
                    open.clear();
                    break;
                }
                let kind = entry.file_type().map_err(FileError::on("read", &entry.path()))?;
                // A name that is not UTF-8 is no source of Go or Python.
                let Ok(name) = entry.file_name().into_string() else { continue };
                let below = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
                if kind.is_dir() && !is_skipped(&entry.path(), &name) {
                    open.push_back((entry.path(), below));
                } else if kind.is_file() && is_wanted(&name) {
                    found.add(&entry.path(), below)?;
                }
            }
        }
        if found.files.len() > MAX_FILES {
            found.files.truncate(MAX_FILES);
            found.skipped.push(format!("all after the first {MAX_FILES} files"));
        }
        found.files.sort_by(|one, other| one.path.cmp(&other.path));
        found.skipped.sort();
        Ok(found)
    }

    fn add(&mut self, path: &PathBuf, below: String) -> Result<(), FileError> {
        // One more than is kept, by which it is known that there were more.
        if self.files.len() > MAX_FILES {
            return Ok(());
        }
        let file = File::open(path).map_err(FileError::on("read", path))?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(FileError::on("read", path))?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            self.skipped.push(format!("{below}: larger than 1 MiB"));
            return Ok(());
        }
        match String::from_utf8(bytes) {
            Ok(text) => self.files.push(SourceFile { path: below, text }),
            Err(_) => self.skipped.push(format!("{below}: not UTF-8")),
        }
        Ok(())
    }

    /// Returns the file with a path below the project's folder.
    pub(super) fn get(&self, path: &str) -> Option<&SourceFile> {
        let index = self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()?;
        self.files.get(index)
    }
}

fn is_skipped(path: &Path, name: &str) -> bool {
    name.starts_with('.') || SKIPPED_FOLDERS.contains(&name) || path.join("pyvenv.cfg").is_file()
}

fn is_wanted(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("go" | "py" | "proto"))
        || matches!(name, "go.mod" | "requirements.txt" | "pyproject.toml" | "buf.yaml" | "buf.work.yaml")
}
