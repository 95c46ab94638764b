//! The limits of an instance: its memory, and the CPU time of a call.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmtime::{ResourceLimiter, UpdateDeadline};

use crate::call::guest_thread::{change_slice, current_slice, is_busy_thread, thread_cpu_time};
use crate::call::{BudgetExceeded, ByteCharge};
use crate::instance::ticker::TICK;

/// Calls and messages since the last sample of CPU time from which on they are short: a sample is taken once in a
/// millisecond of work.
const SHORT_WORK: u64 = 4;

/// Messages of a stream in a millisecond from which on it may stay in its caller's task: a hop for each would cost more
/// than it takes.
const QUICK_MESSAGES: u64 = 32;

/// Bytes of an element of a table.
const TABLE_ELEMENT: usize = 8;

/// The most bytes of all tables of an instance.
const MAX_TABLES: usize = 8 << 20;

/// The memory of an instance and the CPU time of its current call.
#[derive(Debug)]
pub(crate) struct ResourceBudget {
    /// The most bytes of all linear memories together.
    max_memory: usize,
    /// Bytes of all linear memories, and of all tables.
    memory: usize,
    tables: usize,
    /// The bytes by which one of them grew last, until that has succeeded.
    last_growth: (usize, usize),
    /// The charge of memories and tables to the process.
    charge: ByteCharge,
    cpu: Duration,
    used_cpu: Duration,
    /// Calls that have begun and messages of their streams that have moved, and as many at the last sample.
    work: u64,
    sampled_work: Option<u64>,
}

/// A limit that a guest has exceeded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LimitExceeded {
    #[error("the component needs more than its {0} bytes of memory")]
    Memory(usize),
    #[error("the component needs more than {MAX_TABLES} bytes of tables")]
    Tables,
    #[error("the component needs more memory: {0}")]
    Process(BudgetExceeded),
    #[error("the call used more than its {0:?} of CPU time")]
    Cpu(Duration),
}

impl ResourceBudget {
    /// `charge` takes the memory of the instance, and is empty yet.
    pub(crate) fn new(memory: u64, cpu: Duration, charge: ByteCharge) -> Self {
        Self {
            // A limit beyond what the types hold is no limit.
            max_memory: usize::try_from(memory).unwrap_or(usize::MAX),
            memory: 0,
            tables: 0,
            last_growth: (0, 0),
            charge,
            cpu,
            used_cpu: Duration::ZERO,
            work: 0,
            sampled_work: None,
        }
    }

    /// Begins the CPU time of a new call, or after so many messages of its streams.
    pub(crate) fn reset(&mut self, work: usize) {
        self.used_cpu = Duration::ZERO;
        self.work = self.work.saturating_add(work as u64);
    }

    /// Returns the CPU time that the call was charged for.
    #[cfg(test)]
    pub(crate) fn used_cpu(&mut self) -> &mut Duration {
        &mut self.used_cpu
    }

    /// Samples the CPU time of a guest that has run until this tick: the guest goes on, yields to other calls, leaves the
    /// task of its caller, or is ended.
    pub(crate) fn tick(&mut self, tick: u64) -> wasmtime::Result<UpdateDeadline> {
        let slice = current_slice();
        if slice.is_call && slice.start_tick == tick {
            // The deadline was that of an earlier slice.
            return Ok(UpdateDeadline::Continue(1));
        }
        let since = self.sample_cpu()?;
        let done = self.sampled_work.map(|sampled| self.work - sampled);
        self.sampled_work = Some(self.work);
        if done.is_some_and(|done| done < SHORT_WORK) {
            change_slice(|slice| slice.is_long = true);
        }
        let is_outside = !slice.is_call;
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
    /// Where the beginning of a slice is no sample, because that would cost a small call a system call, the first tick in it
    /// stands for the time from one tick to the next, as a sample at random does.
    fn sample_cpu(&mut self) -> wasmtime::Result<Option<Duration>> {
        let now = thread_cpu_time();
        let (since, uncharged) = change_slice(|slice| slice.take_cpu(now));
        self.used_cpu += since.unwrap_or(TICK) + uncharged;
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

impl ResourceBudget {
    /// Adds bytes of memories and tables. The instance is charged for their sum, so it has no use of having many.
    fn grow(&mut self, memory: usize, tables: usize) -> wasmtime::Result<bool> {
        let (memories, all_tables) = (self.memory.saturating_add(memory), self.tables.saturating_add(tables));
        if memories > self.max_memory {
            return Err(wasmtime::Error::new(LimitExceeded::Memory(self.max_memory)));
        }
        if all_tables > MAX_TABLES {
            return Err(wasmtime::Error::new(LimitExceeded::Tables));
        }
        let charged = self.charge.grow((memory + tables) as u64);
        charged.map_err(|exceeded| wasmtime::Error::new(LimitExceeded::Process(exceeded)))?;
        (self.memory, self.tables, self.last_growth) = (memories, all_tables, (memory, tables));
        Ok(true)
    }

    /// Takes back the last growth, which has failed.
    fn undo_growth(&mut self) {
        let (memory, tables) = std::mem::take(&mut self.last_growth);
        self.charge.shrink((memory + tables) as u64);
        self.memory = self.memory.saturating_sub(memory);
        self.tables = self.tables.saturating_sub(tables);
    }
}

impl ResourceLimiter for ResourceBudget {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            self.last_growth = (0, 0);
            return Ok(false);
        }
        self.grow(desired.saturating_sub(current), 0)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.undo_growth();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            self.last_growth = (0, 0);
            return Ok(false);
        }
        self.grow(0, desired.saturating_sub(current).saturating_mul(TABLE_ELEMENT))
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.undo_growth();
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::call::ByteBudget;
    use crate::call::guest_thread::run_slice;

    const PAGE: usize = 64 << 10;

    fn budget(process: &std::sync::Arc<ByteBudget>, cpu: Duration) -> ResourceBudget {
        ResourceBudget::new(4 * PAGE as u64, cpu, process.charge(0).unwrap())
    }

    #[test]
    fn each_of_many_memories_had_a_limit_of_its_own() {
        let process = ByteBudget::of_process(1 << 30);
        let mut instance = budget(&process, TICK);
        for _ in 0..4 {
            assert!(instance.memory_growing(0, PAGE, None).unwrap());
        }
        let error = instance.memory_growing(0, PAGE, None).unwrap_err();
        assert_eq!(error.to_string(), "the component needs more than its 262144 bytes of memory");
        assert!(instance.table_growing(0, 10, None).unwrap());
        assert_eq!(process.used(), 4 * PAGE as u64 + 80);
        assert!(instance.table_growing(0, MAX_TABLES / TABLE_ELEMENT, None).is_err());
        drop(instance);
        assert_eq!(process.used(), 0);
    }

    #[test]
    fn memory_that_could_not_be_had_is_not_charged() {
        let process = ByteBudget::of_process(3 * PAGE as u64);
        let mut instance = budget(&process, TICK);
        assert!(instance.memory_growing(0, PAGE, None).unwrap());
        assert!(instance.memory_growing(PAGE, 2 * PAGE, None).unwrap());
        instance.memory_grow_failed(wasmtime::Error::msg("none left")).unwrap();
        assert_eq!(process.used(), PAGE as u64);
        // Beyond its maximum, the memory does not grow whatever is returned, and the guest goes on.
        assert!(!instance.memory_growing(PAGE, 3 * PAGE, Some(2 * PAGE)).unwrap());
        instance.memory_grow_failed(wasmtime::Error::msg("beyond its maximum")).unwrap();
        assert_eq!(process.used(), PAGE as u64);
        let error = instance.memory_growing(PAGE, 4 * PAGE, None).unwrap_err();
        assert!(error.to_string().contains("the process would hold more"), "{error}");
    }

    #[test]
    fn a_call_is_charged_for_the_cpu_time_of_its_thread_and_not_for_that_of_others() {
        let process = ByteBudget::of_process(1 << 30);
        let mut instance = budget(&process, Duration::from_millis(20));
        let ((), slice) = run_slice(0, Duration::ZERO, || {
            for tick in 1..=10 {
                // The thread does not run meanwhile.
                #[allow(clippy::disallowed_methods)]
                std::thread::sleep(Duration::from_millis(5));
                instance.tick(tick).unwrap();
            }
        });
        assert!(instance.used_cpu < Duration::from_millis(10) && !slice.is_used_up, "{:?}", instance.used_cpu);
        let ((), slice) = run_slice(0, Duration::ZERO, || {
            let error = (1..).find_map(|tick| {
                let began = thread_cpu_time();
                while thread_cpu_time() - began < TICK {}
                instance.tick(tick).err()
            });
            assert_eq!(error.unwrap().to_string(), "the call used more than its 20ms of CPU time");
        });
        assert!(slice.is_used_up && slice.is_long);
    }
}
