use std::fs;
use std::path::{Path, PathBuf};

use okra_codegen::go::stubs;

use crate::project::interface::Interface;
use crate::project::{ProjectError, sdk};

/// What Go projects have generated beside the WIT: the packages in `gen/`, and the SDK, when `go.mod` takes module `okra`
/// from where it is written.
pub(super) fn files(folder: &Path, interface: &Interface) -> Result<Vec<(PathBuf, Vec<u8>)>, ProjectError> {
    let module = Module::read(folder)?;
    let mut files = if module.has_sdk { sdk::GO.files() } else { Vec::new() };
    let stubs = stubs(&interface.schema, &interface.world, &module.path);
    files.extend(stubs.into_iter().map(|file| (Path::new("gen").join(file.path), file.text.into_bytes())));
    Ok(files)
}

/// What a project's `go.mod` says.
pub(in crate::project) struct Module {
    /// The path of the module, by which its packages are imported.
    pub(in crate::project) path: String,
    /// Whether it takes the SDK from where we write it.
    has_sdk: bool,
}

impl Module {
    /// Reads the `go.mod` of the project in `folder`. When it is wrong, Go says so better than we could.
    pub(in crate::project) fn read(folder: &Path) -> Result<Self, ProjectError> {
        let path = folder.join("go.mod");
        if !path.is_file() {
            return Err(ProjectError::NoGoMod { folder: folder.to_owned() });
        }
        let text = fs::read_to_string(&path).map_err(ProjectError::io("read", &path))?;
        let lines = || text.lines().map(|line| line.split("//").next().unwrap_or_default().trim());
        let module = lines().find_map(|line| line.strip_prefix("module"));
        let module = module.map(|path| path.trim().trim_matches(['"', '`'])).filter(|path| !path.is_empty());
        let module = module.ok_or_else(|| ProjectError::NoGoMod { folder: folder.to_owned() })?;
        let replacements =
            || lines().filter_map(|line| line.split_once("=>")).map(|(_, path)| path.trim().trim_matches('"'));
        let has_sdk = replacements()
            .any(|path| Path::new(path).components().eq(Path::new(".").join(sdk::GO.folder).components()));
        Ok(Self { path: module.to_owned(), has_sdk })
    }
}
