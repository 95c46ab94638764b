use std::collections::BTreeMap;
use std::sync::Arc;

use super::connect::Called;
use super::rest::{Route, Routes};
use prost_reflect::{MessageDescriptor, MethodDescriptor, ServiceDescriptor};

/// What the gateway serves at one moment: services by their full names.
///
/// A deploy makes a new one; calls that began under the old one end under it.
#[derive(Clone, Debug, Default)]
pub struct Served {
    services: BTreeMap<Arc<str>, Service>,
}

/// A service that is served.
#[derive(Clone, Debug)]
pub struct Service {
    name: Arc<str>,
    descriptor: ServiceDescriptor,
    health: Health,
    methods: BTreeMap<Arc<str>, Method>,
    routes: Routes,
}

/// A method that is served.
#[derive(Clone, Debug)]
pub struct Method {
    name: Arc<str>,
    descriptor: MethodDescriptor,
}

/// Whether a service can answer now, as `grpc.health.v1` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Health {
    Serving,
    NotServing,
}

impl Served {
    /// Adds a service, in place of one of the same name.
    ///
    /// The whole pool of the descriptor is what reflection tells of it. Pools of different services may hold different
    /// files under one name.
    pub fn add(&mut self, descriptor: ServiceDescriptor, health: Health) {
        let methods = descriptor.methods().map(|descriptor| Method { name: descriptor.name().into(), descriptor });
        let mut routes = Routes::default();
        descriptor.methods().for_each(|method| routes.add(&method));
        let service = Service {
            routes,
            name: descriptor.full_name().into(),
            health,
            methods: methods.map(|method| (method.name.clone(), method)).collect(),
            descriptor,
        };
        self.services.insert(service.name.clone(), service);
    }

    /// The service of this full name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.get(name)
    }

    /// The ways to methods that their `google.api.http` rules make, in the order in which they are tried.
    pub(super) fn routes(&self) -> impl Iterator<Item = &Route> {
        self.services.values().flat_map(|service| service.routes.iter())
    }

    /// The method of this descriptor.
    pub(super) fn called(&self, method: &MethodDescriptor) -> Option<Called<'_>> {
        let service = self.service(method.parent_service().full_name())?;
        Some(Called { service, method: service.method(method.name())? })
    }

    /// All services, by name.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.values()
    }
}

impl Service {
    /// Its full name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its descriptor.
    pub fn descriptor(&self) -> &ServiceDescriptor {
        &self.descriptor
    }

    /// Whether it can answer now.
    pub fn health(&self) -> Health {
        self.health
    }

    /// Its method of this name.
    pub fn method(&self, name: &str) -> Option<&Method> {
        self.methods.get(name)
    }

    /// All its methods, by name.
    pub fn methods(&self) -> impl Iterator<Item = &Method> {
        self.methods.values()
    }
}

impl Method {
    /// Its name within the service.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its descriptor.
    pub fn descriptor(&self) -> &MethodDescriptor {
        &self.descriptor
    }

    /// What its callers send.
    pub fn input(&self) -> MessageDescriptor {
        self.descriptor.input()
    }

    /// What it answers with.
    pub fn output(&self) -> MessageDescriptor {
        self.descriptor.output()
    }

    /// Whether its callers send any number of messages, not just one.
    pub fn is_client_streaming(&self) -> bool {
        self.descriptor.is_client_streaming()
    }

    /// Whether it answers with any number of messages, not just one.
    pub fn is_server_streaming(&self) -> bool {
        self.descriptor.is_server_streaming()
    }
}
