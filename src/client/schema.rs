//! The types of a server: looked up by name, and learned from reflection when they are first needed.

use prost_reflect::{DescriptorPool, EnumDescriptor, MessageDescriptor, MethodDescriptor, ServiceDescriptor};

use crate::client::reflection::ReflectionClient;
use crate::client::{ClientError, DynamicClient};
use crate::suggest::did_you_mean;

/// The types with which calls are made.
#[derive(Debug)]
pub struct DynamicSchema {
    /// The types that are known by now.
    pool: DescriptorPool,
    reflection: Option<ReflectionClient>,
}

/// A symbol of .proto files.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum ProtoSymbol {
    Service(ServiceDescriptor),
    Method(MethodDescriptor),
    Message(MessageDescriptor),
    Enum(EnumDescriptor),
}

impl DynamicSchema {
    /// Returns a schema that asks the server for a type when it is first needed.
    pub fn of_server(client: DynamicClient) -> Self {
        Self { pool: DescriptorPool::new(), reflection: Some(ReflectionClient::new(client)) }
    }

    /// Returns a schema with the types of compiled .proto files.
    pub fn of_files(pool: DescriptorPool) -> Self {
        Self { pool, reflection: None }
    }

    /// Returns the types that are known by now.
    pub(super) fn pool(&self) -> &DescriptorPool {
        &self.pool
    }

    /// Returns the full names of all services, sorted.
    ///
    /// # Errors
    /// If the server has no reflection, or the reflection fails.
    pub async fn services(&mut self) -> Result<Vec<String>, ClientError> {
        let mut names = match &mut self.reflection {
            Some(reflection) => reflection.services().await?,
            None => self.pool.services().map(|service| service.full_name().to_owned()).collect(),
        };
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Returns the service of this full name.
    ///
    /// # Errors
    /// If the service does not exist, with the name that was probably meant; if the server cannot be asked.
    pub async fn service(&mut self, name: &str) -> Result<ServiceDescriptor, ClientError> {
        self.learn(name).await?;
        if let Some(service) = self.pool.get_service_by_name(name) {
            return Ok(service);
        }
        let services = self.services().await?;
        Err(ClientError::UnknownService { service: name.to_owned(), help: suggest_name(name, "services", &services) })
    }

    /// Returns the method of a name such as `greeter.v1.Greeter/Hello`; a dot in place of the slash is accepted, too.
    ///
    /// # Errors
    /// If the method does not exist, with the name that was probably meant; if the server cannot be asked.
    pub async fn method(&mut self, name: &str) -> Result<MethodDescriptor, ClientError> {
        let bare = name.trim_start_matches('/');
        let (service, method) = match bare.split_once('/').or_else(|| bare.rsplit_once('.')) {
            Some((service, method)) if !service.is_empty() && !method.is_empty() => (service, method),
            _ => return Err(ClientError::MethodName { name: name.to_owned() }),
        };
        let service = self.service(service).await?;
        if let Some(found) = service.methods().find(|descriptor| descriptor.name() == method) {
            return Ok(found);
        }
        let names: Vec<_> = service.methods().map(|method| method.name().to_owned()).collect();
        Err(ClientError::UnknownMethod {
            service: service.full_name().to_owned(),
            method: method.to_owned(),
            help: suggest_name(method, "methods", &names),
        })
    }

    /// Returns the message of this full name, if it exists.
    ///
    /// # Errors
    /// If the server cannot be asked.
    pub async fn message(&mut self, name: &str) -> Result<Option<MessageDescriptor>, ClientError> {
        self.learn(name).await?;
        Ok(self.pool.get_message_by_name(name))
    }

    /// Returns the symbol of a full name. A method is `SERVICE/METHOD` or `SERVICE.METHOD`.
    ///
    /// # Errors
    /// If the symbol does not exist, with the name that was probably meant; if the server cannot be asked.
    pub async fn symbol(&mut self, name: &str) -> Result<ProtoSymbol, ClientError> {
        if name.contains('/') {
            return self.method(name).await.map(ProtoSymbol::Method);
        }
        let name = name.trim_start_matches('.');
        self.learn(name).await?;
        if let Some(symbol) = self.find_known(name) {
            return Ok(symbol);
        }
        // Some servers do not know methods as symbols.
        if let Some((service, method)) = name.rsplit_once('.') {
            self.learn(service).await?;
            if self.pool.get_service_by_name(service).is_some() {
                return self.method(&format!("{service}/{method}")).await.map(ProtoSymbol::Method);
            }
        }
        let mut names = self.services().await?;
        names.extend(self.pool.all_messages().map(|message| message.full_name().to_owned()));
        names.extend(self.pool.all_enums().map(|message| message.full_name().to_owned()));
        let services = self.services().await?;
        let help = did_you_mean(name, &names).unwrap_or_else(|| list_names("services", &services));
        Err(ClientError::UnknownSymbol { symbol: name.to_owned(), help })
    }

    fn find_known(&self, name: &str) -> Option<ProtoSymbol> {
        let method = || {
            let (service, method) = name.rsplit_once('.')?;
            self.pool.get_service_by_name(service)?.methods().find(|found| found.name() == method)
        };
        (self.pool.get_service_by_name(name).map(ProtoSymbol::Service))
            .or_else(|| self.pool.get_message_by_name(name).map(ProtoSymbol::Message))
            .or_else(|| self.pool.get_enum_by_name(name).map(ProtoSymbol::Enum))
            .or_else(|| method().map(ProtoSymbol::Method))
    }

    /// Asks the server for a symbol, unless it is known.
    async fn learn(&mut self, name: &str) -> Result<(), ClientError> {
        if self.find_known(name).is_none()
            && let Some(reflection) = &mut self.reflection
        {
            reflection.load(&mut self.pool, name).await?;
        }
        Ok(())
    }
}

fn suggest_name(wanted: &str, kind: &str, names: &[String]) -> String {
    did_you_mean(wanted, names).unwrap_or_else(|| list_names(kind, names))
}

fn list_names(kind: &str, names: &[String]) -> String {
    if names.is_empty() {
        return format!("there are no {kind}");
    }
    format!("the {kind} are: {}", names.join(", "))
}
