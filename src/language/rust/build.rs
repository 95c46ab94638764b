//! The build of projects in Rust, by cargo.

use std::env;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;

use crate::language::rust::RustBuildError;
use crate::language::rust::toolchain::RustToolchain;
use crate::language::{BuiltComponent, CommandError, ComponentStart, FileError, GuestProject, Machine};

/// Returns the component that cargo makes of the project.
///
/// # Errors
/// If the toolchain is missing, cargo fails, or none of its artifacts is a component.
pub(super) fn build_component(project: &GuestProject<'_>) -> Result<BuiltComponent, RustBuildError> {
    let folder = project.folder.canonicalize().map_err(FileError::on("find", project.folder))?;
    let toolchain = RustToolchain::find_or_add(&Machine::here(&folder))?;
    let target_folder = target_folder(&folder);
    fs::create_dir_all(&target_folder).map_err(FileError::on("make the folder", &target_folder))?;
    // Projects with the same name write the same file, so the lock is held until the component has been read.
    let lock_path = target_folder.join("okra.lock");
    let lock = File::create(&lock_path).map_err(FileError::on("write", &lock_path))?;
    lock.lock().map_err(FileError::on("lock", &lock_path))?;

    let mut cargo = toolchain.cargo_build();
    cargo.args(["--release", "--message-format", "json-render-diagnostics"]);
    cargo.env("CARGO_TARGET_DIR", &target_folder).current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::piped());
    let run_error = CommandError::on_run("cargo build");
    let mut child = cargo.spawn().map_err(&run_error)?;
    let mut messages = Vec::new();
    if let Some(stdout) = &mut child.stdout {
        stdout.read_to_end(&mut messages).map_err(&run_error)?;
    }
    let status = child.wait().map_err(&run_error)?;
    if !status.success() {
        return Err(RustBuildError::Cargo { folder, status });
    }
    let Some(path) = find_artifact(&messages, &folder.join("Cargo.toml")) else {
        return Err(RustBuildError::NoComponent { folder });
    };
    let bytes = fs::read(&path).map_err(FileError::on("read", &path))?;
    let outside = read_dependency_file(&path.with_extension("d"), &folder);
    Ok(BuiltComponent { path, bytes, start: ComponentStart::Once, outside })
}

/// Returns the files outside of the project that cargo's file of dependencies names, with the files that set cargo up. `None` if
/// there is no such file. Packages of registries do not change, so it does not name theirs.
fn read_dependency_file(dependency_file: &Path, folder: &Path) -> Option<Vec<PathBuf>> {
    let text = fs::read_to_string(dependency_file).ok()?;
    // As of make, a space within a name has a backslash before it.
    let (_, names) = text.lines().next()?.split_once(": ")?;
    let names = names.replace("\\ ", "\0");
    let files = names.split(' ').filter(|name| !name.is_empty()).map(|name| PathBuf::from(name.replace('\0', " ")));
    let mut outside: Vec<PathBuf> = files.filter(|file| !file.starts_with(folder)).collect();
    let mut folders: Vec<PathBuf> =
        outside.iter().flat_map(|file| file.ancestors().skip(1)).map(PathBuf::from).collect();
    folders.extend(folder.ancestors().skip(1).map(PathBuf::from));
    folders.sort();
    folders.dedup();
    let settings =
        ["Cargo.toml", "Cargo.lock", ".cargo/config.toml", ".cargo/config", "rust-toolchain.toml", "rust-toolchain"];
    for folder in folders {
        outside.extend(settings.iter().map(|name| folder.join(name)));
    }
    Some(outside)
}

/// Returns the folder in which cargo builds guests: `CARGO_TARGET_DIR` if it is set, else one folder for all projects, so that
/// the dependencies that projects share are compiled once.
fn target_folder(folder: &Path) -> PathBuf {
    let target_dir = env::var_os("CARGO_TARGET_DIR").filter(|target_dir| !target_dir.is_empty());
    match (target_dir, etcetera::choose_base_strategy()) {
        // As of cargo, it is relative to the folder in which okra was started.
        (Some(target_dir), _) => env::current_dir().unwrap_or_default().join(target_dir),
        (None, Ok(strategy)) => etcetera::BaseStrategy::cache_dir(&strategy).join("okra/guests"),
        (None, Err(_)) => folder.join("target"),
    }
}

/// Returns the `.wasm` file among the artifacts of the package with this `Cargo.toml`. `messages` are cargo's, one JSON object
/// a line.
fn find_artifact(messages: &[u8], cargo_toml: &Path) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct CargoArtifact {
        reason: String,
        manifest_path: PathBuf,
        filenames: Vec<PathBuf>,
    }

    let artifacts = messages.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    let mut artifacts_of_package = artifacts.filter(|artifact: &CargoArtifact| {
        artifact.reason == "compiler-artifact" && artifact.manifest_path == cargo_toml
    });
    artifacts_of_package.find_map(|artifact| {
        artifact.filenames.into_iter().find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
    })
}
