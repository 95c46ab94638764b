//! Telemetry of the process: its log.

mod line_queue;

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

pub use crate::telemetry::line_queue::LogGuard;
use crate::telemetry::line_queue::{LineLayout, LineQueue};

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Sends the process's log to standard error. The variable `OKRA_LOG` filters it, such as `info,okra::guest=debug`
/// (<https://docs.rs/tracing-subscriber/latest/tracing_subscriber/filter/struct.EnvFilter.html>); the
/// default is `info`. Lines have colours on terminals only.
///
/// A thread of its own writes the lines, so that calls do not wait for a slow reader of standard error. When more than 4 MiB of
/// them wait, the newest are dropped and counted; of a line more than 16 KiB are left out. The lines that wait are written when
/// the guard is dropped.
#[must_use = "the last lines of the log are lost without it"]
pub fn init(format: LogFormat) -> LogGuard {
    let filter = EnvFilter::try_from_env("OKRA_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let has_colours = std::io::stderr().is_terminal();
    let (writer, guard) = LineQueue::start(LineLayout { format, has_colours }, std::io::stderr());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    let builder = builder.with_ansi(has_colours);
    // Fails if the process has a subscriber already, which happens in tests only.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    guard
}
