use std::fmt;

use serde::{Deserialize, Serialize};

use super::{InvalidName, ServiceName};

/// What a rule of the `[allowed-callers]` table is about: a service, or one method of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Callable {
    /// The service.
    pub service: ServiceName,
    /// The method; without one, all methods for which there is no rule of their own.
    pub method: Option<String>,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Caller {
    /// Anybody who calls over the network: `clients`.
    Clients,
    /// A component, while it serves a call of this service.
    Service(ServiceName),
}

/// The word for those who call over the network.
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
