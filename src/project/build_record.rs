//! The record of the last build: the files that a package was made of, with their digests. By it a build in which nothing has
//! changed is over at once.
//!
//! What counts is the text of a file. Its size and time only save reading it again: a file that was touched is read, and
//! is no change if its text is the same. The record is kept in `target/okra` of the project.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::config::Project;
use crate::language::{FileError, Machine, find_language};
use crate::project::build::BUILDER;

/// Folders, hidden or not, in which nothing is that a package is made of.
const IGNORED_FOLDERS: [&str; 5] = [".git", ".hg", ".jj", ".svn", "__pycache__"];

/// Environment variables that differ between terminals and change no build.
const IGNORED_VARIABLES: [&str; 12] = [
    "_",
    "COLUMNS",
    "LINES",
    "OLDPWD",
    "PWD",
    "SHLVL",
    "TERM",
    "TERM_PROGRAM",
    "TERM_SESSION_ID",
    "WINDOWID",
    "SSH_CLIENT",
    "SSH_CONNECTION",
];

/// A file whose last change is younger than this when it is read may change again without a new time.
const TIME_RESOLUTION: Duration = Duration::from_secs(2);

/// The most folders within each other.
const MAX_DEPTH: usize = 100;

/// The inputs of a package, with the package that was made of them.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct BuildRecord {
    /// Digest of all that is not a file: this `okra`, the toolchain, the environment.
    context: String,
    /// The files by their paths.
    files: BTreeMap<PathBuf, FileRecord>,
    /// Files and folders outside of the project that the compiler has read.
    outside: Vec<PathBuf>,
    /// The package that was written.
    package: PathBuf,
}

/// A file as it was when it was read.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct FileRecord {
    size: u64,
    /// The time of its last change, unless that was too close to the time at which it was read.
    modified: Option<SystemTime>,
    sha256: String,
}

impl PartialEq for FileRecord {
    fn eq(&self, other: &Self) -> bool {
        self.sha256 == other.sha256
    }
}

impl Eq for FileRecord {}

impl BuildRecord {
    /// Reads everything that the package of a project is made of. Digests are taken from `old`, where it has the file as it
    /// is.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub(super) fn take(
        folder: &Path,
        project: &Project,
        package: &Path,
        outside: Vec<PathBuf>,
        old: Option<&Self>,
    ) -> Result<Self, FileError> {
        let absolute = std::path::absolute;
        let folder = &absolute(folder).map_err(FileError::on("find", folder))?;
        let package = absolute(package).map_err(FileError::on("find", package))?;
        let mut record =
            Self { context: context(folder, project), files: BTreeMap::new(), outside: Vec::new(), package };
        let mut reader = FileReader { old, files: &mut record.files, output: folder.join("target") };
        reader.read(folder, MAX_DEPTH)?;
        for source in project.proto.sources() {
            reader.read(&folder.join(source), MAX_DEPTH)?;
        }
        if let Some(component) = &project.component {
            reader.read_file(&folder.join(component))?;
        }
        for path in &outside {
            reader.read(path, MAX_DEPTH)?;
        }
        record.outside = outside;
        Ok(record)
    }

    /// Returns the record of the last build that wrote `package`, or none.
    pub(super) fn load(folder: &Path, project: &Project) -> Option<Self> {
        serde_json::from_slice(&fs::read(record_path(folder, project)).ok()?).ok()
    }

    /// Whether a build would make what is there: nothing has changed, and the package is the one that was written.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub(super) fn is_current(&self, folder: &Path, project: &Project, package: &Path) -> Result<bool, FileError> {
        if !package.is_file() {
            return Ok(false);
        }
        let mut now = Self::take(folder, project, package, self.outside.clone(), Some(self))?;
        now.add_package(Some(self))?;
        Ok(now == *self)
    }

    /// Whether a compiler that ran since `earlier` has read the files of this record: none has another text, and those that
    /// are new lie outside of the project.
    pub(super) fn has_read(&self, earlier: &Self) -> bool {
        let is_known = |(path, file): (&PathBuf, &FileRecord)| match earlier.files.get(path) {
            Some(before) => before == file,
            None => self.outside.iter().any(|outside| path.starts_with(outside)),
        };
        self.context == earlier.context
            && self.files.iter().all(is_known)
            && earlier.files.keys().all(|path| self.files.contains_key(path))
    }

    /// Writes the record for the next build, with the package that was made.
    ///
    /// # Errors
    /// If the package cannot be read or the record not written.
    pub(super) fn save(mut self, folder: &Path, project: &Project) -> Result<(), FileError> {
        self.add_package(None)?;
        let path = record_path(folder, project);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(FileError::on("make the folder", parent))?;
        let text = serde_json::to_vec(&self).map_err(|error| FileError::on("write", &path)(error.into()))?;
        fs::write(&path, text).map_err(FileError::on("write", &path))
    }

    fn add_package(&mut self, old: Option<&Self>) -> Result<(), FileError> {
        let package = self.package.clone();
        FileReader { old, files: &mut self.files, output: PathBuf::new() }.read_file(&package)
    }

    /// Removes the record, so that the next build compiles.
    pub(super) fn remove(folder: &Path, project: &Project) {
        // What is left of a record that cannot be removed does not match the next build's files.
        let _ = fs::remove_file(record_path(folder, project));
    }
}

fn record_path(folder: &Path, project: &Project) -> PathBuf {
    folder.join("target/okra").join(format!("{}.build.json", project.name))
}

/// Returns a digest of this `okra`, the toolchain and the environment.
fn context(folder: &Path, project: &Project) -> String {
    let mut digest = Sha256::new();
    let mut add = |text: &[u8]| {
        digest.update(text.len().to_le_bytes());
        digest.update(text);
    };
    add(BUILDER.as_bytes());
    // While OKRA itself is worked on, two programs have the same version.
    if let Ok(metadata) = env::current_exe().and_then(fs::metadata) {
        add(format!("{} {:?}", metadata.len(), metadata.modified().ok()).as_bytes());
    }
    if project.component.is_none()
        && let Some(language) = find_language(project.language)
    {
        // A missing toolchain is told by the build.
        add(language.find_toolchain(&Machine::here(folder)).unwrap_or_default().as_bytes());
    }
    let mut variables: Vec<_> = env::vars_os().collect();
    variables.retain(|(name, _)| !IGNORED_VARIABLES.iter().any(|ignored| name == *ignored));
    variables.sort();
    for (name, value) in variables {
        add(name.as_encoded_bytes());
        add(value.as_encoded_bytes());
    }
    hex(&digest.finalize())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A reader of files and folders into a record.
struct FileReader<'a> {
    old: Option<&'a BuildRecord>,
    files: &'a mut BTreeMap<PathBuf, FileRecord>,
    /// The folder of the project with what is built.
    output: PathBuf,
}

impl FileReader<'_> {
    /// Reads a file, or all files below a folder. Links are followed. What is not there is skipped.
    fn read(&mut self, path: &Path, depth: usize) -> Result<(), FileError> {
        let Ok(metadata) = fs::metadata(path) else { return Ok(()) };
        if !metadata.is_dir() {
            return if metadata.is_file() { self.add(path, &metadata) } else { Ok(()) };
        }
        let is_ignored = |name: &OsStr| IGNORED_FOLDERS.iter().any(|ignored| name == *ignored);
        if path == self.output || path.file_name().is_some_and(is_ignored) || path.join("pyvenv.cfg").is_file() {
            return Ok(());
        }
        let depth = depth.checked_sub(1).ok_or_else(|| {
            FileError::on("read", path)(std::io::Error::other(format!("more than {MAX_DEPTH} folders in each other")))
        })?;
        for entry in fs::read_dir(path).map_err(FileError::on("read", path))? {
            self.read(&entry.map_err(FileError::on("read", path))?.path(), depth)?;
        }
        Ok(())
    }

    fn read_file(&mut self, path: &Path) -> Result<(), FileError> {
        let metadata = fs::metadata(path).map_err(FileError::on("read", path))?;
        self.add(path, &metadata)
    }

    fn add(&mut self, path: &Path, metadata: &Metadata) -> Result<(), FileError> {
        if self.files.contains_key(path) {
            return Ok(());
        }
        let modified = metadata.modified().ok();
        let old = self.old.and_then(|old| old.files.get(path));
        let is_same =
            |old: &&FileRecord| old.modified.is_some() && old.modified == modified && old.size == metadata.len();
        let record = match old.filter(is_same) {
            Some(old) => old.clone(),
            None => {
                let now = SystemTime::now();
                let text = fs::read(path).map_err(FileError::on("read", path))?;
                let is_settled = |time: &SystemTime| *time + TIME_RESOLUTION < now;
                let sha256 = hex(&Sha256::digest(&text));
                FileRecord { size: metadata.len(), modified: modified.filter(is_settled), sha256 }
            }
        };
        self.files.insert(path.to_owned(), record);
        Ok(())
    }
}
