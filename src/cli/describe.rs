use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use miette::IntoDiagnostic as _;

use super::server::Server;
use crate::client::{Schema, definition};

/// Prints the definition of a service, method, message or enum of a gRPC server.
#[derive(Debug, Args)]
pub struct DescribeArgs {
    #[command(flatten)]
    server: Server,
    /// A full name, such as greeter.v1.Greeter, greeter.v1.Greeter/Hello or greeter.v1.HelloRequest.
    symbol: String,
}

impl DescribeArgs {
    /// Asks the server's reflection.
    ///
    /// # Errors
    /// When the server cannot be asked, or knows nothing of that name.
    pub async fn run(self, out: &mut impl Write) -> Result<ExitCode, miette::Report> {
        let mut schema = Schema::of_server(self.server.connect().await?);
        let symbol = schema.symbol(&self.symbol).await?;
        out.write_all(definition(&symbol).as_bytes()).into_diagnostic()?;
        Ok(ExitCode::SUCCESS)
    }
}
