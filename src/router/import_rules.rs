//! From which servers packages may import services: the operator decides.

use std::collections::HashMap;

use tonic::transport::Identity;

use crate::config::{Address, Import, ServiceName};

/// From which servers packages may import services. By default from none: the calls of a package stay in this process.
#[derive(Clone, Debug, Default)]
pub struct ImportRules {
    /// The imports that the operator configured. They count in place of those of packages, and only they use `identity`.
    pub configured: HashMap<ServiceName, Import>,
    /// The addresses that packages may name themselves.
    pub allowed: AllowedImports,
    /// The certificate of this process, for servers that ask for one.
    pub identity: Option<Identity>,
}

/// The addresses of servers from which packages may import services by themselves.
#[derive(Clone, Debug)]
pub enum AllowedImports {
    /// These only.
    These(Vec<Address>),
    /// Every address.
    All,
}

impl Default for AllowedImports {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

impl ImportRules {
    /// Returns the import that the operator configured for a service.
    pub(crate) fn configured(&self, service: &str) -> Option<&Import> {
        self.configured.iter().find(|(name, _)| ***name == *service).map(|(_, import)| import)
    }

    /// Returns the first address of a package's import that the operator does not allow.
    pub(crate) fn denied<'a>(&self, import: &'a Import) -> Option<&'a Address> {
        match &self.allowed {
            AllowedImports::All => None,
            AllowedImports::These(allowed) => {
                import.addresses.iter().find(|address| !allowed.iter().any(|allowed| allowed.is_same_server(address)))
            }
        }
    }
}
