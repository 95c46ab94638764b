//! Measures OKRA against something else in the same run, on the same machine, with the same client; `cargo xtask bench`
//! builds what is needed and starts it.

mod client;
mod comparison;
mod idle;
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
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(names()))]
    names: Vec<String>,
}

/// Chooses all comparisons whose names begin with it.
const GROUP: &str = "protocols";

/// Everything that is measured.
fn names() -> impl Iterator<Item = &'static str> {
    comparison::all().into_iter().map(|one| one.name).chain([GROUP, idle::NAME])
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
    let is_of = |name: &str, group: &str| group == GROUP && name.starts_with(GROUP);
    let is_chosen = |name: &str| names.is_empty() || names.iter().any(|chosen| chosen == name || is_of(name, chosen));
    let print = |text: String| stdout().write_all(text.as_bytes()).into_diagnostic();
    let mut chosen = comparison::all().into_iter().filter(|one| is_chosen(one.name)).peekable();
    if chosen.peek().is_some() {
        let servers = Servers::start().await?;
        for comparison in chosen {
            let outcome = comparison.run(&servers).await?;
            print(report::table(&comparison, outcome))?;
        }
    }
    if is_chosen(idle::NAME) {
        print(idle::run().await?)?;
    }
    Ok(())
}
