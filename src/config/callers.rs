//! The rules of `[allowed-callers]`: a service or method, and the callers that it allows.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::{InvalidName, ServiceName};

/// The subject of a rule of the `[allowed-callers]` table: a service, or one method of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Callable {
    /// The service.
    pub service: ServiceName,
    /// The method; `None` stands for all methods without a rule of their own.
    pub method: Option<String>,
}

/// A caller that a rule allows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Caller {
    /// All callers over the network: `clients`.
    Clients,
    /// A component, while it serves a call of this service.
    Service(ServiceName),
}

/// The text of [`Caller::Clients`].
const CLIENTS: &str = "clients";

impl TryFrom<String> for Callable {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        let (service, method) = match text.split_once('/') {
            Some((service, method)) => (service, Some(method.to_owned())),
            None => (&*text, None),
        };
        Ok(Self { service: ServiceName::new(service)?, method })
    }
}

impl fmt::Display for Callable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.method {
            Some(method) => write!(f, "{}/{method}", self.service),
            None => self.service.fmt(f),
        }
    }
}

impl From<Callable> for String {
    fn from(callable: Callable) -> String {
        callable.to_string()
    }
}

impl TryFrom<String> for Caller {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        if text == CLIENTS { Ok(Self::Clients) } else { ServiceName::new(text).map(Self::Service) }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clients => f.write_str(CLIENTS),
            Self::Service(service) => service.fmt(f),
        }
    }
}

impl From<Caller> for String {
    fn from(caller: Caller) -> String {
        caller.to_string()
    }
}
