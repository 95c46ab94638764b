//! The Python packages that a project depends on: brought by pip, and of Python alone.

use std::fs;
use std::path::{Path, PathBuf};

use crate::project::ProjectError;
use crate::toolchain::{PythonToolchain, ToolchainError};

/// Installs what `requirements.txt` and `pyproject.toml` name, when they have changed, and gives the environment that it
/// is in.
///
/// # Errors
/// When pip cannot bring something, or it has native code.
pub(super) fn install(folder: &Path, work: &Path, toolchain: &PythonToolchain) -> Result<PathBuf, ProjectError> {
    let environment = work.join("environment");
    let site = environment.join("lib/site-packages");
    let stamp = environment.join("installed");
    let wanted = wanted(folder)?;
    let text = wanted.join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == text) {
        return Ok(environment);
    }
    if environment.exists() {
        fs::remove_dir_all(&environment).map_err(ProjectError::io("remove", &environment))?;
    }
    fs::create_dir_all(&site).map_err(ProjectError::io("make the folder", &site))?;
    if !wanted.is_empty() {
        let place = site.display().to_string();
        // Wheels of Python alone where there are any; some packages have native code for speed only.
        let pure = ["--only-binary=:all:", "--platform=any", "--implementation=py", "--abi=none"];
        if pip(toolchain, folder, &place, &pure, &wanted).is_err() {
            fs::remove_dir_all(&site).map_err(ProjectError::io("remove", &site))?;
            pip(toolchain, folder, &place, &[], &wanted)?;
            let mut native = Vec::new();
            find_native(&site, &site, &mut native)?;
            native.sort();
            native.dedup();
            if !native.is_empty() {
                return Err(ProjectError::NativeDependency { folder: folder.to_owned(), names: native.join(", ") });
            }
        }
    }
    fs::write(&stamp, text).map_err(ProjectError::io("write", &stamp))?;
    Ok(environment)
}

/// What pip is to install: lines of `requirements.txt`, and `project.dependencies` of `pyproject.toml`.
fn wanted(folder: &Path) -> Result<Vec<String>, ProjectError> {
    let mut wanted = Vec::new();
    let path = folder.join("requirements.txt");
    if path.is_file() {
        let text = fs::read_to_string(&path).map_err(ProjectError::io("read", &path))?;
        let lines = text.lines().map(|line| line.split(" #").next().unwrap_or(line).trim());
        wanted.extend(lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned));
    }
    let path = folder.join("pyproject.toml");
    if path.is_file() {
        let text = fs::read_to_string(&path).map_err(ProjectError::io("read", &path))?;
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| ProjectError::PyprojectToml {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        let dependencies = table.get("project").and_then(|project| project.get("dependencies"));
        let dependencies = dependencies.and_then(toml::Value::as_array).into_iter().flatten();
        wanted.extend(dependencies.filter_map(|dependency| dependency.as_str().map(str::to_owned)));
    }
    Ok(wanted)
}

fn pip(
    toolchain: &PythonToolchain,
    folder: &Path,
    place: &str,
    options: &[&str],
    wanted: &[String],
) -> Result<(), ProjectError> {
    let mut command = toolchain.pip();
    command
        .args(["install", "--quiet", "--disable-pip-version-check", "--no-compile", "--target", place])
        .args(options);
    command.args(wanted).current_dir(folder);
    let failed = |source| ToolchainError::Run { command: "pip install".to_owned(), source };
    let output = command.output().map_err(failed)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().find(|line| line.starts_with("ERROR: ")).unwrap_or("it did not say why");
    let said = said.trim_start_matches("ERROR: ").to_owned();
    Err(ToolchainError::Failed { command: "pip install".to_owned(), said }.into())
}

/// Adds the packages that have native code below `folder`, by what their folder in `site` is called.
fn find_native(site: &Path, folder: &Path, found: &mut Vec<String>) -> Result<(), ProjectError> {
    for entry in fs::read_dir(folder).map_err(ProjectError::io("read", folder))? {
        let path = entry.map_err(ProjectError::io("read", folder))?.path();
        let is_native =
            path.extension().is_some_and(|extension| ["so", "pyd", "dylib"].iter().any(|native| extension == *native));
        if path.is_dir() {
            find_native(site, &path, found)?;
        } else if is_native {
            let below = path.strip_prefix(site).unwrap_or(&path);
            let top = below.components().next().map(|top| top.as_os_str().to_string_lossy().into_owned());
            // A module by itself is `name.cpython-311-x86_64-linux-gnu.so`; libraries of a wheel are in `name.libs`.
            found.extend(top.and_then(|top| top.split('.').next().map(str::to_owned)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn file(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn requirements_and_the_dependencies_of_pyproject_are_wanted() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(wanted(folder.path()).unwrap(), Vec::<String>::new());
        file(folder.path(), "requirements.txt", "# a comment\nidna>=3  # why\n\nattrs==25.1.0\n");
        file(folder.path(), "pyproject.toml", "[project]\ndependencies = [\"six\"]\n");
        assert_eq!(wanted(folder.path()).unwrap(), ["idna>=3", "attrs==25.1.0", "six"]);
        file(folder.path(), "pyproject.toml", "[project");
        assert!(matches!(wanted(folder.path()), Err(ProjectError::PyprojectToml { .. })));
    }

    #[test]
    fn packages_with_native_code_are_found_by_name() {
        let site = tempfile::tempdir().unwrap();
        for name in ["pure/a.py", "fast/inner/_speed.abi3.so", "numbers.libs/libm.so", "alone.cpython-311-x.so"] {
            file(site.path(), name, "");
        }
        let mut found = Vec::new();
        find_native(site.path(), site.path(), &mut found).unwrap();
        found.sort();
        assert_eq!(found, ["alone", "fast", "numbers"]);
    }
}
