//! The catalog of the gateway: services, their methods, and the paths by which they are called.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost_reflect::{MessageDescriptor, MethodDescriptor, ServiceDescriptor};

use crate::call::{Code, Status};
use crate::routes::{RestRoute, RestRoutes};

pub use crate::routes::RouteConflict;
use crate::suggest::did_you_mean;

/// The services that are served at one moment, by their full names.
///
/// A deploy makes a new one; calls that began under the old one end under it.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    services: BTreeMap<Arc<str>, CatalogService>,
    routes: RestRoutes,
}

/// A service of the catalog.
#[derive(Clone, Debug)]
pub struct CatalogService {
    name: Arc<str>,
    descriptor: ServiceDescriptor,
    health: ServiceHealth,
    methods: BTreeMap<Arc<str>, CatalogMethod>,
    /// The place of the service in the order of the first deploys.
    rank: usize,
}

/// A method of the catalog.
#[derive(Clone, Debug)]
pub struct CatalogMethod {
    name: Arc<str>,
    descriptor: MethodDescriptor,
    message_sizes: MessageSizes,
}

/// The largest messages of a method, in bytes as protobuf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageSizes {
    /// Largest request message.
    pub max_request: usize,
    /// Largest response message, of streams, too.
    pub max_response: usize,
}

impl Default for MessageSizes {
    /// Requests of 4 MiB and responses of 64 MiB.
    fn default() -> Self {
        Self { max_request: 4 << 20, max_response: 64 << 20 }
    }
}

/// A method with its service.
#[derive(Clone, Copy, Debug)]
pub struct MethodRef<'a> {
    /// The service.
    pub service: &'a CatalogService,
    /// Its method.
    pub method: &'a CatalogMethod,
}

/// Whether a service can answer now, as `grpc.health.v1` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ServiceHealth {
    Serving,
    NotServing,
}

impl Catalog {
    /// Adds a service, in place of one of the same name, with the default sizes of messages.
    ///
    /// Reflection serves the whole pool of the descriptor. Pools of different services may hold different files under one
    /// name.
    pub fn add(&mut self, descriptor: ServiceDescriptor, health: ServiceHealth) {
        if let Err(conflict) = self.add_within(descriptor, health, MessageSizes::default()) {
            tracing::error!("{conflict}: the one that was deployed first is served there");
        }
    }

    /// As [`add`](Self::add), with these sizes of the messages of all its methods.
    ///
    /// # Errors
    /// When another method has the verb and path of one of its own. The service is added all the same, and what was there
    /// first is served.
    pub fn add_within(
        &mut self,
        descriptor: ServiceDescriptor,
        health: ServiceHealth,
        message_sizes: MessageSizes,
    ) -> Result<(), RouteConflict> {
        let methods = descriptor.methods().map(|descriptor| CatalogMethod {
            name: descriptor.name().into(),
            descriptor,
            message_sizes,
        });
        let next_rank = self.services.values().map(|service| service.rank + 1).max().unwrap_or_default();
        let rank = self.service(descriptor.full_name()).map_or(next_rank, |service| service.rank);
        let conflict = self.routes.set_service(&descriptor, rank);
        let service = CatalogService {
            rank,
            name: descriptor.full_name().into(),
            health,
            methods: methods.map(|method| (method.name.clone(), method)).collect(),
            descriptor,
        };
        self.services.insert(service.name.clone(), service);
        conflict.map_or(Ok(()), Err)
    }

    /// Returns the service of this full name.
    pub fn service(&self, name: &str) -> Option<&CatalogService> {
        self.services.get(name)
    }

    /// Iterates over the REST routes in the order in which they are tried.
    pub(crate) fn routes(&self) -> impl Iterator<Item = &RestRoute> {
        self.routes.iter()
    }

    /// Returns the method of this descriptor.
    pub(crate) fn method_ref(&self, method: &MethodDescriptor) -> Option<MethodRef<'_>> {
        let service = self.service(method.parent_service().full_name())?;
        Some(MethodRef { service, method: service.method(method.name())? })
    }

    /// Whether a path is that of a method, `/SERVICE/METHOD`.
    pub(crate) fn has_method_path(&self, path: &str) -> bool {
        let names = path.strip_prefix('/').and_then(|path| path.split_once('/'));
        names.is_some_and(|(service, method)| self.service(service).is_some_and(|found| found.method(method).is_some()))
    }

    /// Finds the method at a path of the form `/SERVICE/METHOD`.
    ///
    /// # Errors
    /// UNIMPLEMENTED, with the name that is not there and the one that may have been meant.
    pub fn find_method(&self, path: &str) -> Result<MethodRef<'_>, Status> {
        let unimplemented = |message| Err(Status::new(Code::Unimplemented, message));
        let Some((service_name, method_name)) = path.strip_prefix('/').and_then(|path| path.split_once('/')) else {
            return unimplemented(format!("`{path}` is no method: expected a path of the form /SERVICE/METHOD"));
        };
        let Some(service) = self.service(service_name) else {
            let suggestion = suggestion_suffix(service_name, self.services().map(|service| &**service.name()));
            return unimplemented(format!("service `{service_name}` is not served here{suggestion}"));
        };
        let Some(method) = service.method(method_name) else {
            let suggestion = suggestion_suffix(method_name, service.methods().map(|method| &**method.name()));
            return unimplemented(format!("service `{service_name}` has no method `{method_name}`{suggestion}"));
        };
        Ok(MethodRef { service, method })
    }

    /// Iterates over all services, by name.
    pub fn services(&self) -> impl Iterator<Item = &CatalogService> {
        self.services.values()
    }
}

impl CatalogService {
    /// Returns its full name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Returns its descriptor.
    pub fn descriptor(&self) -> &ServiceDescriptor {
        &self.descriptor
    }

    /// Returns whether it can answer now.
    pub fn health(&self) -> ServiceHealth {
        self.health
    }

    /// Returns its method of this name.
    pub fn method(&self, name: &str) -> Option<&CatalogMethod> {
        self.methods.get(name)
    }

    /// Iterates over its methods, by name.
    pub fn methods(&self) -> impl Iterator<Item = &CatalogMethod> {
        self.methods.values()
    }
}

impl CatalogMethod {
    /// Returns its name within the service.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Returns its descriptor.
    pub fn descriptor(&self) -> &MethodDescriptor {
        &self.descriptor
    }

    /// Returns its largest messages.
    pub fn message_sizes(&self) -> MessageSizes {
        self.message_sizes
    }

    /// Returns the type of its requests.
    pub fn input(&self) -> MessageDescriptor {
        self.descriptor.input()
    }

    /// Returns the type of its responses.
    pub fn output(&self) -> MessageDescriptor {
        self.descriptor.output()
    }

    /// Whether its clients send any number of messages.
    pub fn is_client_streaming(&self) -> bool {
        self.descriptor.is_client_streaming()
    }

    /// Whether it answers with any number of messages.
    pub fn is_server_streaming(&self) -> bool {
        self.descriptor.is_server_streaming()
    }

    /// Whether it streams on either side or both.
    pub fn is_streaming(&self) -> bool {
        self.is_client_streaming() || self.is_server_streaming()
    }
}

fn suggestion_suffix<'a>(unknown_name: &str, known_names: impl Iterator<Item = &'a str>) -> String {
    did_you_mean(unknown_name, known_names).map(|suggestion| format!("; {suggestion}")).unwrap_or_default()
}
