//! Work on large messages, which would keep a thread from its connections: decompression, compression and JSON.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::LazyLock;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};

use crate::call::guest_thread::begin_busy_thread;

/// The most bytes of a message on which work is done at once: it takes well under a millisecond.
pub(crate) const AT_ONCE: usize = 64 << 10;

/// Threads of a low priority, as many as processors: more would take the processors from the connections. `None`: the machine
/// lets the process have no more threads.
static THREADS: LazyLock<Option<Runtime>> = LazyLock::new(|| {
    let threads = available_parallelism().map_or(1, NonZero::get);
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(threads).thread_name("okra-work").on_thread_start(begin_busy_thread).build().ok()
});

/// Does work on a message of so many bytes: that on a large one on a thread of its own.
///
/// # Panics
/// When the work does.
///
/// # Cancellation
/// Work that has begun goes on to its end.
pub(crate) async fn do_host_work<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
    let threads = THREADS.as_ref().filter(|_| bytes > AT_ONCE);
    let Some(threads) = threads else { return work() };
    match threads.spawn(async { work() }).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The process ends, and its threads begin no work any more.
            Err(_) => std::future::pending().await,
        },
    }
}
