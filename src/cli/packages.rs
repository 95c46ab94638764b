//! The packages that paths on the command line name.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use miette::{Context as _, IntoDiagnostic as _, miette};

use crate::config;
use crate::package::Package;
use crate::project::build_if_stale;

/// Reads a package, each package of a folder, or the package of a project, which is built first if it is stale.
///
/// # Errors
/// If there is no package, or one cannot be read or built.
pub(super) fn read_packages(path: &Path) -> miette::Result<Vec<(PathBuf, Package)>> {
    if path.join(config::FILE_NAME).is_file() {
        return Ok(vec![read_file(build_if_stale(path)?)?]);
    }
    if path.is_dir() {
        let entries = std::fs::read_dir(path).into_diagnostic().wrap_err_with(|| read_error(path))?;
        let mut files = Vec::new();
        for entry in entries {
            let file = entry.into_diagnostic().wrap_err_with(|| read_error(path))?.path();
            if file.extension().is_some_and(|extension| extension == "wasm") {
                files.push(file);
            }
        }
        files.sort();
        if files.is_empty() {
            let help = "name a package (.wasm), a folder of packages, or a project folder with okra.toml";
            return Err(miette!(help = help, "no packages in {}", path.display()));
        }
        return files.into_iter().map(read_file).collect();
    }
    Ok(vec![read_file(path.to_owned())?])
}

fn read_file(path: PathBuf) -> miette::Result<(PathBuf, Package)> {
    let bytes = std::fs::read(&path).into_diagnostic().wrap_err_with(|| read_error(&path))?;
    let package = Package::read(bytes);
    let package = package.map_err(|error| miette::Report::new(error).wrap_err(format!("{}", path.display())))?;
    Ok((path, package))
}

fn read_error(path: &Path) -> String {
    format!("cannot read {}", path.display())
}

/// Returns the folder of compiled code, which is below the user's cache folder.
///
/// # Errors
/// If the user has no home folder.
pub(super) fn compile_cache() -> miette::Result<PathBuf> {
    let folders = etcetera::choose_base_strategy().into_diagnostic().wrap_err("cannot find the user's cache folder")?;
    Ok(folders.cache_dir().join("okra").join("compiled"))
}
