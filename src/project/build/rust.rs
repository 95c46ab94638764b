use std::env;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;

use crate::project::ProjectError;
use crate::toolchain::{Machine, RustToolchain};

/// The component that cargo makes of the project, and where.
pub(super) fn compile(folder: &Path) -> Result<(PathBuf, Vec<u8>), ProjectError> {
    let folder = &folder.canonicalize().map_err(ProjectError::io("find", folder))?;
    let toolchain = RustToolchain::find_or_add(&Machine::here(folder))?;
    let target = target_folder(folder);
    fs::create_dir_all(&target).map_err(ProjectError::io("make the folder", &target))?;
    // Projects of one name write one file: nobody else may build until it has been read.
    let lock_path = target.join("okra.lock");
    let lock = File::create(&lock_path).map_err(ProjectError::io("write", &lock_path))?;
    lock.lock().map_err(ProjectError::io("lock", &lock_path))?;

    let mut cargo = toolchain.cargo_build();
    cargo.args(["--release", "--message-format", "json-render-diagnostics"]);
    cargo.env("CARGO_TARGET_DIR", &target).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped());
    let failed = |source| crate::toolchain::ToolchainError::Run { command: "cargo build".to_owned(), source };
    let mut child = cargo.spawn().map_err(failed)?;
    let mut messages = Vec::new();
    if let Some(stdout) = &mut child.stdout {
        stdout.read_to_end(&mut messages).map_err(failed)?;
    }
    let status = child.wait().map_err(failed)?;
    if !status.success() {
        return Err(ProjectError::Cargo { folder: folder.clone(), status });
    }
    let path = artifact(&messages, &folder.join("Cargo.toml"))
        .ok_or_else(|| ProjectError::NoComponent { folder: folder.clone() })?;
    let component = fs::read(&path).map_err(ProjectError::io("read", &path))?;
    Ok((path, component))
}

/// Where cargo builds guests: `CARGO_TARGET_DIR` if set, else one folder for all projects, so that what they have in
/// common is compiled once.
fn target_folder(folder: &Path) -> PathBuf {
    let set = env::var_os("CARGO_TARGET_DIR").filter(|set| !set.is_empty());
    match (set, etcetera::choose_base_strategy()) {
        // Relative to where we were started, as cargo understands it.
        (Some(set), _) => env::current_dir().unwrap_or_default().join(set),
        (None, Ok(strategy)) => etcetera::BaseStrategy::cache_dir(&strategy).join("okra/guests"),
        (None, Err(_)) => folder.join("target"),
    }
}

/// The `.wasm` file among what cargo says it made of the package with this `Cargo.toml`.
fn artifact(messages: &[u8], manifest: &Path) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Artifact {
        reason: String,
        manifest_path: PathBuf,
        filenames: Vec<PathBuf>,
    }

    let artifacts = messages.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    let mut of_package = artifacts
        .filter(|artifact: &Artifact| artifact.reason == "compiler-artifact" && artifact.manifest_path == manifest);
    of_package.find_map(|artifact| {
        artifact.filenames.into_iter().find(|file| file.extension().is_some_and(|it| it == "wasm"))
    })
}
