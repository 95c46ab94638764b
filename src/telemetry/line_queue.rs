//! The lines of the log on their way to standard error: bounded in their bytes, written by a thread of its own.
//!
//! A line from outside can neither forge another one nor be larger than 16 KiB, and a reader that is slow or has stopped costs
//! lines, never the time of a call.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::telemetry::LogFormat;

/// The most bytes that wait. As many are being written at the same time.
const QUEUE_BYTES: usize = 4 << 20;
/// The most bytes of a line. The rest of it is left out.
const LINE_BYTES: usize = 16 << 10;
/// How long the last lines may take to be written at the end of the process.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The queue of lines. Its clones are one queue.
#[derive(Clone, Debug)]
pub(crate) struct LineQueue {
    shared: Arc<SharedQueue>,
    layout: LineLayout,
}

/// How the lines look that come to the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineLayout {
    pub(crate) format: LogFormat,
    /// Whether they have colours, which are escapes of the terminal. The subscriber escapes those of values.
    pub(crate) has_colours: bool,
}

#[derive(Debug, Default)]
struct SharedQueue {
    state: Mutex<QueueState>,
    /// Notified when lines come, when they were written, and at the end.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    /// Whole lines, one behind the other.
    lines: Vec<u8>,
    /// Lines for which there was no room since the last ones were written.
    dropped: u64,
    is_writing: bool,
    ended: bool,
}

/// Writes the lines that still wait when it is dropped, for up to 1 s.
#[derive(Debug)]
pub struct LogGuard(Arc<SharedQueue>);

impl LineQueue {
    /// Makes a queue, and a thread that writes its lines to `writer`.
    pub(crate) fn start(layout: LineLayout, writer: impl Write + Send + 'static) -> (Self, LogGuard) {
        let shared = Arc::new(SharedQueue::default());
        let written = shared.clone();
        let spawned = thread::Builder::new().name("okra-log".into()).spawn(move || written.write_lines(writer));
        if spawned.is_err() {
            // Without a thread the lines are dropped; the process serves all the same.
            shared.lock().ended = true;
        }
        (Self { shared: shared.clone(), layout }, LogGuard(shared))
    }

    /// Appends a line, or counts it as dropped.
    fn push(&self, line: &[u8]) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = self.layout.cut_line(line);
        let mut state = self.shared.lock();
        if state.ended {
            return;
        }
        if line.len() >= QUEUE_BYTES - state.lines.len() {
            state.dropped += 1;
            return;
        }
        let was_empty = state.lines.is_empty();
        state.lines.extend_from_slice(&line);
        state.lines.push(b'\n');
        drop(state);
        if was_empty {
            self.shared.changed.notify_all();
        }
    }
}

impl SharedQueue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_lines(&self, mut writer: impl Write) {
        let mut lines = Vec::new();
        loop {
            let mut state = self.lock();
            state.is_writing = false;
            while state.lines.is_empty() && state.dropped == 0 && !state.ended {
                self.changed.notify_all();
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.lines.is_empty() && state.dropped == 0 {
                self.changed.notify_all();
                return;
            }
            lines.clear();
            std::mem::swap(&mut lines, &mut state.lines);
            let dropped = std::mem::take(&mut state.dropped);
            state.is_writing = true;
            drop(state);
            // Without standard error there is no place to say so.
            let _ = writer.write_all(&lines).and_then(|()| writer.flush());
            if dropped > 0 {
                // Through the queue itself, in its format. The lines before it are written, so that there is room.
                tracing::warn!(dropped, "the log has left out lines: standard error is read too slowly");
            }
        }
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.ended = true;
        self.0.changed.notify_all();
        let is_busy = |state: &mut QueueState| state.is_writing || !state.lines.is_empty();
        drop(self.0.changed.wait_timeout_while(state, FLUSH_TIMEOUT, is_busy));
    }
}

impl Write for LineQueue {
    /// Takes a whole line: the subscriber writes each at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LineQueue {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl LineLayout {
    /// Shortens a line, and escapes what would end it or reach the terminal of its reader.
    fn cut_line(self, line: &[u8]) -> Cow<'_, [u8]> {
        // The control characters beyond ASCII begin with this byte.
        const HIGH_CONTROL: u8 = 0xc2;
        let is_plain = |byte: &u8| !byte.is_ascii_control() && *byte != HIGH_CONTROL;
        if line.len() <= LINE_BYTES && line.iter().all(is_plain) {
            return line.into();
        }
        let text = String::from_utf8_lossy(line);
        let beginning = text.get(..text.floor_char_boundary(LINE_BYTES)).unwrap_or_default();
        let left_out = text.len() - beginning.len();
        match self.format {
            LogFormat::Json if left_out > 0 => {
                let line = json!({ "level": "WARN", "left_out_bytes": left_out, "beginning": beginning });
                line.to_string().into_bytes().into()
            }
            // It has escaped them.
            LogFormat::Json => line.into(),
            LogFormat::Text => {
                let mut cut = String::with_capacity(beginning.len() + 32);
                for char in beginning.chars() {
                    match char {
                        '\t' => cut.push(char),
                        '\u{1b}' if self.has_colours => cut.push(char),
                        _ if char.is_control() => cut.extend(char.escape_default()),
                        _ => cut.push(char),
                    }
                }
                if left_out > 0 {
                    cut.push_str(&format!(" [{left_out} bytes are left out]"));
                }
                cut.into_bytes().into()
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const TEXT: LineLayout = LineLayout { format: LogFormat::Text, has_colours: false };
    const JSON: LineLayout = LineLayout { format: LogFormat::Json, ..TEXT };

    /// Writes what it is given once its test lets it.
    struct SlowWriter {
        gate: mpsc::Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for SlowWriter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.gate.recv();
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow_queue() -> (LineQueue, LogGuard, mpsc::Sender<()>, Arc<Mutex<Vec<u8>>>) {
        let (open, gate) = mpsc::channel();
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let (queue, guard) = LineQueue::start(TEXT, SlowWriter { gate, written: written.clone() });
        (queue, guard, open, written)
    }

    #[test]
    fn a_reader_that_does_not_read_costs_lines_and_neither_time_nor_memory() {
        let (queue, guard, open, written) = slow_queue();
        let line = [b'x'; 1023];
        let began = std::time::Instant::now();
        for _ in 0..20_000 {
            queue.push(&line);
        }
        assert!(began.elapsed() < Duration::from_secs(5));
        let (waiting, dropped) = {
            let state = queue.shared.lock();
            (state.lines.capacity(), state.dropped)
        };
        assert!(waiting <= 2 * QUEUE_BYTES && dropped >= 10_000, "{waiting} {dropped}");
        drop(open);
        drop(guard);
        let written = written.lock().unwrap().len();
        assert!((QUEUE_BYTES / 2..=2 * QUEUE_BYTES).contains(&written), "{written}");
    }

    #[test]
    fn the_lines_that_wait_are_written_at_the_end() {
        let (queue, guard, open, written) = slow_queue();
        for number in 0..100 {
            queue.push(format!("{number}\n").as_bytes());
        }
        drop(open);
        drop(guard);
        let wanted: String = (0..100).map(|number| format!("{number}\n")).collect();
        assert_eq!(String::from_utf8(written.lock().unwrap().clone()).unwrap(), wanted);
        queue.push(b"too late");
    }

    #[test]
    fn no_value_forges_a_line_and_none_is_longer_than_16_kib() {
        let cut = |layout: LineLayout, line: &str| String::from_utf8(layout.cut_line(line.as_bytes()).into()).unwrap();
        let wanted = "a\\n2026 ERROR b\\r\\u{7}é\tc\\u{1b}[2J\\u{9b}2J";
        assert_eq!(cut(TEXT, "a\n2026 ERROR b\r\u{7}é\tc\u{1b}[2J\u{9b}2J"), wanted);
        assert_eq!(cut(LineLayout { has_colours: true, ..TEXT }, "\u{1b}[32mINFO"), "\u{1b}[32mINFO");
        let long = cut(TEXT, &"é".repeat(10_000));
        assert!(long.ends_with("é [3616 bytes are left out]") && long.len() < LINE_BYTES + 64, "{}", long.len());
        let json = cut(JSON, &format!("{{\"message\":\"{}\"}}", "x".repeat(20_000)));
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read.get("left_out_bytes").and_then(serde_json::Value::as_u64), Some(20_014 - 16_384));
    }
}
