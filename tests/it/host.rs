//! The test host: guests of `tests/guests` and examples, built once, in a runtime without a network.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use okra::call::{
    CallFailure, Context, Deadline, Metadata, ResponsePart, UnaryResponse, request_channel, response_channel,
};
use okra::config::{Address, Import, Run, ServiceName};
use okra::gateway::{self, GatewaySettings};
use okra::package::{Manifest, Package};
use okra::project::build_if_stale;
use okra::runtime::{DeployError, EngineSettings, ImportRules, Runtime, RuntimeSettings};
use prost_reflect::{DescriptorPool, DynamicMessage, prost::Message as _};
use tonic::transport::Identity;

/// A runtime with some packages in it.
pub(crate) struct TestHost {
    pub(crate) runtime: Arc<Runtime>,
    pools: Vec<DescriptorPool>,
}

/// The package of a project, by its folder in the repository.
pub(crate) fn package(project: &str) -> Package {
    Package::read(std::fs::read(built(project)).expect("the package is there")).expect("the package is one")
}

/// The file with the package of a project; built by the first test that wants it.
pub(crate) fn built(project: &str) -> PathBuf {
    static BUILT: LazyLock<Mutex<HashMap<String, PathBuf>>> = LazyLock::new(Mutex::default);
    let mut built = BUILT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let build = || {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(project);
        build_if_stale(&folder).expect("the project can be built")
    };
    built.entry(project.to_owned()).or_insert_with(build).clone()
}

impl TestHost {
    /// A runtime that serves the packages of these projects.
    pub(crate) async fn with(projects: &[&str]) -> Self {
        let mut host = Self::empty();
        for project in projects {
            host.deploy(&package(project)).await.expect("the package is deployed");
        }
        host
    }

    /// A runtime that serves the package of a project, run in another way.
    pub(crate) async fn running(project: &str, change: impl Fn(&mut Run)) -> Self {
        let built = package(project);
        let mut manifest = Manifest::clone(built.manifest());
        change(&mut manifest.run);
        let package = Package::write(built.component(), built.descriptors(), &manifest).expect("a package");
        let mut host = Self::empty();
        host.deploy(&Package::read(package).expect("a package")).await.expect("the package is deployed");
        host
    }

    /// A runtime that serves nothing yet.
    pub(crate) fn empty() -> Self {
        Self::outside(HashMap::new(), None)
    }

    /// A runtime that serves the package of a project, which calls a service at servers outside.
    pub(crate) async fn importing(project: &str, service: &str, import: Import, identity: Option<Identity>) -> Self {
        let mut host = Self::outside(HashMap::from([(ServiceName::new(service).unwrap(), import)]), identity);
        host.deploy(&package(project)).await.expect("the package is deployed");
        host
    }

    /// A runtime with these settings that serves nothing yet.
    pub(crate) fn of(settings: RuntimeSettings) -> Self {
        let engine = EngineSettings { instances: 64, ..settings.engine };
        let runtime = Runtime::with_settings(RuntimeSettings { engine, ..settings }).expect("an engine");
        Self { runtime, pools: Vec::new() }
    }

    fn outside(imports: HashMap<ServiceName, Import>, identity: Option<Identity>) -> Self {
        // One for all: a guest in Python takes seconds to compile.
        let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compiled");
        let imports = ImportRules { configured: imports, identity, ..ImportRules::default() };
        Self::of(RuntimeSettings { cache: Some(cache), imports, ..RuntimeSettings::default() })
    }

    /// Serves what is in it over gRPC until the test ends; gives the address.
    pub(crate) async fn listen(&self) -> Address {
        let listener = gateway::listen("127.0.0.1:0").await.unwrap();
        let address = Address::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let runtime = self.runtime.clone();
        tokio::spawn(async move {
            let (handler, catalog) = (runtime.handler(), runtime.catalog());
            gateway::serve(listener, handler, catalog, GatewaySettings::default(), std::future::pending()).await
        });
        address
    }

    pub(crate) async fn deploy(&mut self, package: &Package) -> Result<(), DeployError> {
        self.pools.push(package.pool().clone());
        self.runtime.deploy(package).await
    }

    /// Calls a method with a request in JSON; the answer is JSON too.
    pub(crate) async fn call(&self, path: &str, request: &str) -> Result<String, CallFailure> {
        let (context, request) = self.prepare(path, request);
        let reply = self.runtime.handler().unary(context, request).await?;
        Ok(self.json(path, &reply))
    }

    /// Calls a method that streams with requests in JSON; the answers are JSON too.
    pub(crate) async fn stream(&self, path: &str, messages: &[&str]) -> (Vec<String>, Result<Metadata, CallFailure>) {
        let (mut sink, requests) = request_channel();
        let (response_sink, mut responses) = response_channel();
        let (context, _) = self.prepare(path, "{}");
        let calling = self.runtime.handler().streaming(context, requests, response_sink);
        let sending = async move {
            for message in messages {
                let _ = sink.send(self.prepare(path, message).1).await;
            }
        };
        let reading = async {
            let mut read = Vec::new();
            while let Some(part) = responses.next().await {
                if let ResponsePart::Message(message) = part {
                    read.push(self.json(path, &UnaryResponse { message, ..UnaryResponse::default() }));
                }
            }
            read
        };
        let (outcome, (), read) = tokio::join!(calling, sending, reading);
        (read, outcome)
    }

    /// The context of a call, which tests may change, and its request.
    pub(crate) fn prepare(&self, path: &str, request: &str) -> (Context, bytes::Bytes) {
        let (service, method) = path.split_once('/').unwrap();
        let descriptor = self.method(path).input();
        let mut json = serde_json::Deserializer::from_str(request);
        let message = DynamicMessage::deserialize(descriptor, &mut json).expect("a request in JSON");
        let deadline = Deadline::after(Duration::from_secs(20));
        let context = Context::new(service, method).with_deadline(deadline);
        (context, message.encode_to_vec().into())
    }

    pub(crate) fn json(&self, path: &str, reply: &UnaryResponse) -> String {
        let message = DynamicMessage::decode(self.method(path).output(), reply.message.clone()).expect("a response");
        serde_json::to_string(&message).unwrap()
    }

    fn method(&self, path: &str) -> prost_reflect::MethodDescriptor {
        let (service, method) = path.split_once('/').unwrap();
        let mut found = self.pools.iter().filter_map(|pool| pool.get_service_by_name(service));
        let service = found.next().expect("a service of some package");
        service.methods().find(|found| found.name() == method).expect("a method of the service")
    }
}
