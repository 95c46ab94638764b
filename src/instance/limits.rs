//! The limits of an instance: its memory, and the CPU time of a call.

use std::time::Duration;

use wasmtime::{ResourceLimiter, UpdateDeadline};

use crate::instance::engine::TICK;

/// The memory of an instance and the CPU time of its current call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResourceBudget {
    /// Bytes of linear memory.
    memory: usize,
    /// The most ticks of CPU time of a call.
    max_ticks: u64,
    cpu: Duration,
    used_ticks: u64,
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
        let ticks = (cpu.as_millis() / TICK.as_millis()).max(1);
        Self {
            memory: usize::try_from(memory).unwrap_or(usize::MAX),
            max_ticks: u64::try_from(ticks).unwrap_or(u64::MAX),
            cpu,
            used_ticks: 0,
        }
    }

    /// Begins the CPU time of a new call.
    pub(crate) fn reset(&mut self) {
        self.used_ticks = 0;
    }

    /// Counts a tick that passed while the guest ran: the guest yields to other tasks and goes on, or is ended.
    pub(crate) fn tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        self.used_ticks += 1;
        if self.used_ticks > self.max_ticks {
            return Err(wasmtime::Error::new(LimitExceeded::Cpu(self.cpu)));
        }
        Ok(UpdateDeadline::Yield(1))
    }
}

impl ResourceLimiter for ResourceBudget {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        if desired > self.memory { Err(wasmtime::Error::new(LimitExceeded::Memory(self.memory))) } else { Ok(true) }
    }

    fn table_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(maximum.is_none_or(|maximum| desired <= maximum))
    }
}
