//! The packages that paths on the command line name.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use miette::{Context as _, IntoDiagnostic as _, miette};

use crate::config::{self, CompileLimits};
use crate::package::Package;
use crate::project::build_if_stale;
use crate::runtime::{Compiler, RuntimeSettings};

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

/// Returns the folder of compiled code, which is below the user's cache folder; `None`, with a line in the log, for a user
/// without a home folder. A folder that other users can write, such as `/tmp`, never stands in for it.
pub(super) fn compile_cache() -> Option<PathBuf> {
    match etcetera::choose_base_strategy() {
        Ok(folders) => Some(folders.cache_dir().join("okra").join("compiled")),
        Err(error) => {
            tracing::warn!(%error, "compiled code is not kept: the user has no home folder");
            None
        }
    }
}

/// Returns the settings of a runtime whose calls stay in this process.
pub(super) fn local_settings() -> RuntimeSettings {
    RuntimeSettings {
        cache: compile_cache(),
        compiler: Compiler::child(CompileLimits::default()),
        ..RuntimeSettings::default()
    }
}
