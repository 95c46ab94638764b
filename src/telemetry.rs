//! Telemetry of the process: its log.

use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::ValueEnum;
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The most bytes of lines that wait for the thread that writes them.
const MAX_QUEUED_BYTES: u64 = 16 << 20;

/// The most lines that wait.
const MAX_QUEUED_LINES: u64 = 64 << 10;

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
/// A thread of its own writes the lines, so that calls do not wait for a slow reader of standard error. If too many lines
/// wait, or lines of 16 MiB, the newest are dropped. The lines that wait are written when the guard is dropped.
#[must_use = "the last lines of the log are lost without it"]
pub fn init(format: LogFormat) -> WorkerGuard {
    let filter = EnvFilter::try_from_env("OKRA_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let (writer, guard) = queue_lines(io::stderr());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    let builder = builder.with_ansi(io::stderr().is_terminal());
    // Fails if the process has a subscriber already, which happens in tests only.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    guard
}

/// The lines that wait, and their bytes.
#[derive(Debug, Default)]
struct QueuedLines {
    lines: AtomicU64,
    bytes: AtomicU64,
}

impl QueuedLines {
    /// Counts a line; false if there is no room for it.
    fn add(&self, bytes: u64) -> bool {
        let lines = self.lines.fetch_add(1, Ordering::Relaxed);
        let queued = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if lines < MAX_QUEUED_LINES && queued.saturating_add(bytes) <= MAX_QUEUED_BYTES {
            return true;
        }
        self.remove(bytes);
        false
    }

    fn remove(&self, bytes: u64) {
        self.lines.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The end of the queue where lines go in.
#[derive(Clone, Debug)]
struct LineQueue {
    queued: Arc<QueuedLines>,
    queue: NonBlocking,
}

/// The end of the queue where lines are written.
struct LineSink<W> {
    queued: Arc<QueuedLines>,
    writer: W,
}

/// Makes a queue before a writer, with the guard that empties it when it is dropped.
fn queue_lines<W: Write + Send + 'static>(writer: W) -> (LineQueue, WorkerGuard) {
    let queued = Arc::new(QueuedLines::default());
    let sink = LineSink { queued: queued.clone(), writer };
    // Its own limit of lines is twice as high: it drops none that is counted.
    let (queue, guard) = tracing_appender::non_blocking(sink);
    (LineQueue { queued, queue }, guard)
}

impl Write for LineQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.queued.add(line.len() as u64) {
            self.queue.write_all(line)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.queue.flush()
    }
}

impl<'a> MakeWriter<'a> for LineQueue {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl<W: Write> Write for LineSink<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = self.writer.write_all(line);
        self.queued.remove(line.len() as u64);
        written.map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    /// A writer that writes a line when it is told to.
    struct SlowWriter(Arc<Mutex<Receiver<()>>>, Arc<AtomicU64>);

    impl Write for SlowWriter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.lock().unwrap().recv();
            self.1.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_of_any_size_waited_and_now_as_many_bytes_as_the_queue_holds() {
        let (go_on, told) = channel();
        let written = Arc::new(AtomicU64::new(0));
        let (mut queue, guard) = queue_lines(SlowWriter(Arc::new(Mutex::new(told)), written.clone()));
        let line = vec![b'x'; 1 << 20];
        for _ in 0..100 {
            queue.write_all(&line).unwrap();
        }
        assert_eq!(queue.queued.bytes.load(Ordering::Relaxed), MAX_QUEUED_BYTES);
        // From now on the writer waits for nothing.
        drop(go_on);
        drop(guard);
        assert_eq!(written.load(Ordering::Relaxed), MAX_QUEUED_BYTES);
        assert_eq!(queue.queued.lines.load(Ordering::Relaxed), 0);
    }
}
