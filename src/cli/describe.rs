//! `okra describe`.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use miette::IntoDiagnostic as _;

use crate::call::printable_lines;
use crate::cli::server::ServerArgs;
use crate::client::{DynamicSchema, print_definition};

/// Prints the definition of a service, method, message or enum of a gRPC server.
#[derive(Debug, Args)]
pub struct DescribeArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// A full name, such as greeter.v1.Greeter, greeter.v1.Greeter/Hello or greeter.v1.HelloRequest.
    symbol: String,
}

impl DescribeArgs {
    /// Prints the definition.
    ///
    /// # Errors
    /// If the server cannot be asked, or does not have the symbol.
    pub async fn run(self, out: &mut impl Write) -> Result<ExitCode, miette::Report> {
        let mut schema = DynamicSchema::of_server(self.server.connect().await?);
        let symbol = schema.symbol(&self.symbol).await?;
        out.write_all(printable_lines(&print_definition(&symbol)).as_bytes()).into_diagnostic()?;
        Ok(ExitCode::SUCCESS)
    }
}
