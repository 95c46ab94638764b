//! The arguments that name a server, for all commands that call one.

use std::path::PathBuf;

use clap::Args;
use miette::{Context as _, IntoDiagnostic as _};

use crate::client::{ClientTls, DynamicClient};

/// The server that a command calls.
#[derive(Debug, Args)]
pub(super) struct ServerArgs {
    /// Address of the server, such as `127.0.0.1:8080` or `https://users.example.com`.
    address: String,
    /// Certificates of the authorities that are trusted, PEM; by default the system's.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The certificate of the client, PEM, for servers that ask for one.
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// The key of the client's certificate, PEM.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
}

impl ServerArgs {
    /// Connects to the server.
    ///
    /// # Errors
    /// If a file cannot be read, or the server cannot be reached.
    pub(super) async fn connect(&self) -> miette::Result<DynamicClient> {
        let read = |path: &Option<PathBuf>| {
            let read = path.as_ref().map(|path| {
                std::fs::read(path).into_diagnostic().wrap_err_with(|| format!("cannot read {}", path.display()))
            });
            read.transpose()
        };
        let identity = read(&self.certificate)?.zip(read(&self.key)?);
        Ok(DynamicClient::connect(&self.address, &ClientTls { ca: read(&self.ca)?, identity }).await?)
    }
}
