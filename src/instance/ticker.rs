//! The ticker: the thread that interrupts guests once a millisecond.
//!
//! Guests run until the epoch of the engine goes on, so without the ticker they could run for ever. It is parked while no guest
//! runs: an idle process takes no CPU time.

use std::io;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::call::guest_thread::any_thread_runs_guest;

/// How often running guests are interrupted.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// Ticks without a guest after which the ticker is parked. To wake it costs a system call, so it is not parked between the
/// calls of a client that calls often.
const QUIET_TICKS: u32 = 100;

const RUNNING: u8 = 0;
const PARKED: u8 = 1;
const ENDED: u8 = 2;

/// The ticker of an engine.
#[derive(Debug, Default)]
pub(crate) struct Ticker {
    state: AtomicU8,
    ticks: AtomicU64,
    thread: OnceLock<Thread>,
}

/// The ticker's thread has ended, so that guests could not be interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the thread that interrupts guests has ended: restart the server")]
pub(crate) struct TickerEnded;

impl Ticker {
    /// Starts the thread. It ends with the engine, or when [`end`](Self::end) is called.
    ///
    /// # Errors
    /// When the thread cannot be started. The engine must not be used then.
    pub(crate) fn start(engine: wasmtime::EngineWeak) -> io::Result<Arc<Self>> {
        let ticker = Arc::new(Self::default());
        let ticking = ticker.clone();
        let thread = thread::Builder::new().name("okra-ticker".into()).spawn(move || {
            let _end = EndOnDrop(&ticking);
            ticking.tick_until_end(&engine);
        })?;
        let _ = ticker.thread.set(thread.thread().clone());
        Ok(ticker)
    }

    /// Returns the number of the current tick, and wakes the ticker if it is parked. The caller has told before that this
    /// thread runs a guest.
    ///
    /// # Errors
    /// When the ticker has ended: no guest may run any more.
    #[inline]
    pub(crate) fn wake(&self) -> Result<u64, TickerEnded> {
        if self.state.load(Ordering::Relaxed) != RUNNING {
            self.unpark()?;
        }
        Ok(self.ticks())
    }

    /// Returns the number of the current tick.
    #[inline]
    pub(crate) fn ticks(&self) -> u64 {
        self.ticks.load(Ordering::Relaxed)
    }

    /// Ends the thread.
    pub(crate) fn end(&self) {
        self.state.store(ENDED, Ordering::Relaxed);
        self.thread.get().into_iter().for_each(Thread::unpark);
    }

    #[cold]
    fn unpark(&self) -> Result<(), TickerEnded> {
        match self.state.compare_exchange(PARKED, RUNNING, Ordering::Relaxed, Ordering::Relaxed) {
            Err(ENDED) => return Err(TickerEnded),
            Err(_) => {}
            Ok(_) => self.thread.get().into_iter().for_each(Thread::unpark),
        }
        Ok(())
    }

    fn tick_until_end(&self, engine: &wasmtime::EngineWeak) {
        let mut quiet = 0;
        loop {
            pause();
            let Some(engine) = engine.upgrade() else { return };
            engine.increment_epoch();
            drop(engine);
            self.ticks.fetch_add(1, Ordering::Relaxed);
            if self.state.load(Ordering::Relaxed) == ENDED {
                return;
            }
            if any_thread_runs_guest() {
                quiet = 0;
                continue;
            }
            quiet += 1;
            if quiet >= QUIET_TICKS {
                self.park();
                quiet = 0;
            }
        }
    }

    /// Waits until a guest runs.
    fn park(&self) {
        if self.state.compare_exchange(RUNNING, PARKED, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        // A thread that began a guest at this very moment may have seen the state from before. A tick later it is seen here,
        // and whatever begins from now on sees that the ticker is parked.
        pause();
        if any_thread_runs_guest() {
            let _ = self.state.compare_exchange(PARKED, RUNNING, Ordering::Relaxed, Ordering::Relaxed);
        }
        while self.state.load(Ordering::Relaxed) == PARKED {
            thread::park();
        }
    }
}

/// Tells that the ticker has ended, also when it panics.
struct EndOnDrop<'a>(&'a Ticker);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.state.store(ENDED, Ordering::Relaxed);
    }
}

#[expect(clippy::disallowed_methods, reason = "the ticker sleeps in a thread of its own")]
fn pause() {
    thread::sleep(TICK);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::disallowed_methods)]
mod tests {
    use super::*;
    use crate::call::guest_thread::run_slice;

    fn started() -> (wasmtime::Engine, Arc<Ticker>) {
        let engine = wasmtime::Engine::default();
        let ticker = Ticker::start(engine.weak()).unwrap();
        (engine, ticker)
    }

    fn spin_until(is_done: impl Fn() -> bool) {
        let began = std::time::Instant::now();
        while !is_done() {
            assert!(began.elapsed() < Duration::from_secs(20), "it takes too long");
            thread::sleep(TICK);
        }
    }

    #[test]
    fn the_ticker_is_parked_while_no_guest_runs_and_ticks_while_one_does() {
        let (_engine, ticker) = started();
        spin_until(|| ticker.state.load(Ordering::Relaxed) == PARKED);
        run_slice(0, Duration::ZERO, || {
            let before = ticker.wake().unwrap();
            // A guest may take longer than the ticker would wait without one.
            spin_until(|| ticker.ticks() > before + u64::from(QUIET_TICKS) * 2);
        });
    }

    #[test]
    fn guests_could_run_for_ever_when_the_ticker_had_died() {
        let (_engine, ticker) = started();
        ticker.end();
        spin_until(|| Arc::strong_count(&ticker) == 1);
        assert_eq!(ticker.wake(), Err(TickerEnded));
    }
}
