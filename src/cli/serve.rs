//! `okra serve`.

use std::collections::{HashMap, HashSet};
use std::hint::black_box;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use clap::Args;
use miette::{Context as _, IntoDiagnostic as _, miette};
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::Identity;

use crate::cli::packages;
use crate::cli::shutdown::catch_signals;
use crate::config::{Address, Import, ServerConfig, ServiceName};
use crate::gateway::{self, GatewaySettings};
use crate::runtime::{AllowedImports, Compiler, EngineSettings, ImportRules, Runtime, RuntimeSettings};
use crate::telemetry::{self, LogFormat};

/// How often memory that was freed is given back.
const PURGE_INTERVAL: Duration = Duration::from_secs(1);

/// `okra serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Packages (.wasm), folders of packages, and projects (folders with okra.toml), which are built first when stale.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Address to listen on; port 0 takes any free one.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    listen: String,
    /// File with TLS, CORS and limits of the server.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Serve even if a package calls a service that is neither served nor imported; such calls fail with UNAVAILABLE.
    #[arg(long)]
    allow_missing: bool,
    /// Sends the calls of a service to a gRPC server; takes precedence over [imports] of --config and of packages. Several
    /// addresses of one service take turns. Can be repeated.
    #[arg(long, value_name = "SERVICE=ADDRESS")]
    import: Vec<ImportArg>,
    /// Lets packages call the servers that they name in their own [imports].
    #[arg(long)]
    allow_imports: bool,
    /// The certificate of this process, PEM, for servers of --import and of [imports] in --config that ask for one.
    #[arg(long, value_name = "FILE", requires = "import_key")]
    import_certificate: Option<PathBuf>,
    /// The key of the certificate, PEM.
    #[arg(long, value_name = "FILE", requires = "import_certificate")]
    import_key: Option<PathBuf>,
    /// Format of log lines.
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
}

/// `SERVICE=ADDRESS`.
#[derive(Clone, Debug)]
struct ImportArg {
    service: ServiceName,
    address: Address,
}

impl FromStr for ImportArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (service, address) = text.split_once('=').ok_or("expected `SERVICE=ADDRESS`")?;
        let service = ServiceName::new(service).map_err(|error| error.to_string())?;
        let address = Address::new(address).map_err(|error| error.to_string())?;
        Ok(Self { service, address })
    }
}

impl ServeArgs {
    /// Returns from which servers packages may import services.
    ///
    /// # Errors
    /// If the file of the certificate or its key cannot be read.
    fn import_rules(&self, config: &ServerConfig) -> miette::Result<ImportRules> {
        let mut configured: HashMap<_, _> = config.imports.clone().into_iter().collect();
        configured.extend(self.imports());
        let allowed = match self.allow_imports {
            true => AllowedImports::All,
            false => AllowedImports::These(config.allowed_imports.clone()),
        };
        Ok(ImportRules { configured, allowed, identity: self.read_identity()? })
    }

    /// Returns the imports that the command line names.
    fn imports(&self) -> HashMap<ServiceName, Import> {
        let mut imports = HashMap::new();
        for ImportArg { service, address } in &self.import {
            let import = imports.entry(service.clone()).or_insert_with(|| Import::to(Vec::new()));
            import.addresses.push(address.clone());
        }
        imports
    }

    /// Returns the certificate of this process, for imported servers.
    ///
    /// # Errors
    /// If a file cannot be read.
    fn read_identity(&self) -> miette::Result<Option<Identity>> {
        let read = |path: &PathBuf| {
            std::fs::read(path).into_diagnostic().wrap_err_with(|| format!("cannot read {}", path.display()))
        };
        match (&self.import_certificate, &self.import_key) {
            (Some(certificate), Some(key)) => Ok(Some(Identity::from_pem(read(certificate)?, read(key)?))),
            _ => Ok(None),
        }
    }

    /// Serves until SIGINT or SIGTERM, then until the calls in flight are over.
    ///
    /// # Errors
    /// If a package cannot be served, a service is missing, or the address cannot be used.
    pub(super) async fn run(self) -> miette::Result<ExitCode> {
        let _log = telemetry::init(self.log_format);
        let config = self.config.as_deref().map(ServerConfig::load).transpose()?.unwrap_or_default();
        // Signals are caught before the first log line that a supervisor may wait for, so that none is lost.
        let shutdown = catch_signals(config.limits.grace).into_diagnostic()?;
        let mut unused: HashSet<_> = self.imports().into_keys().collect();
        let mut settings = GatewaySettings::new(&config)?;
        limit_connections(&mut settings);
        let engine = EngineSettings { memory: settings.memory.clone(), ..EngineSettings::default() };
        let runtime = Runtime::with_settings(RuntimeSettings {
            cache: packages::compile_cache(),
            engine,
            compiler: Compiler::child(config.compile.clone()),
            caps: config.run_caps(),
            imports: self.import_rules(&config)?,
        })?;
        for path in &self.paths {
            for (path, package) in packages::read_packages(path)? {
                runtime.deploy(&package).await.wrap_err_with(|| path.display().to_string())?;
                unused.retain(|service| !package.manifest().calls.contains(service));
            }
        }
        if let Some(service) = unused.iter().next() {
            let help = "name a service that a package calls: `okra graph` shows them";
            return Err(miette!(help = help, "--import names `{service}`, which no package calls"));
        }
        if let Err(missing) = runtime.check_imports() {
            if !self.allow_missing {
                return Err(missing.into());
            }
            tracing::warn!("{missing}");
        }
        let _purging = AbortOnDropHandle::new(tokio::spawn(purge_freed_memory()));
        let listener = gateway::listen(&self.listen).await?;
        let address = listener.local_addr().into_diagnostic().wrap_err("the listener has no address")?;
        for service in runtime.catalog().borrow().services() {
            tracing::info!(service = %service.name(), methods = service.methods().count(), "serving");
        }
        let scheme = if settings.tls.is_some() { "https" } else { "http" };
        tracing::info!("listening on {scheme}://{address}");
        let shutdown = gateway::serve(listener, runtime.handler(), runtime.catalog(), settings, async move {
            shutdown.cancelled().await;
            tracing::info!("shutting down: connections are not accepted any more, calls in flight may finish");
        });
        let shutdown = shutdown.await;
        for call in &shutdown.cut {
            tracing::warn!(%call, "call cut off at shutdown");
        }
        tracing::info!(finished = shutdown.finished, cut = shutdown.cut.len(), "shut down");
        Ok(ExitCode::SUCCESS)
    }
}

/// Gives memory that was freed back to the operating system, until it is dropped. mimalloc does so a second after it was freed,
/// but only when it is called, and not always then; it does at the end of each thread.
async fn purge_freed_memory() {
    loop {
        tokio::time::sleep(PURGE_INTERVAL).await;
        let allocate = || drop(black_box(Vec::<u8>::with_capacity(1)));
        // Without a thread the memory stays a little longer.
        let _ = thread::Builder::new().name("okra-purge".into()).spawn(allocate);
    }
}

/// Raises the limit of open files, and accepts no more connections than it leaves room for.
fn limit_connections(settings: &mut GatewaySettings) {
    let Some(most) = gateway::raise_file_limit().and_then(|most| usize::try_from(most).ok()) else { return };
    if most < settings.max_connections {
        let wanted = settings.max_connections;
        tracing::warn!(
            connections = most,
            wanted,
            "the limit of open files leaves room for fewer connections: `ulimit -n`, or `LimitNOFILE` of systemd"
        );
        settings.max_connections = most;
    }
}
