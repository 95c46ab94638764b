//! The figures in words.

use std::fmt::Write as _;
use std::time::Duration;

use crate::comparison::{Comparison, Outcome};
use crate::load::Measured;
use crate::server::Server;
use crate::servers::Host;

/// A table of both sides, then the ratios on lines of their own: ours divided by theirs, more is better.
pub(crate) fn table(comparison: &Comparison, outcome: Outcome) -> String {
    let Comparison { name, about, ours, theirs, .. } = comparison;
    let cpu_ratio = outcome.theirs.cpu_per_call() / outcome.ours.cpu_per_call();
    let mut text = format!("\n{name}: {about}\n");
    let _ = writeln!(
        text,
        "{:<10} {:>10} {:>12} {:>10} {:>10} {:>8}",
        "", "calls/s", "CPU us/call", "p50 us", "p99 us", "MiB"
    );
    for (side, measured) in [(ours, outcome.ours), (theirs, outcome.theirs)] {
        let (rate, cpu, memory) =
            (measured.rate(), measured.cpu_per_call(), measured.memory as f64 / f64::from(1 << 20));
        let [p50, p99] = percentiles(measured, [50, 99]).map(|latency| latency.as_secs_f64() * 1e6);
        let _ = writeln!(text, "{:<10} {rate:>10.0} {cpu:>12.1} {p50:>10.1} {p99:>10.1} {memory:>8.1}", side.label);
    }
    let _ = writeln!(text, "ratio {name} {:.2}\nratio {name}-cpu {cpu_ratio:.2}", outcome.ratio);
    text
}

/// Memory of each server's process that it shares with nobody.
pub(crate) fn memory<'a>(when: &str, servers: impl Iterator<Item = (Host, &'a Server)>) -> miette::Result<String> {
    let mut text = format!("memory {when}:");
    for (host, server) in servers {
        let _ = write!(text, " {host:?} {} MiB", server.memory()? >> 20);
    }
    Ok(text + "\n")
}

fn percentiles<const N: usize>(measured: Measured, percents: [usize; N]) -> [Duration; N] {
    let mut latencies = measured.latencies;
    latencies.sort();
    percents.map(|percent| {
        let index = latencies.len().saturating_sub(1) * percent / 100;
        latencies.get(index).copied().unwrap_or_default()
    })
}
