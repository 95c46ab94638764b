//! The lines that a package may write into the host's log.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::host::log::MAX_LINE;

/// The most lines of a package in a second.
const MAX_LINES: u64 = 1000;

/// The most bytes of a package's lines in a second.
const MAX_BYTES: u64 = 1 << 20;

const SECOND: Duration = Duration::from_secs(1);

/// The quota of one package: a guest that writes without end fills neither the log nor the queue before it.
#[derive(Debug, Default)]
pub(crate) struct LogQuota(Mutex<QuotaState>);

#[derive(Debug, Default)]
struct QuotaState {
    /// When the second began.
    began: Option<Instant>,
    written: LineCount,
    dropped: LineCount,
}

/// Lines, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LineCount {
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
}

impl LogQuota {
    /// Returns whether a line of so many bytes may be written now; if it may, with the lines that were dropped before it and
    /// not reported yet. A line that may not be written is counted.
    pub(crate) fn admit(&self, bytes: usize) -> Option<LineCount> {
        self.admit_at(Instant::now(), bytes)
    }

    fn admit_at(&self, now: Instant, bytes: usize) -> Option<LineCount> {
        let bytes = bytes.min(MAX_LINE) as u64;
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.began.is_none_or(|began| now.saturating_duration_since(began) >= SECOND) {
            (state.began, state.written) = (Some(now), LineCount::default());
        }
        if state.written.lines >= MAX_LINES || state.written.bytes + bytes > MAX_BYTES {
            state.dropped.lines += 1;
            state.dropped.bytes += bytes;
            return None;
        }
        state.written.lines += 1;
        state.written.bytes += bytes;
        Some(std::mem::take(&mut state.dropped))
    }

    /// Counts lines that are dropped without being looked at.
    pub(crate) fn drop_lines(&self, lines: u64, bytes: u64) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.dropped.lines += lines;
        state.dropped.bytes += bytes;
    }
}

impl LineCount {
    /// Logs how many lines of a package were dropped, if any.
    pub(crate) fn report(self, service: &str) {
        let Self { lines, bytes } = self;
        if lines > 0 {
            tracing::warn!(
                %service, lines, bytes,
                "lines of guests were dropped: a package may write {MAX_LINES} lines and {MAX_BYTES} bytes in a second"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_may_write_so_many_lines_in_a_second_and_the_others_are_counted() {
        let (quota, now) = (LogQuota::default(), Instant::now());
        for _ in 0..MAX_LINES {
            assert_eq!(quota.admit_at(now, 10), Some(LineCount::default()));
        }
        assert_eq!(quota.admit_at(now, 10), None);
        quota.drop_lines(4, 4);
        assert_eq!(quota.admit_at(now + SECOND, 10), Some(LineCount { lines: 5, bytes: 14 }));
        assert_eq!(quota.admit_at(now + SECOND, 10), Some(LineCount::default()));
    }

    #[test]
    fn a_package_may_write_so_many_bytes_in_a_second() {
        let (quota, now) = (LogQuota::default(), Instant::now());
        let lines = (0..).take_while(|_| quota.admit_at(now, MAX_LINE).is_some()).count();
        assert_eq!(lines as u64, MAX_BYTES / MAX_LINE as u64);
    }
}
