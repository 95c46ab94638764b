//! The Python packages that a project depends on. pip installs them for the Python in components. Packages that work without their
//! native code are installed without it; packages that need it are refused.

use std::fs;
use std::path::{Path, PathBuf};

use crate::language::python::PythonBuildError;
use crate::language::python::toolchain::PythonToolchain;
use crate::language::{CommandError, FileError};

/// The folder of an environment into which pip installs.
pub(super) const SITE_PACKAGES: &str = "lib/site-packages";

/// Changes when packages are installed in another way, so that environments are made anew.
const INSTALL_VERSION: &str = "2";

/// Environment variables by which the build of a package leaves out native code that it can do without: no compilers, and the
/// switches of packages that have one.
const PURE_BUILD: [(&str, &str); 14] = [
    ("CC", "false"),
    ("CXX", "false"),
    ("CARGO", "false"),
    ("RUSTC", "false"),
    ("AIOHTTP_NO_EXTENSIONS", "1"),
    ("BUILD_EXTENSION", "no"),
    ("DISABLE_SQLALCHEMY_CEXT", "1"),
    ("FROZENLIST_NO_EXTENSIONS", "1"),
    ("MSGPACK_PUREPYTHON", "1"),
    ("MULTIDICT_NO_EXTENSIONS", "1"),
    ("PROPCACHE_NO_EXTENSIONS", "1"),
    ("PYYAML_FORCE_LIBYAML", "0"),
    ("WRAPT_INSTALL_EXTENSIONS", "false"),
    ("YARL_NO_EXTENSIONS", "1"),
];

/// Installs the packages that `requirements.txt` and `pyproject.toml` name, unless they are installed already. Returns the
/// environment with them.
///
/// # Errors
/// If pip cannot install a package, or it cannot do without its native code.
pub(super) fn install_dependencies(
    folder: &Path,
    work_folder: &Path,
    toolchain: &PythonToolchain,
) -> Result<PathBuf, PythonBuildError> {
    let environment = work_folder.join("environment");
    let site_packages = environment.join(SITE_PACKAGES);
    let stamp = environment.join("installed");
    let requirements = read_requirements(folder)?;
    let text = format!("{INSTALL_VERSION}\n{}", requirements.join("\n"));
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == text) {
        return Ok(environment);
    }
    if environment.exists() {
        fs::remove_dir_all(&environment).map_err(FileError::on("remove", &environment))?;
    }
    fs::create_dir_all(&site_packages).map_err(FileError::on("make the folder", &site_packages))?;
    if !requirements.is_empty() {
        let installation = Installation { toolchain, folder, site_packages: &site_packages };
        // Wheels without native code come first, because some packages have native code for speed only.
        let pure_wheels = ["--only-binary=:all:", "--platform=any", "--implementation=py", "--abi=none"];
        if installation.install(&pure_wheels, &requirements).is_err() {
            fs::remove_dir_all(&site_packages).map_err(FileError::on("remove", &site_packages))?;
            installation.install(&[], &requirements)?;
            installation.replace_native_packages(&environment.join("rebuilt"))?;
        }
    }
    fs::write(&stamp, text).map_err(FileError::on("write", &stamp))?;
    Ok(environment)
}

/// Where and by what packages are installed.
struct Installation<'a> {
    toolchain: &'a PythonToolchain,
    folder: &'a Path,
    site_packages: &'a Path,
}

impl Installation<'_> {
    fn install(&self, options: &[&str], requirements: &[String]) -> Result<(), CommandError> {
        self.run_pip_install(self.site_packages, options, requirements, &[])
    }

    /// Replaces each package that has native code by what its build makes without a compiler, in the folder `rebuilt` first.
    ///
    /// # Errors
    /// If a package has native code still, or cannot be built without.
    fn replace_native_packages(&self, rebuilt: &Path) -> Result<(), PythonBuildError> {
        for distribution in native_distributions(self.site_packages)? {
            let options = ["--no-deps", "--no-cache-dir", &format!("--no-binary={}", distribution.name)];
            let requirement = format!("{}=={}", distribution.name, distribution.version);
            if self.run_pip_install(rebuilt, &options, &[requirement], &PURE_BUILD).is_err() {
                // What is native is named below.
                continue;
            }
            for file in &distribution.files {
                let path = self.site_packages.join(file);
                if path.is_file() {
                    fs::remove_file(&path).map_err(FileError::on("remove", &path))?;
                }
            }
            move_files(rebuilt, self.site_packages)?;
        }
        let mut native_packages = Vec::new();
        find_native_packages(self.site_packages, self.site_packages, &mut native_packages)?;
        native_packages.sort();
        native_packages.dedup();
        if native_packages.is_empty() {
            return Ok(());
        }
        let packages = native_packages.join(", ");
        Err(PythonBuildError::NativeDependency { folder: self.folder.to_owned(), packages })
    }

    fn run_pip_install(
        &self,
        target: &Path,
        options: &[&str],
        requirements: &[String],
        environment: &[(&str, &str)],
    ) -> Result<(), CommandError> {
        let mut command = self.toolchain.pip();
        command
            .args(["install", "--quiet", "--disable-pip-version-check", "--no-compile", "--target"])
            .arg(target)
            .args(options);
        command.args(requirements).envs(environment.iter().copied()).current_dir(self.folder);
        let output = command.output().map_err(CommandError::on_run("pip install"))?;
        if output.status.success() {
            return Ok(());
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        let error_line = stderr.lines().find(|line| line.starts_with("ERROR: ")).unwrap_or("pip printed no error");
        let last_line = error_line.trim_start_matches("ERROR: ").to_owned();
        Err(CommandError::Failed { command: "pip install".to_owned(), last_line })
    }
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

/// A package as PyPI has it, with the files that were installed of it.
#[derive(Debug, PartialEq)]
struct Distribution {
    name: String,
    version: String,
    /// Relative to `site-packages`.
    files: Vec<PathBuf>,
}

/// Returns the installed packages that have native code, by the records of pip.
fn native_distributions(site_packages: &Path) -> Result<Vec<Distribution>, FileError> {
    let mut distributions = Vec::new();
    for entry in fs::read_dir(site_packages).map_err(FileError::on("read", site_packages))? {
        let path = entry.map_err(FileError::on("read", site_packages))?.path();
        let folder_name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = folder_name.strip_suffix(".dist-info").and_then(|name| name.rsplit_once('-'));
        let record = name.zip(fs::read_to_string(path.join("RECORD")).ok());
        let Some(((name, version), record)) = record else { continue };
        // Lines of CSV: the file, its digest, its size. Names with commas are in quotes.
        let files = record.lines().filter_map(|line| line.trim_start_matches('"').rsplitn(3, ',').last());
        let files: Vec<_> = files.map(|file| PathBuf::from(file.trim_end_matches('"'))).collect();
        if files.iter().any(|file| is_native(file)) {
            distributions.push(Distribution { name: name.to_owned(), version: version.to_owned(), files });
        }
    }
    Ok(distributions)
}

/// Moves all files below `from` to the same places below `to`, in place of those that are there.
fn move_files(from: &Path, to: &Path) -> Result<(), FileError> {
    fs::create_dir_all(to).map_err(FileError::on("make the folder", to))?;
    for entry in fs::read_dir(from).map_err(FileError::on("read", from))? {
        let entry = entry.map_err(FileError::on("read", from))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            move_files(&path, &target)?;
        } else {
            fs::rename(&path, &target).map_err(FileError::on("move", &path))?;
        }
    }
    Ok(())
}

fn is_native(file: &Path) -> bool {
    file.extension().is_some_and(|extension| ["so", "pyd", "dylib"].iter().any(|native| extension == *native))
}

/// Adds the packages that have native code below `folder`. A package is named after its folder in `site_packages`.
fn find_native_packages(site_packages: &Path, folder: &Path, packages: &mut Vec<String>) -> Result<(), FileError> {
    for entry in fs::read_dir(folder).map_err(FileError::on("read", folder))? {
        let path = entry.map_err(FileError::on("read", folder))?.path();
        if path.is_dir() {
            find_native_packages(site_packages, &path, packages)?;
        } else if is_native(&path) {
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
    fn installed_packages_with_native_code_are_found_with_their_files() {
        let site = tempfile::tempdir().unwrap();
        file(site.path(), "pure-1.0.dist-info/RECORD", "pure/a.py,sha256=x,1\n");
        file(site.path(), "fast_one-2.1.dist-info/RECORD", "fast_one/_speed.so,sha256=x,1\n\"a,b.py\",,\n");
        let files = ["fast_one/_speed.so", "a,b.py"].map(PathBuf::from).to_vec();
        let expected = Distribution { name: "fast_one".to_owned(), version: "2.1".to_owned(), files };
        assert_eq!(native_distributions(site.path()).unwrap(), [expected]);
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
