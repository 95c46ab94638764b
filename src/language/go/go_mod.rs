//! The `go.mod` of a project: the path of its module, and whether it uses the SDK that OKRA writes.

use std::fs;
use std::path::Path;

use crate::language::FileError;
use crate::language::go::{GoBuildError, SDK};

/// The parts of a project's `go.mod` that OKRA needs.
pub(super) struct GoMod {
    /// The path of the module, by which its packages are imported.
    pub(super) module_path: String,
    /// Whether it takes the SDK from the folder that OKRA writes it to.
    pub(super) has_sdk: bool,
}

impl GoMod {
    /// Reads the `go.mod` of the project in `folder`. Everything that is not valid in it is left to Go, which reports it with
    /// the line.
    ///
    /// # Errors
    /// If the file is missing, cannot be read, or has no module path.
    pub(super) fn read(folder: &Path) -> Result<Self, GoBuildError> {
        let path = folder.join("go.mod");
        if !path.is_file() {
            return Err(GoBuildError::NoGoMod { folder: folder.to_owned() });
        }
        let text = fs::read_to_string(&path).map_err(FileError::on("read", &path))?;
        let lines = || text.lines().map(|line| line.split("//").next().unwrap_or_default().trim());
        let module_path = lines().find_map(|line| line.strip_prefix("module"));
        let module_path = module_path.map(|path| path.trim().trim_matches(['"', '`'])).filter(|path| !path.is_empty());
        let module_path = module_path.ok_or_else(|| GoBuildError::NoGoMod { folder: folder.to_owned() })?;
        let mut replacements =
            lines().filter_map(|line| line.split_once("=>")).map(|(_, path)| path.trim().trim_matches('"'));
        let has_sdk = replacements.any(|path| SDK.is_folder(Path::new(path)));
        Ok(Self { module_path: module_path.to_owned(), has_sdk })
    }
}
