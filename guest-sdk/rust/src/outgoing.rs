//! Timeout and metadata of the calls that a handler makes to other services.
//!
//! Without a [`Scope`], a call carries the deadline and the trace context of the call being served, and no metadata of its
//! own.
//!
//! ```ignore
//! let user = outgoing::with_timeout(Duration::from_millis(200), || users::get_user(&request))?;
//!
//! let scope = outgoing::Scope::new().timeout(Duration::from_millis(200)).metadata("x-tenant", "acme")?;
//! let user = users::get_user(&request)?;      // carries both
//! let version = scope.headers().get_str("x-version").map(str::to_owned);
//! drop(scope);                                // later calls carry neither
//! ```

use std::time::Duration;

use crate::bindings::okra::service::outgoing as host;
use crate::{InvalidMetadata, Metadata};

/// Makes calls with a timeout for each. The deadline of the call being served still applies: a timeout shortens it and
/// never extends it.
pub fn with_timeout<T>(timeout: Duration, calls: impl FnOnce() -> T) -> T {
    let _scope = Scope::new().timeout(timeout);
    calls()
}

/// Settings of the calls that the handler makes while the scope lives. If several scopes live, the newest applies.
#[derive(Debug)]
#[must_use = "a scope ends when it is dropped"]
pub struct Scope {
    handle: host::Scope,
}

impl Scope {
    /// Makes a scope that changes nothing yet.
    #[allow(clippy::new_without_default, reason = "making one has an effect")]
    pub fn new() -> Self {
        Self { handle: host::Scope::new() }
    }

    /// Limits the time of each call. The deadline of the call being served still applies: a timeout shortens it and never
    /// extends it.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.handle.set_timeout(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
        self
    }

    /// Adds an entry to the metadata of each call.
    ///
    /// # Errors
    /// If the name or the value is not valid, or the name belongs to the protocol.
    pub fn metadata(self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, InvalidMetadata> {
        self.handle.add_metadata(name, value.as_ref()).map_err(InvalidMetadata)?;
        Ok(self)
    }

    /// Returns the response headers of the last call made in this scope; empty before the first.
    pub fn headers(&self) -> Metadata {
        self.handle.headers().into()
    }

    /// Returns the response trailers of the last call made in this scope; empty before the first.
    pub fn trailers(&self) -> Metadata {
        self.handle.trailers().into()
    }
}
