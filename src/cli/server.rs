use std::path::PathBuf;

use clap::Args;
use miette::{Context as _, IntoDiagnostic as _};

use crate::client::{Client, Tls};

/// A server that a command asks.
#[derive(Debug, Args)]
pub(super) struct Server {
    /// Where the server listens, such as 127.0.0.1:8080 or https://users.example.com.
    address: String,
    /// Certificates of the authorities that are trusted, PEM; by default the system's.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Our certificate, PEM, for servers that ask for one.
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// The key of that certificate, PEM.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
}

impl Server {
    pub(super) async fn connect(&self) -> miette::Result<Client> {
        let read = |path: &Option<PathBuf>| {
            let read = path.as_ref().map(|path| {
                std::fs::read(path).into_diagnostic().wrap_err_with(|| format!("cannot read {}", path.display()))
            });
            read.transpose()
        };
        let identity = read(&self.certificate)?.zip(read(&self.key)?);
        Ok(Client::connect(&self.address, &Tls { ca: read(&self.ca)?, identity }).await?)
    }
}
