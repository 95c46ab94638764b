//! The memory of the process, measured so that calls are refused before there is none left.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often the memory is measured.
const INTERVAL: Duration = Duration::from_millis(250);

/// Whether the process has too little memory left for more calls.
#[derive(Debug)]
pub(crate) struct MemoryPressure {
    /// Bytes above which it has; `None` when there is no limit to be found.
    limit: Option<u64>,
    high: AtomicBool,
}

impl MemoryPressure {
    /// Takes a limit in bytes, or nine tenths of the memory that the process may have.
    pub(crate) fn new(limit: Option<u64>) -> Self {
        let limit = limit.or_else(|| Some(available()? / 10 * 9));
        let this = Self { limit, high: AtomicBool::new(false) };
        this.measure();
        this
    }

    pub(crate) fn is_high(&self) -> bool {
        self.high.load(Ordering::Relaxed)
    }

    /// Measures again and again until the future is dropped.
    pub(crate) async fn follow(&self) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            self.measure();
        }
    }

    fn measure(&self) {
        let (Some(limit), Some(taken)) = (self.limit, taken()) else { return };
        let high = taken >= limit;
        if self.high.swap(high, Ordering::Relaxed) != high {
            match high {
                true => tracing::warn!(taken, limit, "the process is short of memory: calls are refused"),
                false => tracing::info!(taken, limit, "the process has memory again: calls are admitted"),
            }
        }
    }
}

/// Returns the bytes of memory that the process has in use.
fn taken() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    kibibytes(&status, "VmRSS:")
}

/// Returns the bytes of memory that the process may have: its control group's limit, or the machine's memory.
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
        assert!(MemoryPressure::new(Some(taken / 2)).is_high());
        assert!(!MemoryPressure::new(None).is_high());
    }
}
