//! The file of `okra serve --config`: TLS, CORS, limits of a server and of its packages, servers of imported services.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

use crate::config::{Address, CompileLimits, ConfigError, Import, Mistake, RunCaps, ServiceName, SourcePlace, unit};

/// The file of `okra serve --config`. Every key has a default.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServerConfig {
    /// TLS. Default: none, so nothing is encrypted.
    pub tls: Option<TlsConfig>,
    /// Origins whose pages may call.
    pub cors: CorsConfig,
    /// Limits of clients and of the process.
    pub limits: ServerLimits,
    /// The most that each package gets of what it asks for.
    pub caps: RunCaps,
    /// Limits of compiling a package.
    pub compile: CompileLimits,
    /// Servers of services that packages call. They count in place of those that a package names.
    pub imports: BTreeMap<ServiceName, Import>,
    /// Addresses of servers from which packages may import services by themselves. Default: none.
    pub allowed_imports: Vec<Address>,
}

/// The `[tls]` table. Files are PEM, relative to the folder of the file, and read again when they change.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TlsConfig {
    /// The server's certificate with its chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Authorities of clients' certificates. If set, every client must present a certificate that they signed. Default:
    /// clients present none.
    pub clients: Option<PathBuf>,
}

/// The `[cors]` table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct CorsConfig {
    /// Origins whose pages may call, such as `"https://app.example.com"`; `"*"` for all. Default: the server's own only.
    pub origins: Vec<Origin>,
}

/// The origin of pages: `https://app.example.com`, or `*` for all origins.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Origin(String);

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let is_host = |host: &str| !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
        match text == "*" || host.is_some_and(is_host) {
            true => Ok(Self(text)),
            false => Err(format!(
                "{text:?} is not an origin: expected one such as \"https://app.example.com\", without a path, or \"*\""
            )),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The `[limits]` table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServerLimits {
    /// Largest request message of all services, after decompression. Default: no limit but each service's own.
    #[serde(deserialize_with = "unit::optional_size")]
    pub max_request: Option<ByteSize>,
    /// Largest headers of a request. Default: `"16KiB"`.
    #[serde(deserialize_with = "unit::size::deserialize")]
    pub max_headers: ByteSize,
    /// Largest trailers of a response: message, details and metadata of an error. Details and metadata that do not fit are
    /// left out. Default: `"8KiB"`, which all clients accept.
    #[serde(deserialize_with = "unit::size::deserialize")]
    pub max_trailers: ByteSize,
    /// Most connections at the same time; more wait to be accepted. Default: 10000.
    pub connections: NonZeroU32,
    /// Most calls at the same time on one HTTP/2 connection. Default: 1000.
    pub streams: NonZeroU32,
    /// Most calls at the same time; more fail with `RESOURCE_EXHAUSTED`. Default: 10000.
    pub calls: NonZeroU32,
    /// Most memory that clients and guests use at the same time: messages, responses that were not read yet, memories of
    /// instances. Calls beyond it fail with `RESOURCE_EXHAUSTED`. Default: three quarters of the memory of the control group
    /// or the machine.
    #[serde(deserialize_with = "unit::optional_size")]
    pub memory: Option<ByteSize>,
    /// Most of this memory that one connection uses. Default: `"64MiB"`.
    #[serde(deserialize_with = "unit::size::deserialize")]
    pub connection_memory: ByteSize,
    /// Longest time until the first byte of a client, of the TLS handshake, and until the end of the headers of an HTTP/1.1
    /// request. Default: `"10s"`.
    #[serde(with = "unit::duration")]
    pub header_timeout: Duration,
    /// Longest time in which a client sends a request that is one message. Default: `"60s"`.
    #[serde(with = "unit::duration")]
    pub body_timeout: Duration,
    /// Longest time in which a client makes room for the next part of a response, at most 64 KiB. Default: `"60s"`.
    #[serde(with = "unit::duration")]
    pub response_timeout: Duration,
    /// Time without a call after which a connection is closed. Default: `"15m"`.
    #[serde(with = "unit::duration")]
    pub connection_idle: Duration,
    /// Age at which a connection is told to go away once its calls are over. Default: no limit.
    #[serde(with = "unit::optional_duration")]
    pub connection_age: Option<Duration>,
    /// Longest time of the calls of a connection that was told to go away for its age. Default: `"5m"`.
    #[serde(with = "unit::duration")]
    pub connection_grace: Duration,
    /// Interval of pings on a silent HTTP/2 connection. Default: `"60s"`.
    #[serde(with = "unit::duration")]
    pub keepalive: Duration,
    /// Longest time until the answer to such a ping. Default: `"20s"`.
    #[serde(with = "unit::duration")]
    pub keepalive_timeout: Duration,
    /// Longest time of calls in flight once the server is told to end. Default: `"30s"`.
    #[serde(with = "unit::duration")]
    pub grace: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            max_request: None,
            max_headers: ByteSize::kib(16),
            max_trailers: ByteSize::kib(8),
            connections: NonZeroU32::MIN.saturating_add(9_999),
            streams: NonZeroU32::MIN.saturating_add(999),
            calls: NonZeroU32::MIN.saturating_add(9_999),
            memory: None,
            connection_memory: ByteSize::mib(64),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(60),
            response_timeout: Duration::from_secs(60),
            connection_idle: Duration::from_secs(15 * 60),
            connection_age: None,
            connection_grace: Duration::from_secs(5 * 60),
            keepalive: Duration::from_secs(60),
            keepalive_timeout: Duration::from_secs(20),
            grace: Duration::from_secs(30),
        }
    }
}

impl ServerConfig {
    /// Returns the most that each package gets, `max-request` of `[limits]` included.
    pub fn run_caps(&self) -> RunCaps {
        let max_request = self.limits.max_request.map_or(self.caps.max_request, |most| most.min(self.caps.max_request));
        RunCaps { max_request, ..self.caps.clone() }
    }

    /// Reads the file at `path`. The paths in the result are relative to the current folder.
    ///
    /// # Errors
    /// If the file cannot be read, is not TOML, or has an unknown key or a wrong value.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let read = |source| ConfigError::Read { path: path.to_owned(), source };
        let source = fs::read_to_string(path).map_err(read)?;
        let mut server = Self::parse(&source, path)?;
        if let (Some(tls), Some(folder)) = (&mut server.tls, path.parent()) {
            for file in [Some(&mut tls.certificate), Some(&mut tls.key), tls.clients.as_mut()].into_iter().flatten() {
                *file = folder.join(&*file);
            }
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        for (service, import) in &mut server.imports {
            import.read_ca(folder).map_err(|(file, error)| {
                let mistake = Mistake::NoCertificates { path: file, error: error.to_string() };
                invalid_import(path, &source, service, "ca", mistake)
            })?;
        }
        Ok(server)
    }

    /// Parses `source`, the text of the file at `path`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(source: &str, path: &Path) -> Result<Self, ConfigError> {
        let server: Self = toml::from_str(source).map_err(|error| ConfigError::syntax(path, source, &error))?;
        match server.imports.iter().find(|(_, import)| import.addresses.is_empty()) {
            Some((service, _)) => Err(invalid_import(path, source, service, "addresses", Mistake::NoAddress)),
            None => Ok(server),
        }
    }
}

/// Makes the error of a key of an import.
fn invalid_import(path: &Path, source: &str, service: &str, key: &str, mistake: Mistake) -> ConfigError {
    let place = Box::new(SourcePlace::of_key(path, source, &["imports", service, key]));
    ConfigError::Invalid { path: path.to_owned(), place, mistake }
}
