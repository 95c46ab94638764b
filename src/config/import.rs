use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use http::Uri;
use serde::{Deserialize, Serialize};

use super::unit;

/// A gRPC server outside to which the calls of a service go: an entry of the `[imports]` table.
///
/// In `okra.toml` it is an address such as `"https://users.example.com"`, or a table with more to say.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(from = "Written")]
#[serde(rename_all = "kebab-case")]
pub struct Import {
    /// Where its servers are; calls go to one after the other.
    pub addresses: Vec<Address>,
    /// Of `https` addresses: certificates of the authorities that are trusted, in place of the system's. In `okra.toml` a
    /// PEM file relative to the project's folder, in a manifest its contents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Of `https` addresses: the name in the server's certificate, when it is not that of the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// How often a connection is tried while calls are in flight and nothing comes; the server ends it when that is more
    /// often than it allows. Default: `"5m"`, which servers allow unless told otherwise.
    #[serde(with = "unit::duration")]
    pub keepalive: Duration,
    /// How long a server may take to accept a connection. Default: `"5s"`.
    #[serde(with = "unit::duration")]
    pub connect_timeout: Duration,
}

/// Address of a server: `http://HOST:PORT` or `https://HOST`, with port 80 or 443 unless another is given.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(Uri);

/// A text that is no address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address of a server: expected `http://HOST:PORT` or `https://HOST`, without a path")]
pub struct InvalidAddress(String);

/// The ways to write an import.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected the address of a server, such as \"https://users.example.com\", a list of them, or a table with the key `addresses`"
)]
enum Written {
    One(Address),
    Several(Vec<Address>),
    Table(Table),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    addresses: Vec<Address>,
    ca: Option<String>,
    server_name: Option<String>,
    #[serde(default = "keepalive", with = "unit::duration")]
    keepalive: Duration,
    #[serde(default = "connect_timeout", with = "unit::duration")]
    connect_timeout: Duration,
}

fn keepalive() -> Duration {
    Duration::from_secs(300)
}

fn connect_timeout() -> Duration {
    Duration::from_secs(5)
}

impl From<Written> for Import {
    fn from(written: Written) -> Self {
        match written {
            Written::One(address) => Self::to(vec![address]),
            Written::Several(addresses) => Self::to(addresses),
            Written::Table(Table { addresses, ca, server_name, keepalive, connect_timeout }) => {
                Self { addresses, ca, server_name, keepalive, connect_timeout }
            }
        }
    }
}

impl Import {
    /// Servers at these addresses, with everything else as it is by default.
    pub fn to(addresses: Vec<Address>) -> Self {
        Self { addresses, ca: None, server_name: None, keepalive: keepalive(), connect_timeout: connect_timeout() }
    }

    /// Puts the contents of the file with certificates in place of its path.
    ///
    /// # Errors
    /// The file that cannot be read.
    pub(super) fn read_ca(&mut self, folder: &Path) -> Result<(), (PathBuf, io::Error)> {
        if let Some(ca) = &mut self.ca {
            let path = folder.join(&*ca);
            *ca = fs::read_to_string(&path).map_err(|error| (path, error))?;
        }
        Ok(())
    }
}

impl Address {
    /// Takes an address when it is one.
    ///
    /// # Errors
    /// When it is not, with what was expected.
    pub fn new(address: &str) -> Result<Self, InvalidAddress> {
        let invalid = || InvalidAddress(address.to_owned());
        let uri: Uri = address.parse().map_err(|_| invalid())?;
        let scheme = matches!(uri.scheme_str(), Some("http" | "https"));
        let whole = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let authority = uri.authority().is_some_and(|it| !it.host().is_empty() && !it.as_str().contains('@'));
        if scheme && whole && authority { Ok(Self(uri)) } else { Err(invalid()) }
    }

    /// As a URI.
    pub fn uri(&self) -> &Uri {
        &self.0
    }

    /// Whether calls are encrypted.
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
