//! Measures OKRA against something else in the same run, on the same machine, with the same client; `cargo xtask bench`
//! builds what is needed and starts it.

mod client;
mod comparison;
mod load;
mod messages;
mod report;
mod server;
mod servers;

use std::io::{Write as _, stdout};

use clap::Parser;
use clap::builder::PossibleValuesParser;
use miette::{IntoDiagnostic as _, bail};
use tokio::signal::unix::{SignalKind, signal};

use servers::Servers;

#[derive(Parser)]
#[command(about = "Measures OKRA against something else in the same run")]
struct Bench {
    /// What to compare; everything when nothing is named.
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(comparison::all().map(|one| one.name)))]
    names: Vec<String>,
}

#[tokio::main]
async fn main() -> miette::Result<()> {
    let bench = Bench::parse();
    // Whatever ends this, the servers end with it.
    let mut interrupt = signal(SignalKind::interrupt()).into_diagnostic()?;
    let mut terminate = signal(SignalKind::terminate()).into_diagnostic()?;
    tokio::select! {
        done = run(&bench.names) => done,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("terminated"),
    }
}

async fn run(names: &[String]) -> miette::Result<()> {
    let servers = Servers::start().await?;
    let is_chosen = |name: &str| names.is_empty() || names.iter().any(|chosen| chosen == name);
    for comparison in comparison::all().into_iter().filter(|one| is_chosen(one.name)) {
        let outcome = comparison.run(&servers).await?;
        let text = report::table(&comparison, outcome);
        stdout().write_all(text.as_bytes()).into_diagnostic()?;
    }
    Ok(())
}
