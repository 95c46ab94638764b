//! The log of the process.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Sends the process's log to standard error. What is logged is set by `OKRA_LOG`, such as `info,okra::guest=debug`
/// (<https://docs.rs/tracing-subscriber/latest/tracing_subscriber/filter/struct.EnvFilter.html>); by default `info`.
/// Colours are for terminals only.
///
/// Lines are written by a thread of their own, so that nobody waits for who reads them; when too many wait, the newest are
/// left out. Those that wait are written when the guard is dropped.
#[must_use = "what is logged last is lost without it"]
pub fn init(format: LogFormat) -> WorkerGuard {
    let filter = EnvFilter::try_from_env("OKRA_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let (writer, guard) = tracing_appender::non_blocking(std::io::stderr());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    let builder = builder.with_ansi(std::io::stderr().is_terminal());
    // A second subscriber in one process (tests) is left alone.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    guard
}
