//! The Python packages that a project depends on. pip installs them; packages with native code are refused.

use std::fs;
use std::path::{Path, PathBuf};

use crate::language::python::PythonBuildError;
use crate::language::python::toolchain::PythonToolchain;
use crate::language::{CommandError, FileError};

/// Installs the packages that `requirements.txt` and `pyproject.toml` name, unless they are installed already. Returns the
/// environment with them.
///
/// # Errors
/// If pip cannot install a package, or it has native code.
pub(super) fn install_dependencies(
    folder: &Path,
    work_folder: &Path,
    toolchain: &PythonToolchain,
) -> Result<PathBuf, PythonBuildError> {
    let environment = work_folder.join("environment");
    let site_packages = environment.join("lib/site-packages");
    let stamp = environment.join("installed");
    let requirements = read_requirements(folder)?;
    let text = requirements.join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == text) {
        return Ok(environment);
    }
    if environment.exists() {
        fs::remove_dir_all(&environment).map_err(FileError::on("remove", &environment))?;
    }
    fs::create_dir_all(&site_packages).map_err(FileError::on("make the folder", &site_packages))?;
    if !requirements.is_empty() {
        let install = |options: &[&str]| run_pip_install(toolchain, folder, &site_packages, options, &requirements);
        // Wheels without native code come first, because some packages have native code for speed only.
        if install(&["--only-binary=:all:", "--platform=any", "--implementation=py", "--abi=none"]).is_err() {
            fs::remove_dir_all(&site_packages).map_err(FileError::on("remove", &site_packages))?;
            install(&[])?;
            let mut native_packages = Vec::new();
            find_native_packages(&site_packages, &site_packages, &mut native_packages)?;
            native_packages.sort();
            native_packages.dedup();
            if !native_packages.is_empty() {
                let packages = native_packages.join(", ");
                return Err(PythonBuildError::NativeDependency { folder: folder.to_owned(), packages });
            }
        }
    }
    fs::write(&stamp, text).map_err(FileError::on("write", &stamp))?;
    Ok(environment)
}

/// Returns the requirements for pip: the lines of `requirements.txt`, and `project.dependencies` of `pyproject.toml`.
fn read_requirements(folder: &Path) -> Result<Vec<String>, PythonBuildError> {
    let mut requirements = Vec::new();
    let path = folder.join("requirements.txt");
    if path.is_file() {
        let text = fs::read_to_string(&path).map_err(FileError::on("read", &path))?;
        let lines = text.lines().map(|line| line.split(" #").next().unwrap_or(line).trim());
        requirements.extend(lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned));
    }
    let path = folder.join("pyproject.toml");
    if path.is_file() {
        let text = fs::read_to_string(&path).map_err(FileError::on("read", &path))?;
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| PythonBuildError::PyprojectToml {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        let dependencies = table.get("project").and_then(|project| project.get("dependencies"));
        let dependencies = dependencies.and_then(toml::Value::as_array).into_iter().flatten();
        requirements.extend(dependencies.filter_map(|dependency| dependency.as_str().map(str::to_owned)));
    }
    Ok(requirements)
}

fn run_pip_install(
    toolchain: &PythonToolchain,
    folder: &Path,
    site_packages: &Path,
    options: &[&str],
    requirements: &[String],
) -> Result<(), CommandError> {
    let mut command = toolchain.pip();
    command
        .args(["install", "--quiet", "--disable-pip-version-check", "--no-compile", "--target"])
        .arg(site_packages)
        .args(options);
    command.args(requirements).current_dir(folder);
    let output = command.output().map_err(CommandError::on_run("pip install"))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let error_line = stderr.lines().find(|line| line.starts_with("ERROR: ")).unwrap_or("pip printed no error");
    let last_line = error_line.trim_start_matches("ERROR: ").to_owned();
    Err(CommandError::Failed { command: "pip install".to_owned(), last_line })
}

/// Adds the packages that have native code below `folder`. A package is named after its folder in `site_packages`.
fn find_native_packages(site_packages: &Path, folder: &Path, packages: &mut Vec<String>) -> Result<(), FileError> {
    for entry in fs::read_dir(folder).map_err(FileError::on("read", folder))? {
        let path = entry.map_err(FileError::on("read", folder))?.path();
        let is_native =
            path.extension().is_some_and(|extension| ["so", "pyd", "dylib"].iter().any(|native| extension == *native));
        if path.is_dir() {
            find_native_packages(site_packages, &path, packages)?;
        } else if is_native {
            let below = path.strip_prefix(site_packages).unwrap_or(&path);
            let top = below.components().next().map(|top| top.as_os_str().to_string_lossy().into_owned());
            // A single module is `name.cpython-311-x86_64-linux-gnu.so`; libraries of a wheel are in `name.libs`.
            packages.extend(top.and_then(|top| top.split('.').next().map(str::to_owned)));
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
        assert_eq!(read_requirements(folder.path()).unwrap(), Vec::<String>::new());
        file(folder.path(), "requirements.txt", "# a comment\nidna>=3  # why\n\nattrs==25.1.0\n");
        file(folder.path(), "pyproject.toml", "[project]\ndependencies = [\"six\"]\n");
        assert_eq!(read_requirements(folder.path()).unwrap(), ["idna>=3", "attrs==25.1.0", "six"]);
        file(folder.path(), "pyproject.toml", "[project");
        assert!(matches!(read_requirements(folder.path()), Err(PythonBuildError::PyprojectToml { .. })));
    }

    #[test]
    fn packages_with_native_code_are_found_by_name() {
        let site = tempfile::tempdir().unwrap();
        for name in ["pure/a.py", "fast/inner/_speed.abi3.so", "numbers.libs/libm.so", "alone.cpython-311-x.so"] {
            file(site.path(), name, "");
        }
        let mut found = Vec::new();
        find_native_packages(site.path(), site.path(), &mut found).unwrap();
        found.sort();
        assert_eq!(found, ["alone", "fast", "numbers"]);
    }
}
