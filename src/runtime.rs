//! The runtime of a process: makes revisions of packages, routes services to them, and keeps the gateway's catalog.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use coerce::actor::system::ActorSystem;
use okra_codegen::mapping::SchemaError;
use okra_codegen::schema::Schema;
use tokio::sync::watch;
use tonic::transport::Identity;

use crate::call::{ByteBudget, CallHandler};
use crate::config::{Import, ServiceName};
use crate::gateway::{Catalog, ServiceHealth};
use crate::instance::{CompileCache, CompiledComponent, ComponentEngine, IdleOwner};
use crate::package::Package;
use crate::revision::Revision;
use crate::revision::dispatcher::Dispatcher;
use crate::router::{Importer, Router, UpstreamPool};

pub use crate::instance::{EngineSettings, InstanceError};
pub use crate::link::LinkMismatch;
pub use crate::revision::{LeaseError, PoolCounts};
pub use crate::router::ImportError;

/// Everything that serves in this process.
pub struct Runtime {
    memory: Arc<ByteBudget>,
    engine: ComponentEngine,
    cache: CompileCache,
    actor_system: ActorSystem,
    router: Arc<Router>,
    upstreams: UpstreamPool,
    catalog: watch::Sender<Arc<Catalog>>,
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
    /// It calls services that are not served.
    #[error("not served: {}", .missing.iter().map(|(service, by)| format!("`{service}`, which {by} calls")).collect::<Vec<_>>().join("; "))]
    #[diagnostic(
        code(okra::deploy::missing),
        help(
            "serve a package with the service, too, say in [imports] of okra.toml or with --import which server outside \
             serves it, or start with --allow-missing: calls of it then fail with UNAVAILABLE"
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
    /// Starts the engine. `cache` is the folder of compiled code.
    ///
    /// # Errors
    /// When the machine lacks what the engine needs.
    ///
    /// # Panics
    /// Outside of a tokio runtime, which its actors need.
    pub fn new(cache: &Path, settings: EngineSettings) -> Result<Arc<Self>, InstanceError> {
        Self::with_imports(cache, settings, HashMap::new(), None)
    }

    /// As [`new`](Self::new). Calls of the services in `imports` leave this process, whatever packages say; `identity` is
    /// its certificate, for servers that ask for one.
    ///
    /// # Errors
    /// As of [`new`](Self::new).
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn with_imports(
        cache: &Path,
        settings: EngineSettings,
        imports: HashMap<ServiceName, Import>,
        identity: Option<Identity>,
    ) -> Result<Arc<Self>, InstanceError> {
        Ok(Arc::new(Self {
            memory: settings.memory.clone(),
            engine: ComponentEngine::new(settings)?,
            cache: CompileCache::open(cache),
            actor_system: ActorSystem::new(),
            router: Arc::default(),
            upstreams: UpstreamPool::new(imports, identity),
            catalog: watch::channel(Arc::default()).0,
        }))
    }

    /// Compiles a package and compares it with its descriptors, without serving it.
    ///
    /// # Errors
    /// Everything that keeps it from being served, except for services that are missing.
    pub async fn check(&self, package: &Package) -> Result<PackageNeeds, DeployError> {
        let component = self.compile(package, self.make_importer(package)?)?;
        component.instantiate().await?;
        Ok(PackageNeeds { calls: component.calls().map(ToString::to_string).collect() })
    }

    /// Makes the handler of the calls of a package's components.
    fn make_importer(&self, package: &Package) -> Result<Arc<Importer>, DeployError> {
        let manifest = package.manifest();
        let mut upstreams = HashMap::new();
        for service in &manifest.calls {
            let Some(descriptor) = package.pool().get_service_by_name(service) else { continue };
            let own = manifest.imports.get(service);
            if let Some(upstream) = self.upstreams.import(&descriptor, own, &manifest.run)? {
                upstreams.insert(service.to_string().into(), Arc::new(upstream));
            }
        }
        Ok(Arc::new(Importer::new(self.router.clone(), upstreams)))
    }

    fn compile(&self, package: &Package, handler: Arc<Importer>) -> Result<Arc<CompiledComponent>, DeployError> {
        let manifest = package.manifest();
        let typed: Vec<_> = manifest.serves.iter().chain(&manifest.calls).map(ToString::to_string).collect();
        let schema = Schema::new(package.pool(), &typed)?;
        Ok(Arc::new(CompiledComponent::new(&self.engine, &self.cache, package, &schema, handler)?))
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
        let importer = self.make_importer(package)?;
        let component = self.compile(package, importer.clone())?;
        // A component that cannot be instantiated is found out now and not at the first call.
        component.instantiate().await?;
        let name = manifest.name.to_string();
        let dispatcher = Dispatcher::start(name.clone(), &self.actor_system, &manifest.run, &self.memory).await?;
        let owner: Arc<dyn IdleOwner> = dispatcher.clone();
        self.engine.add_idle_owner(Arc::downgrade(&owner));
        let local_imports = component.calls().filter(|service| !importer.is_upstream(service)).cloned().collect();
        let served = services.iter().map(|service| service.as_str().into()).collect();
        let revision = Revision::new(name, component, dispatcher, served, local_imports, &manifest.allowed_callers);
        let revision = Arc::new(revision);
        let mut catalog = Catalog::clone(&self.catalog.borrow());
        for service in services {
            if let Some(descriptor) = package.pool().get_service_by_name(&service) {
                catalog.add(descriptor, ServiceHealth::Serving);
            }
            self.router.set_route(service.into(), revision.clone());
        }
        self.catalog.send_replace(Arc::new(catalog));
        Ok(())
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
