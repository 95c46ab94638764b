//! Work on large messages, which would keep a thread from its connections: decompression, compression and JSON.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::LazyLock;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;

/// The most bytes of a message on which work is done at once: it takes well under a millisecond.
pub(crate) const AT_ONCE: usize = 64 << 10;

/// One permit for each processor: more threads would take the processors from the connections.
static THREADS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(available_parallelism().map_or(1, NonZero::get)));

/// Does work on a message of so many bytes: that on a large one on a thread of its own.
///
/// # Panics
/// When the work does.
///
/// # Cancellation
/// Work that has begun goes on to its end.
pub(crate) async fn do_host_work<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
    if bytes <= AT_ONCE {
        return work();
    }
    let permit = THREADS.acquire().await;
    let done = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    });
    match done.await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The process ends, and its runtime begins no work any more.
            Err(_) => std::future::pending().await,
        },
    }
}
