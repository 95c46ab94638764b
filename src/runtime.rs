//! The runtime of a process: packages become revisions, services get their routes, the gateway gets its answers.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use coerce::actor::system::ActorSystem;
use okra_codegen::mapping::SchemaError;
use okra_codegen::schema::Schema;
use tokio::sync::watch;
use tonic::transport::Identity;

use crate::actor::{Dispatcher, Refused};
use crate::call::{Context, Failure, Metadata, Reply, Requests, ResponseSink};
use crate::config::{Import, ServiceName};
use crate::gateway::{Backend, Health, Served};
use crate::instance::{Cache, Engine, EngineSettings, InstanceError, Template};
use crate::pool::Counts;
use crate::registry::Package;
use crate::router::{ImportError, Importer, Outsides, Revision, Router};

/// Everything that serves in this process.
pub struct Runtime {
    engine: Engine,
    cache: Cache,
    system: ActorSystem,
    router: Arc<Router>,
    outsides: Outsides,
    served: watch::Sender<Arc<Served>>,
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
    /// It calls services that nobody serves.
    #[error("nobody serves {}", .missing.iter().map(|(service, by)| format!("`{service}`, which {by} calls")).collect::<Vec<_>>().join("; "))]
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
    Actor(#[from] Refused),
}

/// What a package needs, found without serving it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Full names of the services that its component calls.
    pub calls: Vec<String>,
}

impl Runtime {
    /// Starts the engine. `cache` is the folder of compiled code.
    ///
    /// # Errors
    /// When the machine lacks what the engine needs, or the folder cannot be used.
    ///
    /// # Panics
    /// Outside of a tokio runtime: its actors live in one.
    pub fn new(cache: &Path, settings: EngineSettings) -> Result<Arc<Self>, InstanceError> {
        Self::with_outside(cache, settings, HashMap::new(), None)
    }

    /// As [`new`](Self::new). Calls of the services in `imports` leave this process, whatever packages say; `identity` is
    /// its certificate, for servers that ask for one.
    ///
    /// # Errors
    /// As of [`new`](Self::new).
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn with_outside(
        cache: &Path,
        settings: EngineSettings,
        imports: HashMap<ServiceName, Import>,
        identity: Option<Identity>,
    ) -> Result<Arc<Self>, InstanceError> {
        Ok(Arc::new(Self {
            engine: Engine::new(settings)?,
            cache: Cache::open(cache)?,
            system: ActorSystem::new(),
            router: Arc::default(),
            outsides: Outsides::new(imports, identity),
            served: watch::channel(Arc::default()).0,
        }))
    }

    /// Compiles a package and compares it with its descriptors, without serving it.
    ///
    /// # Errors
    /// Everything that keeps it from being served but for services that are missing.
    pub async fn check(&self, package: &Package) -> Result<Needs, DeployError> {
        let template = self.template(package, self.importer(package)?)?;
        template.instantiate().await?;
        Ok(Needs { calls: template.calls().map(|service| service.to_string()).collect() })
    }

    /// Where the calls of a package go.
    fn importer(&self, package: &Package) -> Result<Arc<Importer>, DeployError> {
        let manifest = package.manifest();
        let mut outside = HashMap::new();
        for service in &manifest.calls {
            let Some(descriptor) = package.pool().get_service_by_name(service) else { continue };
            if let Some(import) = self.outsides.import(&descriptor, manifest.imports.get(service), &manifest.run)? {
                outside.insert(service.to_string().into(), Arc::new(import));
            }
        }
        Ok(Arc::new(Importer::new(self.router.clone(), outside)))
    }

    fn template(&self, package: &Package, importer: Arc<Importer>) -> Result<Arc<Template>, DeployError> {
        let manifest = package.manifest();
        let typed: Vec<_> = manifest.serves.iter().chain(&manifest.calls).map(ToString::to_string).collect();
        let schema = Schema::new(package.pool(), &typed)?;
        Ok(Arc::new(Template::new(&self.engine, &self.cache, package, &schema, importer)?))
    }

    /// Makes a revision of a package and routes its services to it.
    ///
    /// # Errors
    /// When it cannot be run, or a service of it is served already.
    pub async fn deploy(&self, package: &Package) -> Result<(), DeployError> {
        let manifest = package.manifest();
        let services: Vec<_> = manifest.serves.iter().chain(&manifest.raw).map(ToString::to_string).collect();
        if let Some(service) = services.iter().find(|service| self.router.revision(service).is_some()) {
            return Err(DeployError::Taken { service: service.clone() });
        }
        let importer = self.importer(package)?;
        let template = self.template(package, importer.clone())?;
        // An instance that cannot come to life is found out now and not at the first call.
        template.instantiate().await?;
        let dispatcher = Dispatcher::start(manifest.name.to_string(), &self.system, &manifest.run).await?;
        let name = manifest.name.to_string();
        let revision = Arc::new(Revision::new(name, template, dispatcher, importer, &manifest.allowed_callers));
        let mut served = Served::clone(&self.served.borrow());
        for service in services {
            if let Some(descriptor) = package.pool().get_service_by_name(&service) {
                served.add(descriptor, Health::Serving);
            }
            self.router.route(service.into(), revision.clone());
        }
        self.served.send_replace(Arc::new(served));
        Ok(())
    }

    /// Whether every service that some package calls is served.
    ///
    /// # Errors
    /// The services that are not.
    pub fn check_links(&self) -> Result<(), DeployError> {
        let missing = self.router.missing();
        if missing.is_empty() { Ok(()) } else { Err(DeployError::Missing { missing }) }
    }

    /// The pool behind a service in numbers.
    pub async fn counts(&self, service: &str) -> Option<Counts> {
        Some(self.router.revision(service)?.counts().await)
    }

    /// Answers a unary call.
    ///
    /// # Errors
    /// As the handler says, or the host when the call does not come so far.
    ///
    /// # Cancellation
    /// Dropping the future ends the call and what it called in turn.
    pub async fn call(&self, context: Context, request: Bytes) -> Result<Reply, Failure> {
        self.router.unary(context, request).await
    }
}

impl Backend for Runtime {
    fn served(&self) -> watch::Receiver<Arc<Served>> {
        self.served.subscribe()
    }

    fn unary(&self, context: Context, request: Bytes) -> impl Future<Output = Result<Reply, Failure>> + Send {
        self.router.unary(context, request)
    }

    fn streaming(
        &self,
        context: Context,
        requests: Requests,
        responses: ResponseSink,
    ) -> impl Future<Output = Result<Metadata, Failure>> + Send {
        self.router.streaming(context, requests, responses)
    }
}
