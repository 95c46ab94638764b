use std::time::Duration;

use wasmtime::{ResourceLimiter, UpdateDeadline};

use super::engine::TICK;

/// What an instance may use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// Bytes of linear memory.
    memory: usize,
    /// Ticks of CPU time per call.
    ticks: u64,
    cpu: Duration,
    used: u64,
}

/// A guest used more than it may.
#[derive(Debug, thiserror::Error)]
pub(super) enum Exceeded {
    #[error("the component needs more than its {0} bytes of memory")]
    Memory(usize),
    #[error("the call used more than its {0:?} of CPU time")]
    Cpu(Duration),
}

impl Budget {
    pub(super) fn new(memory: u64, cpu: Duration) -> Self {
        let ticks = (cpu.as_millis() / TICK.as_millis()).max(1);
        Self {
            memory: usize::try_from(memory).unwrap_or(usize::MAX),
            ticks: u64::try_from(ticks).unwrap_or(u64::MAX),
            cpu,
            used: 0,
        }
    }

    /// A new call begins.
    pub(super) fn reset(&mut self) {
        self.used = 0;
    }

    /// A tick passed while the guest ran: it lets others run and goes on, or ends.
    pub(super) fn tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        self.used += 1;
        if self.used > self.ticks {
            return Err(wasmtime::Error::new(Exceeded::Cpu(self.cpu)));
        }
        Ok(UpdateDeadline::Yield(1))
    }
}

impl ResourceLimiter for Budget {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        if desired > self.memory { Err(wasmtime::Error::new(Exceeded::Memory(self.memory))) } else { Ok(true) }
    }

    fn table_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(maximum.is_none_or(|maximum| desired <= maximum))
    }
}
