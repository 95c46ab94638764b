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
    /// What to compare; everything but the languages when nothing is named. `python` is all that begins so.
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(names()))]
    names: Vec<String>,
}

/// Guests in a language beside servers in the same language. They need an environment of their own, so they are measured
/// when they are named.
const LANGUAGES: [&str; 2] = ["python", "go"];

/// OKRA's protocols beside tonic's gRPC.
const PROTOCOLS: &str = "protocols";

/// Everything that is measured.
fn names() -> impl Iterator<Item = &'static str> {
    comparison::all().into_iter().map(|one| one.name).chain([idle::NAME, PROTOCOLS]).chain(LANGUAGES)
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
    let language = |name: &str| LANGUAGES.into_iter().find(|language| name.starts_with(language));
    let group = |name: &str| language(name).or_else(|| name.starts_with(PROTOCOLS).then_some(PROTOCOLS));
    let is_named = |name: &str| names.iter().any(|chosen| chosen == name || group(name) == Some(chosen));
    let is_chosen = |name: &str| if names.is_empty() { language(name).is_none() } else { is_named(name) };
    let print = |text: String| stdout().write_all(text.as_bytes()).into_diagnostic();
    let chosen: Vec<_> = comparison::all().into_iter().filter(|one| is_chosen(one.name)).collect();
    if !chosen.is_empty() {
        let servers = Servers::start(chosen.iter().flat_map(|one| one.hosts()).collect()).await?;
        let idle = report::memory("at the start", servers.all())?;
        for comparison in chosen {
            let outcome = comparison.run(&servers).await?;
            print(report::table(&comparison, outcome))?;
        }
        print(format!("\n{idle}{}", report::memory("at the end", servers.all())?))?;
    }
    if is_chosen(idle::NAME) {
        print(idle::run().await?)?;
    }
    Ok(())
}
