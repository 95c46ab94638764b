//! The SDKs as source, which `okra` has inside and writes into projects, so that they need nothing published.

use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry, include_dir};

/// The SDK of a language.
pub(super) struct Sdk {
    /// Where in a project it is written.
    pub(super) folder: &'static str,
    sources: Dir<'static>,
}

pub(super) static RUST: Sdk =
    Sdk { folder: ".okra/sdk/rust", sources: include_dir!("$CARGO_MANIFEST_DIR/guest-sdk/rust") };
pub(super) static GO: Sdk = Sdk { folder: ".okra/sdk/go", sources: include_dir!("$CARGO_MANIFEST_DIR/guest-sdk/go") };
pub(super) static PYTHON: Sdk =
    Sdk { folder: ".okra/sdk/python", sources: include_dir!("$CARGO_MANIFEST_DIR/guest-sdk/python/src") };

impl Sdk {
    /// Its files, by their place in a project, and one that keeps git away from them.
    pub(super) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = vec![(PathBuf::from(".okra/.gitignore"), b"*\n".to_vec())];
        self.collect(&self.sources, &mut files);
        files
    }

    fn collect(&self, folder: &Dir<'_>, files: &mut Vec<(PathBuf, Vec<u8>)>) {
        for entry in folder.entries() {
            match entry {
                // What Python leaves where it has run.
                DirEntry::Dir(folder) if folder.path().ends_with("__pycache__") => {}
                DirEntry::Dir(folder) => self.collect(folder, files),
                // Tests of its own.
                DirEntry::File(file) if file.path().to_string_lossy().ends_with("_test.go") => {}
                DirEntry::File(file) => {
                    files.push((Path::new(self.folder).join(file.path()), file.contents().to_vec()));
                }
            }
        }
    }
}
