//! When a message of a stream last moved, in either direction.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The activity of one stream.
#[derive(Debug)]
pub(crate) struct StreamActivity {
    began: Instant,
    /// Microseconds from the beginning to the last message.
    last: AtomicU64,
}

impl StreamActivity {
    /// Begins with the stream.
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), last: AtomicU64::new(0) }
    }

    /// Records that a message has moved.
    pub(crate) fn touch(&self) {
        let micros = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.last.store(micros, Ordering::Relaxed);
    }

    /// Waits until no message has moved for `longest`.
    pub(crate) async fn wait_until_idle(&self, longest: Duration) {
        loop {
            let until = self.began + Duration::from_micros(self.last.load(Ordering::Relaxed)) + longest;
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }
}
