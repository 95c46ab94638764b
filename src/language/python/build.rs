//! The build of projects in Python, by componentize-py.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use okra_codegen::python::{APP, component};

use crate::language::python::dependencies::{SITE_PACKAGES, install_dependencies};
use crate::language::python::fuse::fuse_libraries;
use crate::language::python::runtime_patch::patch_runtime;
use crate::language::python::toolchain::PythonToolchain;
use crate::language::python::{PythonBuildError, SDK};
use crate::language::{BuiltComponent, CommandError, ComponentStart, FileError, GuestProject, Machine};

/// The module that exports a project's services.
const SERVICE_FILE: &str = "service.py";

/// Folders of a project that hold no modules of its component: what it is built from, and what is built. Folders of the same
/// names further down are packages as any other.
const BUILD_FOLDERS: [&str; 4] = ["proto", "target", "tests", "wit"];

/// The module of the component that names the imports in functions.
const DEFERRED_MODULE: &str = "okra_deferred.py";

/// Returns the component that componentize-py makes of the project.
///
/// componentize-py runs the project's modules up to the end of their imports, and the component begins from there. It
/// sees a copy of the sources, without the files that users and tools keep beside them.
///
/// # Errors
/// If the toolchain, `service.py` or a dependency is missing, or componentize-py fails.
pub(super) fn build_component(project: &GuestProject<'_>) -> Result<BuiltComponent, PythonBuildError> {
    let folder = &project.folder.canonicalize().map_err(FileError::on("find", project.folder))?;
    if !folder.join(SERVICE_FILE).is_file() {
        return Err(PythonBuildError::NoServiceFile { folder: folder.clone() });
    }
    let toolchain = PythonToolchain::find(&Machine::here(folder))?;
    let work_folder = folder.join("target/okra/python");
    let environment = install_dependencies(folder, &work_folder, &toolchain)?;

    let component_files = component(project.schema, project.world);
    let sources = work_folder.join("sources");
    for old_folder in [&sources, &work_folder.join("wit"), &work_folder.join("app")] {
        if old_folder.exists() {
            fs::remove_dir_all(old_folder).map_err(FileError::on("remove", old_folder))?;
        }
    }
    copy_sources(folder, &sources, &BUILD_FOLDERS)?;
    for file in component_files.files() {
        let path = work_folder.join(&file.path);
        let parent = path.parent().unwrap_or(&work_folder);
        fs::create_dir_all(parent).map_err(FileError::on("make the folder", parent))?;
        fs::write(&path, file.text).map_err(FileError::on("write", &path))?;
    }

    let site_packages = environment.join(SITE_PACKAGES);
    let deferred = work_folder.join("app").join(DEFERRED_MODULE);
    let deferred_imports = find_deferred_imports(&toolchain, &[&sources, &site_packages])?;
    fs::write(&deferred, deferred_imports).map_err(FileError::on("write", &deferred))?;

    let path = work_folder.join("component.wasm");
    let mut command = toolchain.componentize();
    command.arg("--quiet").arg("--wit-path").arg(work_folder.join("wit")).args(["--world", &project.world.name]);
    let interface_names =
        [("--import-interface-name", &component_files.imports), ("--export-interface-name", &component_files.exports)];
    for (option, names) in interface_names {
        for (interface, name) in names {
            command.arg(option).arg(format!("{interface}={name}"));
        }
    }
    command.args(["componentize", APP, "--output"]).arg(&path);
    for python_path in [work_folder.join("app"), sources, folder.join(SDK.folder)] {
        command.arg("--python-path").arg(python_path);
    }
    // Only the project's own dependencies count, not those of the environment in which okra was started.
    command.env("VIRTUAL_ENV", environment).env_remove("PYTHONPATH");
    run_componentize(&mut command, folder)?;
    let bytes = fs::read(&path).map_err(FileError::on("read", &path))?;
    let bytes = patch_runtime(&bytes).map_err(|reason| PythonBuildError::Component { path: path.clone(), reason })?;
    tracing::debug!(project = %project.world.name, "componentize-py has made the component");
    let invalid =
        |error: anyhow::Error| PythonBuildError::Component { path: path.clone(), reason: format!("{error:#}") };
    let bytes = fuse_libraries(&bytes).map_err(invalid)?.unwrap_or(bytes);
    // Packages are installed again when their list changes, which is in the project.
    Ok(BuiltComponent { path, bytes, start: ComponentStart::Once, outside: Some(Vec::new()) })
}

/// Runs componentize-py.
///
/// # Errors
/// If it fails, with its own message.
fn run_componentize(command: &mut Command, folder: &Path) -> Result<(), PythonBuildError> {
    let output = command.stdin(Stdio::null()).output().map_err(CommandError::on_run("componentize-py"))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(PythonBuildError::Componentize { folder: folder.to_owned(), traceback: last_traceback(&stderr) })
}

/// Returns the traceback of Python, without the frames of componentize-py before and after it.
fn last_traceback(stderr: &str) -> String {
    let start = stderr.find("Traceback (most recent call last)").unwrap_or_default();
    let traceback = stderr.get(start..).unwrap_or(stderr);
    let end = traceback.find("\nCaused by").or_else(|| traceback.find("\n\n")).unwrap_or(traceback.len());
    traceback.get(..end).unwrap_or(traceback).trim().to_owned()
}

/// Returns a Python module with the imports in functions of all modules below these folders. At run time there is no file
/// system to import from, so they are imported while the component is made.
///
/// # Errors
/// If the toolchain's Python cannot be run.
fn find_deferred_imports(toolchain: &PythonToolchain, folders: &[&Path]) -> Result<Vec<u8>, CommandError> {
    const COMMAND: &str = "python (looking for imports in functions)";
    let mut command = toolchain.python();
    command.args(["-I", "-c", include_str!("deferred_imports.py")]).args(folders);
    let output = command.stdin(Stdio::null()).output().map_err(CommandError::on_run(COMMAND))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let last_line = stderr.lines().last().unwrap_or_default().to_owned();
    Err(CommandError::Failed { command: COMMAND.to_owned(), last_line })
}

/// Copies the files that the project's modules may import or read: all except hidden files, compiled modules, virtual
/// environments, and the `excluded` folders of the top level.
fn copy_sources(from: &Path, to: &Path, excluded: &[&str]) -> Result<(), FileError> {
    fs::create_dir_all(to).map_err(FileError::on("make the folder", to))?;
    for entry in fs::read_dir(from).map_err(FileError::on("read", from))? {
        let entry = entry.map_err(FileError::on("read", from))?;
        let (name, path) = (entry.file_name(), entry.path());
        let is_excluded = name == "__pycache__"
            || name.as_encoded_bytes().starts_with(b".")
            || excluded.iter().any(|excluded| name == *excluded)
            || path.join("pyvenv.cfg").is_file();
        if is_excluded {
            continue;
        }
        if path.is_dir() {
            copy_sources(&path, &to.join(name), &[])?;
        } else {
            fs::copy(&path, to.join(name)).map_err(FileError::on("copy", &path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_build_folders_at_the_top_are_left_out() {
        let project = tempfile::tempdir().unwrap();
        let (folder, sources) = (project.path(), project.path().join("target/sources"));
        let names = ["proto/a.proto", "tests/test_a.py", "wit/world.wit", "target/a.wasm", ".env", "service.py"];
        let kept = ["gen/opentelemetry/proto/__init__.py", "lib/tests/a.py", "lib/target/a.py", "lib/wit.py"];
        for name in names.iter().chain(&kept).chain(&["lib/__pycache__/a.pyc", "venv/pyvenv.cfg", "venv/a.py"]) {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        copy_sources(folder, &sources, &BUILD_FOLDERS).unwrap();
        for name in kept.iter().chain(&["service.py"]) {
            assert!(sources.join(name).is_file(), "{name}");
        }
        for name in ["proto", "tests", "wit", "target", ".env", "venv", "lib/__pycache__"] {
            assert!(!sources.join(name).exists(), "{name}");
        }
    }
}
