//! `okra list`.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use miette::IntoDiagnostic as _;

use crate::call::printable;
use crate::cli::server::ServerArgs;
use crate::client::DynamicSchema;

/// Lists the services of a gRPC server, or the methods of one of them.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The service whose methods are listed.
    service: Option<String>,
}

impl ListArgs {
    /// Prints the names, one a line.
    ///
    /// # Errors
    /// If the server cannot be asked, or does not have the service.
    pub async fn run(self, out: &mut impl Write) -> Result<ExitCode, miette::Report> {
        let mut schema = DynamicSchema::of_server(self.server.connect().await?);
        let names = match &self.service {
            None => schema.services().await?,
            Some(service) => {
                let service = schema.service(service).await?;
                service.methods().map(|method| format!("{}/{}", service.full_name(), method.name())).collect()
            }
        };
        for name in names {
            writeln!(out, "{}", printable(&name)).into_diagnostic()?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
