//! The `go.mod` of a project: the path of its module, and whether it uses the SDK that OKRA writes.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::language::FileError;
use crate::language::go::{GoBuildError, SDK};

/// The parts of a project's `go.mod` that OKRA needs.
pub(super) struct GoMod {
    /// The path of the module, by which its packages are imported.
    pub(super) module_path: String,
    /// Whether it takes the SDK from the folder that OKRA writes it to.
    pub(super) has_sdk: bool,
    /// The folders of other modules that replace those of its requirements.
    local_modules: Vec<PathBuf>,
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
        let replacements =
            || lines().filter_map(|line| line.split_once("=>")).map(|(_, path)| path.trim().trim_matches('"'));
        let has_sdk = replacements().any(|path| SDK.is_folder(Path::new(path)));
        let is_local = |path: &&str| path.starts_with('.') || Path::new(path).is_absolute();
        let local_modules = replacements().filter(is_local).map(|path| folder.join(path)).collect();
        Ok(Self { module_path: module_path.to_owned(), has_sdk, local_modules })
    }

    /// Returns what Go reads outside of the project's folder, which is a full path, apart from modules of the cache, which do
    /// not change. `None` if the project is in a workspace, whose modules Go takes without a word in `go.mod`.
    pub(super) fn outside_files(&self, folder: &Path) -> Option<Vec<PathBuf>> {
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        if is_set("GOWORK") || folder.ancestors().any(|above| above.join("go.work").is_file()) {
            return None;
        }
        let mut files = self.local_modules.clone();
        // `go env -w` writes there.
        let settings = etcetera::choose_base_strategy().ok()?;
        files.push(etcetera::BaseStrategy::config_dir(&settings).join("go/env"));
        Some(files)
    }
}
