//! The SDKs as source. The `okra` binary contains them and writes them into projects, so that a project needs no SDK from a
//! package registry.

use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry};

use crate::language::GeneratedText;

/// The SDK of a language.
pub(super) struct SdkSource {
    /// The folder in a project that it is written to.
    pub(super) folder: &'static str,
    /// The files.
    pub(super) files: Dir<'static>,
}

impl SdkSource {
    /// Returns the files by their paths in a project, and a `.gitignore` that excludes them.
    pub(super) fn project_files(&self) -> Vec<GeneratedText> {
        let mut files = vec![(PathBuf::from(".okra/.gitignore"), b"*\n".to_vec())];
        self.collect_files(&self.files, &mut files);
        files
    }

    /// Whether a path in a project is the folder of the SDK.
    pub(super) fn is_folder(&self, path: &Path) -> bool {
        let without_dot = path.strip_prefix(".").unwrap_or(path);
        without_dot.components().eq(Path::new(self.folder).components())
    }

    fn collect_files(&self, folder: &Dir<'_>, files: &mut Vec<GeneratedText>) {
        for entry in folder.entries() {
            match entry {
                // Python writes it when the SDK's own tests run.
                DirEntry::Dir(folder) if folder.path().ends_with("__pycache__") => {}
                DirEntry::Dir(folder) => self.collect_files(folder, files),
                // The SDK's own tests are not part of projects.
                DirEntry::File(file) if file.path().to_string_lossy().ends_with("_test.go") => {}
                DirEntry::File(file) => {
                    files.push((Path::new(self.folder).join(file.path()), file.contents().to_vec()));
                }
            }
        }
    }
}
