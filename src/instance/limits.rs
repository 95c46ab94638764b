//! The limits of an instance: its memory, and the CPU time of a call.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmtime::{ResourceLimiter, UpdateDeadline};

use crate::call::guest_thread::{CallSlice, change_slice, current_slice, is_busy_thread, thread_cpu_time};
use crate::instance::ticker::TICK;

/// Calls and messages since the last sample of CPU time from which on they are short: a sample is taken once in a
/// millisecond of work.
const SHORT_WORK: u64 = 4;

/// Messages of a stream in a millisecond from which on it may stay in its caller's task: a hop for each would cost more
/// than it takes.
const QUICK_MESSAGES: u64 = 32;

/// The memory of an instance and the CPU time of its current call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResourceBudget {
    /// Bytes of linear memory.
    memory: usize,
    cpu: Duration,
    used_cpu: Duration,
    /// The slice in which CPU time was last sampled, and the CPU time of its thread then.
    last_sample: Option<(u64, Duration)>,
    /// Calls that have begun and messages of their streams that have moved, and as many at the last sample.
    work: u64,
    sampled_work: Option<u64>,
}

/// A limit that a guest has exceeded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LimitExceeded {
    #[error("the component needs more than its {0} bytes of memory")]
    Memory(usize),
    #[error("the call used more than its {0:?} of CPU time")]
    Cpu(Duration),
}

impl ResourceBudget {
    pub(crate) fn new(memory: u64, cpu: Duration) -> Self {
        Self {
            // A limit beyond what the types hold is no limit.
            memory: usize::try_from(memory).unwrap_or(usize::MAX),
            cpu,
            used_cpu: Duration::ZERO,
            last_sample: None,
            work: 0,
            sampled_work: None,
        }
    }

    /// Begins the CPU time of a new call, or of the next message of its streams.
    pub(crate) fn reset(&mut self) {
        self.used_cpu = Duration::ZERO;
        self.work += 1;
    }

    /// Samples the CPU time of a guest that has run until this tick: the guest goes on, yields to other calls, leaves the
    /// task of its caller, or is ended.
    pub(crate) fn tick(&mut self, tick: u64) -> wasmtime::Result<UpdateDeadline> {
        let slice = current_slice();
        if slice.number > 0 && slice.start_tick == tick {
            // The deadline was that of an earlier slice.
            return Ok(UpdateDeadline::Continue(1));
        }
        let since = self.sample_cpu(&slice)?;
        let done = self.sampled_work.map(|sampled| self.work - sampled);
        self.sampled_work = Some(self.work);
        if done.is_some_and(|done| done < SHORT_WORK) {
            change_slice(|slice| slice.is_long = true);
        }
        let is_outside = slice.number == 0;
        let Some(since) = since.or(is_outside.then_some(TICK)) else { return Ok(UpdateDeadline::Continue(1)) };
        if is_outside || is_busy_thread() {
            return Ok(UpdateDeadline::Yield(1));
        }
        if since < TICK / 2 {
            // The thread has waited for a processor.
            return Ok(UpdateDeadline::Continue(1));
        }
        if done.is_some_and(|done| done >= QUICK_MESSAGES) && may_stay(tick) {
            // Tokio looks after its connections and timers before this task goes on.
            return Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())));
        }
        change_slice(|slice| slice.is_used_up = true);
        Ok(UpdateDeadline::Yield(1))
    }

    /// Charges the CPU time since the last sample to the call. Returns the time since an earlier sample in the same slice.
    ///
    /// The beginning of a slice is no sample, because that would cost each call a system call. As a tick that falls into a
    /// slice at random, the first one stands for the time from one tick to the next.
    fn sample_cpu(&mut self, slice: &CallSlice) -> wasmtime::Result<Option<Duration>> {
        let now = thread_cpu_time();
        let last = self.last_sample.filter(|(number, _)| *number == slice.number && *number > 0);
        let since = last.map(|(_, last)| now.saturating_sub(last));
        self.last_sample = Some((slice.number, now));
        self.used_cpu += since.unwrap_or(TICK + slice.host_cpu);
        change_slice(|slice| slice.host_cpu = Duration::ZERO);
        if self.used_cpu > self.cpu {
            return Err(wasmtime::Error::new(LimitExceeded::Cpu(self.cpu)));
        }
        Ok(since)
    }
}

/// Whether a stream may stay in its caller's task at this tick: one of all streams may.
fn may_stay(tick: u64) -> bool {
    static LAST: AtomicU64 = AtomicU64::new(u64::MAX);
    LAST.swap(tick, Ordering::Relaxed) != tick
}

impl ResourceLimiter for ResourceBudget {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        if desired > self.memory { Err(wasmtime::Error::new(LimitExceeded::Memory(self.memory))) } else { Ok(true) }
    }

    fn table_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(maximum.is_none_or(|maximum| desired <= maximum))
    }
}
