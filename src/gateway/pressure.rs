//! How much memory the process takes, so that calls are refused before there is none left.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Whether the process has too little memory left for more calls.
#[derive(Debug)]
pub(super) struct Pressure {
    /// Bytes from which on it has.
    limit: Option<u64>,
    high: AtomicBool,
}

impl Pressure {
    /// With nine tenths of what the process may have where no limit is given.
    pub(super) fn new(limit: Option<u64>) -> Self {
        let limit = limit.or_else(|| Some(available()? / 10 * 9));
        let this = Self { limit, high: AtomicBool::new(false) };
        this.look();
        this
    }

    pub(super) fn is_high(&self) -> bool {
        self.high.load(Ordering::Relaxed)
    }

    /// Follows it without end.
    pub(super) async fn follow(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            self.look();
        }
    }

    fn look(&self) {
        let (Some(limit), Some(taken)) = (self.limit, taken()) else { return };
        let high = taken >= limit;
        if self.high.swap(high, Ordering::Relaxed) != high {
            match high {
                true => tracing::warn!(taken, limit, "memory is short: calls are refused"),
                false => tracing::info!(taken, limit, "memory is there again: calls are taken"),
            }
        }
    }
}

/// Bytes of memory that the process has in use.
fn taken() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    kibibytes(&status, "VmRSS:")
}

/// Bytes of memory that the process may have: its control group's, or the machine's.
fn available() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|info| kibibytes(&info, "MemTotal:"));
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = groups.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
    let limits = ["/sys/fs/cgroup/memory.max".to_owned(), format!("/sys/fs/cgroup{group}/memory.max")];
    let limits = limits.iter().filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok());
    limits.chain(machine).min()
}

fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1 << 10)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_and_what_there_is_can_be_read() {
        let (taken, available) = (taken().unwrap(), available().unwrap());
        assert!((1 << 20..available).contains(&taken), "{taken} of {available}");
        assert!(Pressure::new(Some(taken / 2)).is_high());
        assert!(!Pressure::new(None).is_high());
    }
}
