use prost_reflect::{DescriptorPool, EnumDescriptor, MessageDescriptor, MethodDescriptor, ServiceDescriptor};

use super::reflection::Reflection;
use super::{Client, ClientError};
use crate::nearest::nearest;

/// The types that calls are made with.
#[derive(Debug)]
pub struct Schema {
    /// Grows as the server is asked.
    pool: DescriptorPool,
    reflection: Option<Reflection>,
}

/// What a name stands for.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Symbol {
    Service(ServiceDescriptor),
    Method(MethodDescriptor),
    Message(MessageDescriptor),
    Enum(EnumDescriptor),
}

impl Schema {
    /// Asks a server, when something is wanted and not before.
    pub fn of_server(client: Client) -> Self {
        Self { pool: DescriptorPool::new(), reflection: Some(Reflection::new(client)) }
    }

    /// Knows what compiled .proto files say.
    pub fn of_files(pool: DescriptorPool) -> Self {
        Self { pool, reflection: None }
    }

    /// What is known by now.
    pub(super) fn pool(&self) -> &DescriptorPool {
        &self.pool
    }

    /// The full names of all services, sorted.
    ///
    /// # Errors
    /// When the server has no reflection, or it fails.
    pub async fn services(&mut self) -> Result<Vec<String>, ClientError> {
        let mut names = match &mut self.reflection {
            Some(reflection) => reflection.services().await?,
            None => self.pool.services().map(|service| service.full_name().to_owned()).collect(),
        };
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// The service of this full name.
    ///
    /// # Errors
    /// When there is none, with the name that was probably meant; when the server cannot be asked.
    pub async fn service(&mut self, name: &str) -> Result<ServiceDescriptor, ClientError> {
        self.learn(name).await?;
        if let Some(service) = self.pool.get_service_by_name(name) {
            return Ok(service);
        }
        let services = self.services().await?;
        Err(ClientError::UnknownService { service: name.to_owned(), help: meant(name, "services", &services) })
    }

    /// The method of a name such as `greeter.v1.Greeter/Hello`; a dot in place of the slash is understood as well.
    ///
    /// # Errors
    /// When there is none, with the name that was probably meant; when the server cannot be asked.
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
            help: meant(method, "methods", &names),
        })
    }

    /// The message of this full name, if it is known.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn message(&mut self, name: &str) -> Result<Option<MessageDescriptor>, ClientError> {
        self.learn(name).await?;
        Ok(self.pool.get_message_by_name(name))
    }

    /// What a full name stands for. A method is `SERVICE/METHOD` or `SERVICE.METHOD`.
    ///
    /// # Errors
    /// When there is nothing of that name, with the service that was probably meant; when the server cannot be asked.
    pub async fn symbol(&mut self, name: &str) -> Result<Symbol, ClientError> {
        if name.contains('/') {
            return self.method(name).await.map(Symbol::Method);
        }
        let name = name.trim_start_matches('.');
        self.learn(name).await?;
        if let Some(symbol) = self.known(name) {
            return Ok(symbol);
        }
        // Not every server knows methods as symbols.
        if let Some((service, method)) = name.rsplit_once('.') {
            self.learn(service).await?;
            if self.pool.get_service_by_name(service).is_some() {
                return self.method(&format!("{service}/{method}")).await.map(Symbol::Method);
            }
        }
        let mut names = self.services().await?;
        names.extend(self.pool.all_messages().map(|message| message.full_name().to_owned()));
        names.extend(self.pool.all_enums().map(|message| message.full_name().to_owned()));
        let services = self.services().await?;
        let help = match nearest(name, names.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => listed("services", &services),
        };
        Err(ClientError::UnknownSymbol { symbol: name.to_owned(), help })
    }

    fn known(&self, name: &str) -> Option<Symbol> {
        let method = || {
            let (service, method) = name.rsplit_once('.')?;
            self.pool.get_service_by_name(service)?.methods().find(|found| found.name() == method)
        };
        (self.pool.get_service_by_name(name).map(Symbol::Service))
            .or_else(|| self.pool.get_message_by_name(name).map(Symbol::Message))
            .or_else(|| self.pool.get_enum_by_name(name).map(Symbol::Enum))
            .or_else(|| method().map(Symbol::Method))
    }

    /// Asks the server for a symbol that is not known yet.
    async fn learn(&mut self, name: &str) -> Result<(), ClientError> {
        if self.known(name).is_none()
            && let Some(reflection) = &mut self.reflection
        {
            reflection.load(&mut self.pool, name).await?;
        }
        Ok(())
    }
}

fn meant(wanted: &str, kind: &str, names: &[String]) -> String {
    match nearest(wanted, names.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => listed(kind, names),
    }
}

fn listed(kind: &str, names: &[String]) -> String {
    if names.is_empty() {
        return format!("there are no {kind} at all");
    }
    format!("the {kind} are: {}", names.join(", "))
}
