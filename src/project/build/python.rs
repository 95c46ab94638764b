use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use okra_codegen::python::{APP, component};

use super::{dependencies, runtime};
use crate::config::Project;
use crate::project::interface::Interface;
use crate::project::{ProjectError, sdk};
use crate::toolchain::{Machine, PythonToolchain, ToolchainError};

/// The module that a project's services are exported from.
const ENTRY: &str = "service.py";

/// The component that componentize-py makes of the project, and where.
///
/// componentize-py runs the project's modules up to the end of their imports, and the component begins from there. It
/// sees a copy of the sources, without what people and tools keep beside them.
pub(super) fn compile(
    folder: &Path,
    project: &Project,
    interface: &Interface,
) -> Result<(PathBuf, Vec<u8>), ProjectError> {
    let folder = &folder.canonicalize().map_err(ProjectError::io("find", folder))?;
    if !folder.join(ENTRY).is_file() {
        return Err(ProjectError::NoEntry { folder: folder.clone() });
    }
    let toolchain = PythonToolchain::find(&Machine::here(folder))?;
    let work = folder.join("target/okra/python");
    let environment = dependencies::install(folder, &work, &toolchain)?;

    let made = component(&interface.schema, &interface.world);
    let sources = work.join("sources");
    for stale in [&sources, &work.join("wit"), &work.join("app")] {
        if stale.exists() {
            fs::remove_dir_all(stale).map_err(ProjectError::io("remove", stale))?;
        }
    }
    copy_sources(folder, &sources)?;
    for file in made.files() {
        let path = work.join(&file.path);
        let parent = path.parent().unwrap_or(&work);
        fs::create_dir_all(parent).map_err(ProjectError::io("make the folder", parent))?;
        fs::write(&path, file.text).map_err(ProjectError::io("write", &path))?;
    }

    let output = work.join("component.wasm");
    let mut command = toolchain.componentize();
    command.arg("--quiet").arg("--wit-path").arg(work.join("wit")).args(["--world", &interface.world.name]);
    for (option, names) in [("--import-interface-name", &made.imports), ("--export-interface-name", &made.exports)] {
        for (interface, name) in names {
            command.arg(option).arg(format!("{interface}={name}"));
        }
    }
    command.args(["componentize", APP, "--output"]).arg(&output);
    for path in [work.join("app"), sources, folder.join(sdk::PYTHON.folder)] {
        command.arg("--python-path").arg(path);
    }
    // The dependencies are those of the project, whatever environment we are started from.
    command.env("VIRTUAL_ENV", environment).env_remove("PYTHONPATH");
    run(&mut command, folder)?;
    let component = fs::read(&output).map_err(ProjectError::io("read", &output))?;
    let component =
        runtime::mended(&component).map_err(|reason| ProjectError::Component { path: output.clone(), reason })?;
    tracing::debug!(project = %project.name, "componentize-py has made the component");
    Ok((output, component))
}

/// Runs componentize-py, which tells what is wrong itself.
fn run(command: &mut Command, folder: &Path) -> Result<(), ProjectError> {
    let failed = |source| ToolchainError::Run { command: "componentize-py".to_owned(), source };
    let output = command.stdin(Stdio::null()).output().map_err(failed)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(ProjectError::Componentize { folder: folder.to_owned(), said: last_traceback(&said) })
}

/// What Python says, without the way through componentize-py that comes before and after it.
fn last_traceback(said: &str) -> String {
    let from = said.find("Traceback (most recent call last)").unwrap_or_default();
    let words = said.get(from..).unwrap_or(said);
    let end = words.find("\nCaused by").or_else(|| words.find("\n\n")).unwrap_or(words.len());
    words.get(..end).unwrap_or(words).trim().to_owned()
}

/// Copies what may be imported or read by the project's modules: all but hidden files, what is made, and virtual
/// environments.
fn copy_sources(from: &Path, to: &Path) -> Result<(), ProjectError> {
    const LEFT_OUT: [&str; 5] = ["__pycache__", "proto", "target", "tests", "wit"];
    fs::create_dir_all(to).map_err(ProjectError::io("make the folder", to))?;
    for entry in fs::read_dir(from).map_err(ProjectError::io("read", from))? {
        let entry = entry.map_err(ProjectError::io("read", from))?;
        let (name, path) = (entry.file_name(), entry.path());
        let is_left_out = LEFT_OUT.iter().any(|left_out| name == *left_out) || path.join("pyvenv.cfg").is_file();
        if is_left_out || name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if path.is_dir() {
            copy_sources(&path, &to.join(name))?;
        } else {
            fs::copy(&path, to.join(name)).map_err(ProjectError::io("copy", &path))?;
        }
    }
    Ok(())
}
