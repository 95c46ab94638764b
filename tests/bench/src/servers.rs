//! The servers that are compared.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use miette::{Context as _, IntoDiagnostic as _, miette};
use okra::config::{Isolation, Run};
use okra::project::build;
use okra::registry::Package;
use tempfile::TempDir;
use tokio::process::Command;

use crate::server::Server;

/// Who answers.
#[derive(Clone, Copy)]
pub(crate) enum Host {
    /// `okra serve` with the echo and the relay guest.
    Okra,
    /// `okra serve` with the echo guest, an instance for each request.
    Isolated,
    /// The native server.
    Native,
}

/// All of them, each a process.
pub(crate) struct Servers {
    okra: Server,
    isolated: Server,
    native: Server,
    _packages: TempDir,
}

impl Servers {
    /// Builds the guests and starts the servers, whose binaries lie beside ours.
    pub(crate) async fn start() -> miette::Result<Self> {
        let (echo, relay) = (guest("echo")?, guest("relay")?);
        let packages = tempfile::tempdir().into_diagnostic()?;
        let isolated = packages.path().join("isolated.wasm");
        repackage(&echo, &isolated, |run| run.isolation = Isolation::Request)?;
        Ok(Self {
            okra: Server::start(serve(&[&echo, &relay])?).await?,
            isolated: Server::start(serve(&[&isolated])?).await?,
            native: native().await?,
            _packages: packages,
        })
    }

    pub(crate) fn at(&self, host: Host) -> &Server {
        match host {
            Host::Okra => &self.okra,
            Host::Isolated => &self.isolated,
            Host::Native => &self.native,
        }
    }
}

/// The package of a guest.
fn guest(name: &str) -> miette::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests").join(name);
    Ok(build(&folder, None).wrap_err_with(|| format!("cannot build guest `{name}`"))?.path)
}

/// The native server.
pub(crate) async fn native() -> miette::Result<Server> {
    Server::start(Command::new(beside_us("okra-bench-native")?)).await
}

/// OKRA with an echo guest of so many instances. `folder` is for its package.
pub(crate) async fn wide(folder: &Path, instances: u64) -> miette::Result<Server> {
    let package = folder.join("wide.wasm");
    let instances = u32::try_from(instances).ok().and_then(NonZeroU32::new).ok_or_else(|| miette!("too many"))?;
    repackage(&guest("echo")?, &package, |run| run.instances = instances)?;
    Server::start(serve(&[&package])?).await
}

/// The same package, run in another way.
fn repackage(path: &Path, to: &Path, change: impl FnOnce(&mut Run)) -> miette::Result<()> {
    let package = Package::read(std::fs::read(path).into_diagnostic()?)?;
    let mut manifest = package.manifest().clone();
    change(&mut manifest.run);
    let bytes = Package::write(package.component(), package.descriptors(), &manifest)?;
    std::fs::write(to, bytes).into_diagnostic()
}

fn serve(packages: &[&Path]) -> miette::Result<Command> {
    let mut command = Command::new(beside_us("okra")?);
    command.arg("serve").args(packages).args(["--listen", "127.0.0.1:0"]);
    // Where it listens is in its log, which is to be plain.
    command.env("OKRA_LOG", "info").env("NO_COLOR", "1");
    Ok(command)
}

fn beside_us(name: &str) -> miette::Result<PathBuf> {
    let path = std::env::current_exe().into_diagnostic()?.with_file_name(name);
    if path.is_file() { Ok(path) } else { Err(miette!("{} is missing: build it first", path.display())) }
}
