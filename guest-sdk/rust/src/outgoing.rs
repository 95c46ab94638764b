//! How the calls that a handler makes to other services leave.
//!
//! Without any of this a call leaves with the deadline and the trace of the call being served, and no metadata.
//!
//! ```ignore
//! let user = outgoing::with_timeout(Duration::from_millis(200), || users::get_user(&request))?;
//!
//! let scope = outgoing::Scope::new().timeout(Duration::from_millis(200)).metadata("x-tenant", "acme")?;
//! let user = users::get_user(&request)?;      // leaves with both
//! let version = scope.headers().get_str("x-version").map(str::to_owned);
//! drop(scope);                                // calls from here on leave without
//! ```

use std::time::Duration;

use crate::bindings::okra::service::outgoing as host;
use crate::{InvalidMetadata, Metadata};

/// Makes calls of which each may take so long. Shortens the deadline of the call being served, never lengthens it.
pub fn with_timeout<T>(timeout: Duration, calls: impl FnOnce() -> T) -> T {
    let _scope = Scope::new().timeout(timeout);
    calls()
}

/// Settings of the calls made while it lives. Of several that live, the newest counts.
#[derive(Debug)]
#[must_use = "a scope ends when it is dropped"]
pub struct Scope {
    handle: host::Scope,
}

impl Scope {
    /// A scope that changes nothing yet.
    #[allow(clippy::new_without_default, reason = "making one has an effect")]
    pub fn new() -> Self {
        Self { handle: host::Scope::new() }
    }

    /// Time that each call may take. Shortens the deadline of the call being served, never lengthens it.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.handle.set_timeout(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
        self
    }

    /// Adds metadata to each call.
    ///
    /// # Errors
    /// When the name or the value is not valid, or the name belongs to the protocol.
    pub fn metadata(self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, InvalidMetadata> {
        self.handle.add_metadata(name, value.as_ref()).map_err(InvalidMetadata)?;
        Ok(self)
    }

    /// Response headers of the last call made in this scope.
    pub fn headers(&self) -> Metadata {
        self.handle.headers().into()
    }

    /// Response trailers of the last call made in this scope.
    pub fn trailers(&self) -> Metadata {
        self.handle.trailers().into()
    }
}
