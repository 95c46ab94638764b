//! The state of a thread while it runs guests, and the host's long work for them.
//!
//! A guest and the code of the host that it calls run in one poll of the future of its call. Here is what both sides of that
//! poll tell each other: the future, which may go on on other threads, and the code below it, which finds out that it
//! should.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeFlavor};

/// Bytes of a message from which on the work on it takes long, which is a part of a millisecond.
pub(crate) const LARGE_MESSAGE: usize = 64 << 10;

/// Wall time up to which a call in a call is charged for it as for CPU time. Longer ones are charged by the thread's clock,
/// because the thread may have waited for a processor meanwhile.
const SHORT_CALL: Duration = Duration::from_micros(50);

/// One poll of the future of a call.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CallSlice {
    /// Whether this is one, and not the time outside of calls.
    pub(crate) is_call: bool,
    /// The tick of the engine at which it began.
    pub(crate) start_tick: u64,
    /// Since when the call was not charged.
    clock: SliceClock,
    /// CPU time since then that calls in this call were charged for.
    inner_cpu: Duration,
    /// CPU time of the slice before then, with that of the calls in it.
    sampled_cpu: Duration,
    /// CPU time that the call was not charged for yet.
    pub(crate) uncharged_cpu: Duration,
    /// Whether the call has used up its time on this thread, and is to go on on another.
    pub(crate) is_used_up: bool,
    /// Whether the call takes long, so that the next ones of its method should begin elsewhere.
    pub(crate) is_long: bool,
}

/// The moment up to which a call was charged.
#[derive(Clone, Copy, Debug, Default)]
enum SliceClock {
    /// Not known: to find out at the beginning of the slice would have cost too much.
    #[default]
    Unknown,
    /// At this CPU time of the thread.
    Cpu(Duration),
    /// At this moment, when the thread had used at least this CPU time: the beginning of a call in a call. The thread's own
    /// clock costs a system call, which is much beside a small call.
    Wall(Instant, Duration),
}

impl SliceClock {
    /// Returns a CPU time that the thread had used by then, if one is known.
    fn least_cpu(self) -> Option<Duration> {
        match self {
            Self::Unknown => None,
            Self::Cpu(at) | Self::Wall(_, at) => Some(at),
        }
    }

    /// Returns the CPU time from then until the thread had used `now`.
    fn until(self, now: Duration) -> Option<Duration> {
        match self {
            Self::Unknown => None,
            Self::Cpu(at) => Some(now.saturating_sub(at)),
            Self::Wall(began, least) => Some(began.elapsed().min(now.saturating_sub(least))),
        }
    }

    /// Returns the CPU time from then until now.
    fn elapsed(self) -> Option<Duration> {
        if let Self::Wall(began, _) = self {
            let elapsed = began.elapsed();
            if elapsed < SHORT_CALL {
                return Some(elapsed);
            }
        }
        match self {
            Self::Unknown => None,
            Self::Cpu(_) | Self::Wall(..) => self.until(thread_cpu_time()),
        }
    }
}

impl CallSlice {
    /// Whether a later sample will find the CPU time that is used now.
    fn has_clock(&self) -> bool {
        !matches!(self.clock, SliceClock::Unknown)
    }

    /// Takes the CPU time that the call was not charged for, the thread having used `now`, and begins anew with this moment.
    /// The first part is the time since an earlier sample or the beginning of the slice, if that is known.
    pub(crate) fn take_cpu(&mut self, now: Duration) -> (Option<Duration>, Duration) {
        let since = self.clock.until(now);
        self.sampled_cpu += since.unwrap_or_default();
        let inner = std::mem::take(&mut self.inner_cpu);
        let own = since.map(|since| since.saturating_sub(inner));
        self.clock = if self.is_call { SliceClock::Cpu(now) } else { SliceClock::Unknown };
        (own, std::mem::take(&mut self.uncharged_cpu))
    }

    /// Ends the slice, and returns the CPU time of it and the calls in it.
    fn end(&mut self) -> Duration {
        if let Some(since) = self.clock.elapsed() {
            self.sampled_cpu += since;
            self.uncharged_cpu += since.saturating_sub(self.inner_cpu);
        }
        self.sampled_cpu
    }
}

/// The threads that run guests: for each, whether it does at this moment.
static THREADS: Mutex<Vec<Arc<AtomicBool>>> = Mutex::new(Vec::new());

struct GuestThread {
    runs_guest: Arc<AtomicBool>,
    /// Whether the thread is one for long work.
    is_busy_thread: Cell<bool>,
    slice: Cell<CallSlice>,
}

impl GuestThread {
    fn new() -> Self {
        let runs_guest = Arc::new(AtomicBool::new(false));
        let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
        // Threads that have ended hold theirs no more.
        threads.retain(|thread| Arc::strong_count(thread) > 1);
        threads.push(runs_guest.clone());
        Self { runs_guest, is_busy_thread: Cell::new(false), slice: Cell::default() }
    }
}

thread_local! {
    static THREAD: GuestThread = GuestThread::new();
}

/// Runs one poll of a call in a slice of its own, and returns the slice as the poll has left it.
///
/// While it runs, [`any_thread_runs_guest`] is true. Of calls in calls, each has its own slice and its own CPU time.
pub(crate) fn run_slice<T>(start_tick: u64, uncharged_cpu: Duration, poll: impl FnOnce() -> T) -> (T, CallSlice) {
    THREAD.with(|thread| {
        let mut outer = thread.slice.get();
        let clock = match outer.clock.least_cpu() {
            // Beside the calls that connections wait for, a system call is much.
            _ if !thread.is_busy_thread.get() => {
                outer.clock = SliceClock::Unknown;
                SliceClock::Unknown
            }
            Some(least) => SliceClock::Wall(Instant::now(), least),
            None => SliceClock::Cpu(thread_cpu_time()),
        };
        thread.slice.set(CallSlice { is_call: true, start_tick, clock, uncharged_cpu, ..CallSlice::default() });
        thread.runs_guest.store(true, Ordering::Relaxed);
        let mut restore = RestoreSlice { thread, outer };
        let polled = poll();
        let mut slice = thread.slice.get();
        restore.outer.inner_cpu += slice.end();
        drop(restore);
        (polled, slice)
    })
}

/// Ends a slice, also when the poll panics.
struct RestoreSlice<'a> {
    thread: &'a GuestThread,
    outer: CallSlice,
}

impl Drop for RestoreSlice<'_> {
    fn drop(&mut self) {
        self.thread.slice.set(self.outer);
        if !self.outer.is_call {
            self.thread.runs_guest.store(false, Ordering::Relaxed);
        }
    }
}

/// Returns the slice that this thread runs.
pub(crate) fn current_slice() -> CallSlice {
    THREAD.with(|thread| thread.slice.get())
}

/// Changes the slice that this thread runs.
pub(crate) fn change_slice<T>(change: impl FnOnce(&mut CallSlice) -> T) -> T {
    THREAD.with(|thread| {
        let mut slice = thread.slice.get();
        let changed = change(&mut slice);
        thread.slice.set(slice);
        changed
    })
}

/// Whether any thread of the process runs a guest.
pub(crate) fn any_thread_runs_guest() -> bool {
    let threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    threads.iter().any(|thread| thread.load(Ordering::Relaxed))
}

/// How much the priority of threads for long work is lower than that of the others: a tenth of the CPU time while both want all.
const NICENESS: i32 = 10;

/// Makes this thread one for long work: connections do not depend on it, and its priority is low.
pub(crate) fn begin_busy_thread() {
    THREAD.with(|thread| thread.is_busy_thread.set(true));
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "the threads for long work have the priority of all others");
    }
}

/// Whether this thread is one for long work.
pub(crate) fn is_busy_thread() -> bool {
    THREAD.with(|thread| thread.is_busy_thread.get())
}

/// Returns the CPU time that this thread has used since it began. It costs a system call.
pub(crate) fn thread_cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Does work of the host for a guest that may take some milliseconds or more, without a pause. Its CPU time is charged to
/// the call that this thread runs, whose method counts as one that takes long.
///
/// On a thread that connections depend on, the runtime gives their tasks to another thread for that time.
#[expect(
    clippy::disallowed_methods,
    reason = "the work cannot be moved: it reads the memory of a guest that stands still"
)]
pub(crate) fn do_long_work<T>(work: impl FnOnce() -> T) -> T {
    let before = thread_cpu_time();
    let is_moved = is_busy_thread()
        || Handle::try_current().map_or(true, |runtime| runtime.runtime_flavor() != RuntimeFlavor::MultiThread);
    let done = if is_moved { work() } else { tokio::task::block_in_place(work) };
    let used = thread_cpu_time().saturating_sub(before);
    change_slice(|slice| {
        slice.is_long = true;
        // Otherwise the next sample has it.
        if !slice.has_clock() {
            slice.uncharged_cpu += used;
        }
    });
    done
}

/// Moves the call that this thread runs to a thread for long work, before the host works on a large message.
pub(crate) async fn move_for_large_message(bytes: usize) {
    if bytes > LARGE_MESSAGE && !is_busy_thread() {
        change_slice(|slice| (slice.is_used_up, slice.is_long) = (true, true));
        tokio::task::yield_now().await;
    }
}

/// Pauses work of the host for a guest that has taken a part of a millisecond and goes on: the call that this thread runs
/// moves to a thread for long work, where it takes turns with others.
pub(crate) async fn pause_long_work() {
    if !is_busy_thread() {
        change_slice(|slice| (slice.is_used_up, slice.is_long) = (true, true));
    }
    tokio::task::yield_now().await;
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn spin(time: Duration) {
        let began = thread_cpu_time();
        while thread_cpu_time() - began < time {}
    }

    #[test]
    fn a_slice_leaves_the_outer_one_as_it_was() {
        let ((), outer) = run_slice(7, Duration::ZERO, || {
            let ((), inner) = run_slice(8, Duration::ZERO, || change_slice(|slice| slice.is_used_up = true));
            assert!(inner.is_used_up);
            let after = current_slice();
            assert_eq!((after.start_tick, after.is_used_up), (7, false));
            assert!(any_thread_runs_guest());
        });
        assert_eq!((outer.start_tick, outer.is_used_up), (7, false));
        assert!(!current_slice().is_call);
    }

    #[test]
    fn of_calls_in_calls_each_is_charged_for_its_own_cpu_time() {
        let thread = std::thread::spawn(|| {
            begin_busy_thread();
            let ((), outer) = run_slice(0, Duration::ZERO, || {
                spin(Duration::from_millis(2));
                let ((), inner) = run_slice(0, Duration::ZERO, || spin(Duration::from_millis(20)));
                assert!(inner.uncharged_cpu >= Duration::from_millis(20), "{inner:?}");
                spin(Duration::from_millis(2));
            });
            assert!((2..15).contains(&outer.uncharged_cpu.as_millis()), "{outer:?}");
        });
        thread.join().unwrap();
    }

    #[test]
    fn many_short_calls_in_a_call_are_charged_to_themselves() {
        let thread = std::thread::spawn(|| {
            begin_busy_thread();
            let (inner, outer) = run_slice(0, Duration::ZERO, || {
                let mut inner = Duration::ZERO;
                for _ in 0..1000 {
                    let ((), middle) = run_slice(0, Duration::ZERO, || {
                        let ((), slice) = run_slice(0, Duration::ZERO, || spin(Duration::from_micros(20)));
                        inner += slice.uncharged_cpu;
                    });
                    assert!(middle.uncharged_cpu < Duration::from_millis(10), "{middle:?}");
                }
                inner
            });
            assert!(inner >= Duration::from_millis(20), "{inner:?}");
            assert!(outer.uncharged_cpu < inner, "{outer:?} {inner:?}");
        });
        thread.join().unwrap();
    }

    #[test]
    fn a_sample_in_a_call_in_a_call_is_its_own() {
        let thread = std::thread::spawn(|| {
            begin_busy_thread();
            let (since, outer) = run_slice(0, Duration::ZERO, || {
                spin(Duration::from_millis(2));
                let (since, slice) = run_slice(0, Duration::ZERO, || {
                    spin(Duration::from_millis(20));
                    let (since, _) = current_slice().take_cpu(thread_cpu_time());
                    since.unwrap()
                });
                assert!(slice.uncharged_cpu >= since, "{slice:?}");
                since
            });
            assert!(since >= Duration::from_millis(20), "{since:?}");
            assert!(outer.uncharged_cpu < Duration::from_millis(15), "{outer:?}");
        });
        thread.join().unwrap();
    }

    #[test]
    fn long_work_is_charged_to_the_call_by_the_cpu_time_of_the_thread() {
        let ((), slice) = run_slice(0, Duration::ZERO, || {
            do_long_work(|| spin(Duration::from_millis(3)));
        });
        assert!(slice.is_long && slice.uncharged_cpu >= Duration::from_millis(3), "{slice:?}");
    }
}
