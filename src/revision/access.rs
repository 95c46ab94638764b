//! Which callers may call a package: `[allowed-callers]` of its okra.toml.

use std::collections::{BTreeSet, HashMap};

use crate::call::{Code, Context, Status};
use crate::config::{AllowedCallers, Caller};

/// The rules of one package.
pub(crate) struct AccessRules {
    package: String,
    /// By service, or by `SERVICE/METHOD`, which comes first.
    allowed: HashMap<String, BTreeSet<Caller>>,
}

impl AccessRules {
    pub(crate) fn new(package: &str, allowed_callers: &AllowedCallers) -> Self {
        let allowed = allowed_callers.iter().map(|(callable, callers)| (callable.to_string(), callers.clone()));
        Self { package: package.to_owned(), allowed: allowed.collect() }
    }

    /// Checks that the caller of a call may make it. The caller is the last service of the chain, or a client.
    ///
    /// # Errors
    /// PERMISSION_DENIED, with the line that would allow the call.
    pub(crate) fn check(&self, context: &Context) -> Result<(), Status> {
        if self.allowed.is_empty() {
            return Ok(());
        }
        let method = [&context.service, "/", &context.method].concat();
        let rule = self.allowed.get_key_value(&method);
        let Some((callable, callers)) = rule.or_else(|| self.allowed.get_key_value(&*context.service)) else {
            return Ok(());
        };
        let caller = context.chain.last();
        let is_allowed = callers.iter().any(|allowed| match (allowed, caller) {
            (Caller::Clients, None) => true,
            (Caller::Service(service), Some(caller)) => **service == **caller,
            _ => false,
        });
        if is_allowed {
            return Ok(());
        }
        let caller = caller.map_or_else(|| Caller::Clients.to_string(), ToString::to_string);
        let callers: Vec<_> = callers.iter().map(ToString::to_string).chain([caller.clone()]).collect();
        let message = format!(
            "`{method}` may not be called by `{caller}`; this line in [allowed-callers] of `{}` would allow it: \
             \"{callable}\" = {callers:?}",
            self.package
        );
        Err(Status::new(Code::PermissionDenied, message))
    }
}
