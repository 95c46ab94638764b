//! The servers that are compared.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use miette::{Context as _, IntoDiagnostic as _, miette};
use okra::config::{Isolation, Run, ServiceName};
use okra::package::Package;
use okra::project::build_project;
use tempfile::TempDir;
use tokio::process::Command;

use crate::crowd;
use crate::server::Server;

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Host {
    /// `okra serve` with the echo and the relay guest.
    Okra,
    /// `okra serve` with the echo guest, an instance for each request.
    Isolated,
    /// The native server.
    Native,
    /// The native server with OKRA's allocator.
    NativeMimalloc,
    /// `okra serve` with the echo guest in Python.
    Python,
    /// `okra serve` with the echo guest in Python, an instance for each request.
    PythonIsolated,
    /// Python's grpcio, with a pool of threads.
    Grpcio,
    /// Python's grpcio, with asyncio.
    GrpcioAsyncio,
    /// `okra serve` with the echo guest in Go.
    Go,
    /// `okra serve` with the echo guest in Go, an instance for each request.
    GoIsolated,
    /// The server on grpc-go.
    GrpcGo,
}

/// Those that are measured, each a process.
pub(crate) struct Servers {
    servers: BTreeMap<Host, Server>,
    _packages: TempDir,
}

impl Servers {
    /// Builds the guests of these hosts and starts them. Binaries of ours lie beside us.
    pub(crate) async fn start(hosts: BTreeSet<Host>) -> miette::Result<Self> {
        let packages = tempfile::tempdir().into_diagnostic()?;
        let mut servers = BTreeMap::new();
        for host in hosts {
            servers.insert(host, host.start(packages.path()).await?);
        }
        Ok(Self { servers, _packages: packages })
    }

    pub(crate) fn at(&self, host: Host) -> miette::Result<&Server> {
        self.servers.get(&host).ok_or_else(|| miette!("{host:?} was not started"))
    }

    /// All that run.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Host, &Server)> {
        self.servers.iter().map(|(host, server)| (*host, server))
    }
}

/// Python's grpcio, in the environment that the variable PYTHON says.
fn grpcio(kind: &str) -> miette::Result<Command> {
    let help = "`cargo xtask bench` sets it to one with grpcio";
    let python = std::env::var_os("PYTHON").ok_or_else(|| miette!(help = help, "PYTHON is not set"))?;
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/server.py")).arg(kind);
    Ok(command)
}

impl Host {
    /// `folder` is for packages of its own.
    async fn start(self, folder: &Path) -> miette::Result<Server> {
        let isolated = |name: &str| {
            let package = folder.join(format!("{name}-isolated.wasm"));
            repackage(&guest(name)?, &package, |run| run.isolation = Isolation::Request)?;
            serve(&[&package])
        };
        Server::start(match self {
            Self::Okra => serve(&[&guest("echo")?, &guest("relay")?])?,
            Self::Isolated => isolated("echo")?,
            Self::Go => serve(&[&guest("echo-go")?])?,
            Self::GoIsolated => isolated("echo-go")?,
            Self::GrpcGo => grpc_go(folder).await?,
            Self::Python => serve(&[&guest("echo-python")?])?,
            Self::PythonIsolated => isolated("echo-python")?,
            Self::Grpcio => grpcio("sync")?,
            Self::GrpcioAsyncio => grpcio("asyncio")?,
            Self::Native => native_command()?,
            Self::NativeMimalloc => Command::new(beside_us("okra-bench-native-mimalloc")?),
        })
        .await
    }
}

/// The server on grpc-go, built with the Go on the PATH.
async fn grpc_go(folder: &Path) -> miette::Result<Command> {
    let program = folder.join("grpc-go");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("grpc-go");
    let mut go = Command::new("go");
    go.args(["build", "-o"]).arg(&program).arg(".").current_dir(sources);
    let status = go.status().await.into_diagnostic().wrap_err("cannot start go")?;
    if status.success() { Ok(Command::new(program)) } else { Err(miette!("go cannot build the server on grpc-go")) }
}

/// The package of a guest.
fn guest(name: &str) -> miette::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests").join(name);
    Ok(build_project(&folder, None).wrap_err_with(|| format!("cannot build guest `{name}`"))?.path)
}

/// The native server.
pub(crate) async fn native() -> miette::Result<Server> {
    Server::start(native_command()?).await
}

fn native_command() -> miette::Result<Command> {
    Ok(Command::new(beside_us("okra-bench-native")?))
}

/// OKRA with the echo guest, and the native server, each with so many threads for connections.
pub(crate) async fn with_threads(threads: usize) -> miette::Result<[Server; 2]> {
    let start = async |mut command: Command| {
        command.env("TOKIO_WORKER_THREADS", threads.to_string());
        Server::start(command).await
    };
    Ok([start(serve(&[&guest("echo")?])?).await?, start(native_command()?).await?])
}

/// OKRA with the echo guest and a package with other services, so that there are `services` in all. `folder` is for that
/// package.
pub(crate) async fn among(folder: &Path, services: usize) -> miette::Result<Server> {
    let echo = guest("echo")?;
    if services == 1 {
        return Server::start(serve(&[&echo])?).await;
    }
    let package = folder.join(format!("crowd-{services}.wasm"));
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/raw");
    let raw = build_project(&project, None).wrap_err("cannot build the guest of many services")?;
    let raw = Package::read(std::fs::read(raw.path).into_diagnostic()?)?;
    let mut manifest = raw.manifest().clone();
    let (names, descriptors) = crowd::describe(services - 1);
    manifest.raw = names.into_iter().map(ServiceName::new).collect::<Result<_, _>>().into_diagnostic()?;
    std::fs::write(&package, Package::write(raw.component(), &descriptors, &manifest)?).into_diagnostic()?;
    Server::start(serve(&[&echo, &package])?).await
}

/// OKRA with an echo guest, by its name, of so many instances. `folder` is for its package.
pub(crate) async fn wide(folder: &Path, name: &str, instances: u64) -> miette::Result<Server> {
    let package = folder.join(format!("{name}-wide.wasm"));
    let instances = u32::try_from(instances).ok().and_then(NonZeroU32::new).ok_or_else(|| miette!("too many"))?;
    repackage(&guest(name)?, &package, |run| run.instances = instances)?;
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
