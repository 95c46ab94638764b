//! Servers outside to which calls of a service go: the entries of `[imports]`.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use http::Uri;
use serde::{Deserialize, Serialize};

use crate::config::unit;

/// A gRPC server outside to which the calls of a service go: an entry of the `[imports]` table.
///
/// In `okra.toml` it is an address such as `"https://users.example.com"`, a list of addresses, or a table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(from = "ImportValue")]
#[serde(rename_all = "kebab-case")]
pub struct Import {
    /// Addresses of its servers. Calls go to them in turn.
    pub addresses: Vec<Address>,
    /// Certificates of the authorities that are trusted for `https` addresses, in place of the system's. In `okra.toml` a
    /// PEM file relative to the project's folder, in a manifest the contents of that file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// The name in the server's certificate, for `https` addresses, if it is not the host of the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// Interval of pings on a connection with calls in flight on which nothing arrives. A server may end connections that
    /// ping more often than it allows. Default: `"5m"`, which servers allow by default.
    #[serde(with = "unit::duration")]
    pub keepalive: Duration,
    /// Longest time until a server accepts a connection. Default: `"5s"`.
    #[serde(with = "unit::duration")]
    pub connect_timeout: Duration,
}

/// Address of a server: `http://HOST:PORT` or `https://HOST`, with port 80 or 443 unless another is given.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(Uri);

/// A text that is not the address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the address of a server: expected `http://HOST:PORT` or `https://HOST`, without a path")]
pub struct InvalidAddress(String);

/// The forms of an import in `okra.toml`.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected the address of a server, such as \"https://users.example.com\", a list of them, or a table with the key `addresses`"
)]
enum ImportValue {
    One(Address),
    Several(Vec<Address>),
    Table(ImportTable),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ImportTable {
    addresses: Vec<Address>,
    ca: Option<String>,
    server_name: Option<String>,
    #[serde(default = "default_keepalive", with = "unit::duration")]
    keepalive: Duration,
    #[serde(default = "default_connect_timeout", with = "unit::duration")]
    connect_timeout: Duration,
}

fn default_keepalive() -> Duration {
    Duration::from_secs(300)
}

fn default_connect_timeout() -> Duration {
    Duration::from_secs(5)
}

impl From<ImportValue> for Import {
    fn from(value: ImportValue) -> Self {
        match value {
            ImportValue::One(address) => Self::to(vec![address]),
            ImportValue::Several(addresses) => Self::to(addresses),
            ImportValue::Table(ImportTable { addresses, ca, server_name, keepalive, connect_timeout }) => {
                Self { addresses, ca, server_name, keepalive, connect_timeout }
            }
        }
    }
}

impl Import {
    /// Returns an import of servers at these addresses, with defaults for everything else.
    pub fn to(addresses: Vec<Address>) -> Self {
        Self {
            addresses,
            ca: None,
            server_name: None,
            keepalive: default_keepalive(),
            connect_timeout: default_connect_timeout(),
        }
    }

    /// Replaces the path of the file of certificates by its contents.
    ///
    /// # Errors
    /// The file that cannot be read, and why.
    pub(super) fn read_ca(&mut self, folder: &Path) -> Result<(), (PathBuf, io::Error)> {
        if let Some(ca) = &mut self.ca {
            let path = folder.join(&*ca);
            *ca = fs::read_to_string(&path).map_err(|error| (path, error))?;
        }
        Ok(())
    }
}

impl Address {
    /// Parses an address.
    ///
    /// # Errors
    /// If the text is not an address; the error says what was expected.
    pub fn new(address: &str) -> Result<Self, InvalidAddress> {
        let invalid = || InvalidAddress(address.to_owned());
        let uri: Uri = address.parse().map_err(|_| invalid())?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        let is_whole = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let has_host = uri.authority().is_some_and(|it| !it.host().is_empty() && !it.as_str().contains('@'));
        if is_http && is_whole && has_host { Ok(Self(uri)) } else { Err(invalid()) }
    }

    /// Returns the address as a URI.
    pub fn uri(&self) -> &Uri {
        &self.0
    }

    /// Whether both are the address of one server: the case of the host does not count, and the port may be left out.
    pub(crate) fn is_same_server(&self, other: &Self) -> bool {
        let parts = |address: &Self| {
            let port = address.0.port_u16().unwrap_or(if address.is_secure() { 443 } else { 80 });
            (address.is_secure(), address.0.host().map(str::to_ascii_lowercase), port)
        };
        parts(self) == parts(other)
    }

    /// Returns whether calls are encrypted.
    pub fn is_secure(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.to_string().trim_end_matches('/'))
    }
}

impl TryFrom<String> for Address {
    type Error = InvalidAddress;

    fn try_from(address: String) -> Result<Self, InvalidAddress> {
        Self::new(&address)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.to_string()
    }
}
