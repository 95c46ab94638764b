//! Measures OKRA against something else in the same run, on the same machine, with the same client; `cargo xtask bench`
//! builds what is needed and starts it.

mod client;
mod comparison;
mod crowd;
mod h2load;
mod idle;
mod load;
mod messages;
mod report;
mod server;
mod servers;

use std::io::{Write as _, stdout};
use std::path::PathBuf;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use miette::{IntoDiagnostic as _, bail};
use tokio::signal::unix::{SignalKind, signal};

use h2load::H2load;
use servers::Servers;

#[derive(Parser)]
#[command(about = "Measures OKRA against something else in the same run")]
struct Bench {
    /// What to compare; everything but the languages when nothing is named. `python` is all that begins so.
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(names()))]
    names: Vec<String>,
    /// Path of nghttp2's h2load: the calls are its, and the names are those that begin with `h2load`.
    #[arg(long, value_name = "PATH")]
    h2load: Option<PathBuf>,
}

/// Guests in a language beside servers in the same language. They need an environment of their own, so they are measured
/// when they are named.
const LANGUAGES: [&str; 2] = ["python", "go"];

/// OKRA's protocols beside tonic's gRPC.
const PROTOCOLS: &str = "protocols";

/// Everything that is measured.
fn names() -> impl Iterator<Item = &'static str> {
    comparison::all()
        .into_iter()
        .map(|one| one.name)
        .chain([idle::NAME, PROTOCOLS])
        .chain(LANGUAGES)
        .chain(h2load_names())
}

/// What h2load measures.
fn h2load_names() -> impl Iterator<Item = &'static str> {
    h2load::SHAPES.into_iter().map(|(name, ..)| name).chain([h2load::BY_SERVICES, h2load::BY_THREADS])
}

#[tokio::main]
async fn main() -> miette::Result<()> {
    let bench = Bench::parse();
    // Whatever ends this, the servers end with it.
    let mut interrupt = signal(SignalKind::interrupt()).into_diagnostic()?;
    let mut terminate = signal(SignalKind::terminate()).into_diagnostic()?;
    tokio::select! {
        done = run(&bench) => done,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("terminated"),
    }
}

async fn run(Bench { names, h2load }: &Bench) -> miette::Result<()> {
    let print = |text: String| stdout().write_all(text.as_bytes()).into_diagnostic();
    if let Some(program) = h2load {
        let is_chosen = |name: &str| names.is_empty() || names.iter().any(|chosen| chosen == name);
        let ratios = H2load::new(program)?.run(is_chosen, print).await?;
        return print(report::goals(&ratios));
    }
    let language = |name: &str| LANGUAGES.into_iter().find(|language| name.starts_with(language));
    let group = |name: &str| language(name).or_else(|| name.starts_with(PROTOCOLS).then_some(PROTOCOLS));
    let is_named = |name: &str| names.iter().any(|chosen| chosen == name || group(name) == Some(chosen));
    let is_chosen = |name: &str| if names.is_empty() { language(name).is_none() } else { is_named(name) };
    let chosen: Vec<_> = comparison::all().into_iter().filter(|one| is_chosen(one.name)).collect();
    if !chosen.is_empty() {
        let servers = Servers::start(chosen.iter().flat_map(|one| one.hosts()).collect()).await?;
        let idle = report::memory("at the start", servers.all())?;
        let mut ratios = Vec::new();
        for comparison in chosen {
            let outcome = comparison.run(&servers).await?;
            print(report::table(&comparison, &outcome))?;
            let names = ["", "-mimalloc"].map(|suffix| format!("{}{suffix}", comparison.name));
            ratios.extend(names.into_iter().zip(outcome.others.iter().map(|other| other.cpu)));
        }
        print(report::goals(&ratios))?;
        print(format!("\n{idle}{}", report::memory("at the end", servers.all())?))?;
    }
    if is_chosen(idle::NAME) {
        print(idle::run().await?)?;
    }
    Ok(())
}
