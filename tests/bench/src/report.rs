//! The figures in words.

use std::fmt::Write as _;
use std::time::Duration;

use crate::comparison::{Comparison, Outcome, Spread};
use crate::load::Measured;
use crate::server::Server;
use crate::servers::Host;

/// The ratios of CPU time that are wished for.
const GOALS: [(&str, &str); 33] = [
    ("unary-1", "1.3"),
    ("unary-64", "1.0"),
    ("list-1", "1.0"),
    ("list-64", "0.9"),
    ("items-10k", "0.8"),
    ("bytes-1mib", "1.0"),
    ("talk-small", "0.9"),
    ("talk-64k", "1.0"),
    ("feed-small", "0.6"),
    ("feed-64k", "1.0"),
    ("local-call", "25"),
    ("request-isolation", "0.7"),
    ("protocols-grpc", "1.0"),
    ("protocols-web", "0.85"),
    ("protocols-connect", "0.95"),
    ("protocols-json", "0.7"),
    ("go-1", "1.1"),
    ("go-64", "1.1"),
    ("go-list-1", "1.0"),
    ("go-list-64", "1.0"),
    ("python-1", "12"),
    ("python-64", "12"),
    ("python-list-1", "4"),
    ("python-list-64", "4"),
    ("python-asyncio-1", "12"),
    ("python-asyncio-64", "12"),
    ("python-asyncio-list-1", "4"),
    ("python-asyncio-list-64", "4"),
    ("h2load-4x16", "1.05"),
    ("h2load-16x4", "1.05"),
    ("h2load-1x64", "1.2"),
    ("h2load-64x1", "0.95"),
    ("h2load-1x1", "1.1"),
];

/// A table of all sides, then the ratios on lines of their own, each with its least and most: more is better.
pub(crate) fn table(comparison: &Comparison, outcome: &Outcome) -> String {
    let Comparison { name, about, .. } = comparison;
    let mut text = format!("\n{name}: {about}\n");
    let _ = writeln!(
        text,
        "{:<10} {:>10} {:>12} {:>10} {:>10} {:>8}",
        "", "calls/s", "CPU us/call", "p50 us", "p99 us", "MiB"
    );
    let measured = [&outcome.ours].into_iter().chain(outcome.others.iter().map(|other| &other.measured));
    for (side, measured) in comparison.sides().zip(measured) {
        let (rate, cpu, memory) =
            (measured.rate(), measured.cpu_per_call(), measured.memory as f64 / f64::from(1 << 20));
        let [p50, p99] = percentiles(measured, [50, 99]).map(|latency| latency.as_secs_f64() * 1e6);
        let _ = writeln!(text, "{:<10} {rate:>10.0} {cpu:>12.1} {p50:>10.1} {p99:>10.1} {memory:>8.1}", side.label);
    }
    for (other, suffix) in outcome.others.iter().zip(["", "-mimalloc"]) {
        let _ = writeln!(text, "ratio {name}{suffix} {}", ratio(other.rate));
        let _ = writeln!(text, "ratio {name}{suffix}-cpu {}", ratio(other.cpu));
    }
    text
}

fn ratio(Spread { median, least, most }: Spread) -> String {
    format!("{median:.2} ({least:.2} to {most:.2})")
}

/// The ratios of CPU time beside those that are wished for, of all that was measured.
pub(crate) fn goals(ratios: &[(String, Spread)]) -> String {
    let mut text =
        format!("\n{:<30} {:>8} {:>16} {:>8}\n", "CPU time, theirs / ours", "ratio", "least to most", "goal");
    for (name, Spread { median, least, most }) in ratios {
        let goal = GOALS.into_iter().find(|(goal, _)| goal == name).map_or("", |(_, goal)| goal);
        let spread = format!("{least:.2} to {most:.2}");
        let _ = writeln!(text, "{name:<30} {median:>8.2} {spread:>16} {goal:>8}");
    }
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

/// Returns latencies of which so many in a hundred are shorter.
pub(crate) fn percentiles<const N: usize>(measured: &Measured, percents: [usize; N]) -> [Duration; N] {
    let mut latencies = measured.latencies.clone();
    latencies.sort();
    percents.map(|percent| {
        let index = latencies.len().saturating_sub(1) * percent / 100;
        latencies.get(index).copied().unwrap_or_default()
    })
}
