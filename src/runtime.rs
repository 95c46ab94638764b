//! The runtime of a process: makes revisions of packages, routes services to them, and keeps the gateway's catalog.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coerce::actor::system::ActorSystem;
use okra_codegen::mapping::SchemaError;
use okra_codegen::schema::Schema;
use tokio::sync::watch;

use crate::call::{ByteBudget, CallHandler};
use crate::config::{Run, RunCaps};
use crate::gateway::{Catalog, MessageSizes, RouteConflict, ServiceHealth};
use crate::instance::{CompileCache, CompiledComponent, ComponentEngine, IdleOwner};
use crate::package::Package;
use crate::revision::Revision;
use crate::revision::dispatcher::Dispatcher;
use crate::router::{Importer, Router, UpstreamPool};

pub use crate::instance::{ChildCompiler, Compiler, EngineSettings, InstanceError};
pub use crate::link::LinkMismatch;
pub use crate::revision::{LeaseError, PoolCounts};
pub use crate::router::{AllowedImports, ImportError, ImportRules};

/// Everything that serves in this process.
pub struct Runtime {
    memory: Arc<ByteBudget>,
    engine: ComponentEngine,
    cache: CompileCache,
    actor_system: ActorSystem,
    router: Arc<Router>,
    upstreams: UpstreamPool,
    caps: RunCaps,
    catalog: watch::Sender<Arc<Catalog>>,
}

/// The parts and rules that a runtime is made with.
#[derive(Clone, Debug, Default)]
pub struct RuntimeSettings {
    /// The folder of compiled code; `None` compiles at each start.
    pub cache: Option<PathBuf>,
    /// The size of the engine.
    pub engine: EngineSettings,
    /// Where packages are compiled.
    pub compiler: Compiler,
    /// The most that each package gets of what it asks for.
    pub caps: RunCaps,
    /// From which servers packages may import services.
    pub imports: ImportRules,
}

/// Why a package cannot be deployed.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum DeployError {
    /// Its services cannot be mapped.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Schema(#[from] SchemaError),
    /// Its component cannot be run.
    #[error(transparent)]
    #[diagnostic(code(okra::deploy::component))]
    Instance(#[from] InstanceError),
    /// A service cannot be imported from where it should be.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Import(#[from] ImportError),
    /// Another package serves the service already.
    #[error("service `{service}` is served by another package already")]
    #[diagnostic(code(okra::deploy::taken), help("serve one of the two packages only"))]
    Taken {
        /// Full name of the service.
        service: String,
    },
    /// Another method has the verb and path of one of its methods.
    #[error(
        "`{} {}` is the path of method `{}` of package `{served_by}`, and package `{package}` has it for method `{}`",
        .conflict.verb, .conflict.path, .conflict.method, .conflict.other
    )]
    #[diagnostic(
        code(okra::deploy::route),
        help("change the path of one of the methods: its google.api.http rule, or [[http.rules]] in okra.toml")
    )]
    Route {
        /// Name of the package that cannot be deployed.
        package: String,
        /// Name of the package that has the path.
        served_by: String,
        /// The methods, the verb and the path.
        conflict: Box<RouteConflict>,
    },
    /// It calls services that are not served.
    #[error("not served: {}", .missing.iter().map(|(service, by)| format!("`{service}`, which {by} calls")).collect::<Vec<_>>().join("; "))]
    #[diagnostic(
        code(okra::deploy::missing),
        help(
            "serve a package with the service, too, say in [imports] of the file of --config or with --import which server \
             outside serves it, or start with --allow-missing: calls of it then fail with UNAVAILABLE"
        )
    )]
    Missing {
        /// Services and the packages that call them.
        missing: Vec<(String, String)>,
    },
    /// The actor system does not take the service's actor.
    #[error("cannot start the service's actor: {0}")]
    #[diagnostic(code(okra::deploy::actor))]
    Actor(#[from] LeaseError),
}

/// The needs of a package, found without serving it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageNeeds {
    /// Full names of the services that its component calls.
    pub calls: Vec<String>,
}

impl Runtime {
    /// Starts the engine. `cache` is the folder of compiled code. Everything else is as in the default of [`RuntimeSettings`]:
    /// packages are compiled in this process, and import nothing from servers.
    ///
    /// # Errors
    /// When the machine lacks what the engine needs.
    ///
    /// # Panics
    /// Outside of a tokio runtime, which its actors need.
    pub fn new(cache: &Path, engine: EngineSettings) -> Result<Arc<Self>, InstanceError> {
        Self::with_settings(RuntimeSettings { cache: Some(cache.to_owned()), engine, ..RuntimeSettings::default() })
    }

    /// Starts the engine.
    ///
    /// # Errors
    /// As of [`new`](Self::new).
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn with_settings(settings: RuntimeSettings) -> Result<Arc<Self>, InstanceError> {
        let RuntimeSettings { cache, engine, compiler, caps, imports } = settings;
        Ok(Arc::new(Self {
            memory: engine.memory.clone(),
            engine: ComponentEngine::new(engine)?,
            cache: CompileCache::open(cache.as_deref(), compiler),
            actor_system: ActorSystem::new(),
            router: Arc::default(),
            upstreams: UpstreamPool::new(imports),
            caps,
            catalog: watch::channel(Arc::default()).0,
        }))
    }

    /// Compiles a package and compares it with its descriptors, without serving it.
    ///
    /// # Errors
    /// Everything that keeps it from being served, except for services that are missing.
    pub async fn check(&self, package: &Package) -> Result<PackageNeeds, DeployError> {
        let run = Arc::new(self.caps.lower(&package.manifest().run).0);
        let importer = self.make_importer(package, &run)?;
        let component = self.compile(package, run, importer).await?;
        component.instantiate().await?;
        Ok(PackageNeeds { calls: component.calls().map(ToString::to_string).collect() })
    }

    /// Returns the limits that a package gets, and logs those that are lower than it asks for.
    fn effective_run(&self, package: &Package) -> Arc<Run> {
        let manifest = package.manifest();
        let (run, lowered) = self.caps.lower(&manifest.run);
        for limit in lowered {
            tracing::warn!(
                package = %manifest.name,
                limit = limit.key,
                wish = limit.wish,
                cap = limit.cap,
                "the package asks for more than [caps] of the server allows"
            );
        }
        Arc::new(run)
    }

    /// Makes the handler of the calls of a package's components.
    fn make_importer(&self, package: &Package, run: &Run) -> Result<Arc<Importer>, DeployError> {
        let manifest = package.manifest();
        let mut upstreams = HashMap::new();
        for service in &manifest.calls {
            let Some(descriptor) = package.pool().get_service_by_name(service) else { continue };
            let own = manifest.imports.get(service);
            if let Some(upstream) = self.upstreams.import(&manifest.name, &descriptor, own, run)? {
                upstreams.insert(service.to_string().into(), Arc::new(upstream));
            }
        }
        Ok(Arc::new(Importer::new(self.router.clone(), upstreams)))
    }

    async fn compile(
        &self,
        package: &Package,
        run: Arc<Run>,
        handler: Arc<Importer>,
    ) -> Result<Arc<CompiledComponent>, DeployError> {
        let manifest = package.manifest();
        let typed: Vec<_> = manifest.serves.iter().chain(&manifest.calls).map(ToString::to_string).collect();
        let schema = Schema::new(package.pool(), &typed)?;
        let component = CompiledComponent::new(&self.engine, &self.cache, package, run, &schema, handler).await?;
        Ok(Arc::new(component))
    }

    /// Makes a revision of a package and routes its services to it.
    ///
    /// # Errors
    /// When the package cannot be run, or one of its services is served already.
    pub async fn deploy(&self, package: &Package) -> Result<(), DeployError> {
        let manifest = package.manifest();
        let services: Vec<_> = manifest.serves.iter().chain(&manifest.raw).map(ToString::to_string).collect();
        if let Some(service) = services.iter().find(|service| self.router.revision(service).is_some()) {
            return Err(DeployError::Taken { service: service.clone() });
        }
        let run = self.effective_run(package);
        // The paths are compared before anything is compiled, and are taken when the package is known to run.
        self.extend_catalog(package, &run)?;
        let importer = self.make_importer(package, &run)?;
        let component = self.compile(package, run.clone(), importer.clone()).await?;
        // A component that cannot be instantiated is found out now and not at the first call.
        let first_instance = component.instantiate().await?;
        let name = manifest.name.to_string();
        let dispatcher = Dispatcher::start(name.clone(), &self.actor_system, &run, &self.memory).await?;
        let owner: Arc<dyn IdleOwner> = dispatcher.clone();
        self.engine.add_idle_owner(Arc::downgrade(&owner));
        let local_imports = component.calls().filter(|service| !importer.is_upstream(service)).cloned().collect();
        let served = services.iter().map(|service| service.as_str().into()).collect();
        let revision = Revision::new(name, component, dispatcher, served, local_imports, &manifest.allowed_callers);
        let revision = Arc::new(revision);
        if let Err(error) = revision.warm_up(first_instance).await {
            tracing::warn!(package = %manifest.name, %error, "fewer instances are made than `warm` of [run] asks for");
        }
        // Another package may have been deployed meanwhile.
        let catalog = self.extend_catalog(package, &run)?;
        for service in services {
            self.router.set_route(service.into(), revision.clone());
        }
        self.catalog.send_replace(Arc::new(catalog));
        Ok(())
    }

    /// Returns the catalog with the services of a package.
    ///
    /// # Errors
    /// When a method of another service, or another one of the package, has the verb and path of one of its methods.
    fn extend_catalog(&self, package: &Package, run: &Run) -> Result<Catalog, DeployError> {
        let manifest = package.manifest();
        let message_sizes =
            MessageSizes { max_request: run.max_request_bytes(), max_response: run.max_response_bytes() };
        let mut catalog = Catalog::clone(&self.catalog.borrow());
        for service in manifest.serves.iter().chain(&manifest.raw) {
            let Some(descriptor) = package.pool().get_service_by_name(service) else { continue };
            catalog.add_within(descriptor, ServiceHealth::Serving, message_sizes).map_err(|conflict| {
                let service = conflict.method.rsplit_once('.').map_or("", |(service, _)| service);
                let served_by = self.router.revision(service).map(|revision| revision.name().to_owned());
                let package = manifest.name.to_string();
                DeployError::Route {
                    served_by: served_by.unwrap_or_else(|| package.clone()),
                    package,
                    conflict: Box::new(conflict),
                }
            })?;
        }
        Ok(catalog)
    }

    /// Checks that every service that a package calls is served.
    ///
    /// # Errors
    /// The services that are not.
    pub fn check_imports(&self) -> Result<(), DeployError> {
        let missing = self.router.missing_services();
        if missing.is_empty() { Ok(()) } else { Err(DeployError::Missing { missing }) }
    }

    /// Returns the pool behind a service in numbers; `None` when the service is not served.
    pub async fn counts(&self, service: &str) -> Option<PoolCounts> {
        Some(self.router.revision(service)?.counts().await)
    }

    /// Returns the handler of all services that are deployed, for the gateway and for calls in process.
    pub fn handler(&self) -> Arc<dyn CallHandler> {
        self.router.clone()
    }

    /// Returns the services that are deployed. A deploy sends a new catalog.
    pub fn catalog(&self) -> watch::Receiver<Arc<Catalog>> {
        self.catalog.subscribe()
    }
}
