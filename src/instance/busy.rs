//! The threads on which long calls go on, so that guests delay no connection, timer or other call.
//!
//! There are as many as processors, at a lower priority than the threads that connections depend on. The calls on them take
//! turns.

use std::io;
use std::num::NonZero;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::task::AbortOnDropHandle;

use crate::call::guest_thread::begin_busy_thread;

/// The threads for long calls.
#[derive(Debug)]
pub(crate) struct BusyThreads {
    /// A runtime without drivers: the calls on it use those of their callers' runtime. Only `drop` takes it.
    runtime: Option<Runtime>,
}

impl BusyThreads {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the machine lets the process have no more threads.
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(available_parallelism().map_or(1, NonZero::get))
            .thread_name("okra-busy")
            .on_thread_start(begin_busy_thread)
            .build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// Moves a call to the threads. It uses the timers and the connections of the runtime in which this is called. When the
    /// handle is dropped, the call is dropped when its slice ends.
    ///
    /// # Errors
    /// The call itself, outside of a runtime.
    pub(crate) fn spawn<F>(&self, call: F) -> Result<AbortOnDropHandle<F::Output>, F>
    where
        F: Future + Unpin + Send + 'static,
        F::Output: Send + 'static,
    {
        match (&self.runtime, Handle::try_current()) {
            (Some(runtime), Ok(home)) => {
                Ok(AbortOnDropHandle::new(runtime.spawn(MovedCall { home, call: Some(call) })))
            }
            _ => Err(call),
        }
    }
}

impl Drop for BusyThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // This may be one of the threads: nothing is waited for.
            runtime.shutdown_background();
        }
    }
}

/// A call that has left the task of its caller.
struct MovedCall<F> {
    /// The runtime of the caller.
    home: Handle,
    call: Option<F>,
}

impl<F: Future + Unpin> Future for MovedCall<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let _home = this.home.enter();
        let Some(call) = &mut this.call else { return Poll::Pending };
        let polled = Pin::new(call).poll(cx);
        if polled.is_ready() {
            this.call = None;
        }
        polled
    }
}

impl<F> Drop for MovedCall<F> {
    fn drop(&mut self) {
        // What the call has begun ends in tasks of its caller's runtime.
        let _home = self.home.enter();
        self.call = None;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::call::guest_thread::is_busy_thread;

    #[tokio::test]
    async fn a_moved_call_uses_the_timers_and_tasks_of_its_callers_runtime() {
        let threads = BusyThreads::start().unwrap();
        let home = Handle::current().id();
        let call = Box::pin(async move {
            assert!(is_busy_thread());
            assert_eq!(Handle::current().id(), home);
            tokio::time::sleep(Duration::from_millis(1)).await;
            assert!(is_busy_thread());
            tokio::spawn(async { is_busy_thread() }).await.unwrap()
        });
        assert!(!threads.spawn(call).ok().unwrap().await.unwrap());
    }

    #[tokio::test]
    async fn calls_take_turns() {
        let threads = BusyThreads::start().unwrap();
        let turns: Arc<Vec<AtomicU32>> = Arc::new((0..16).map(|_| AtomicU32::new(0)).collect());
        let calls: Vec<_> = (0..16)
            .map(|number| {
                let turns = turns.clone();
                threads
                    .spawn(Box::pin(async move {
                        loop {
                            turns.get(number).unwrap().fetch_add(1, Ordering::Relaxed);
                            tokio::task::yield_now().await;
                        }
                    }))
                    .ok()
            })
            .collect();
        while turns.iter().any(|turns| turns.load(Ordering::Relaxed) < 10) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop::<Vec<Option<AbortOnDropHandle<()>>>>(calls);
        while Arc::strong_count(&turns) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
