//! The WebAssembly engine of the process: the one place that configures wasmtime.

use std::sync::{Arc, Weak};

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::call::ByteBudget;
use crate::instance::InstanceError;
use crate::instance::busy::BusyThreads;
use crate::instance::slots::{IdleOwner, InstanceSlots};
use crate::instance::ticker::Ticker;

/// Memory that an instance's slot keeps for the next instance, in bytes.
const KEEP_RESIDENT: usize = 256 << 10;

/// The most memories of a component. Components that are composed of others have one for each of these.
const MAX_MEMORIES: u32 = 4;

/// The size of the engine.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// The most instances of all services together.
    pub instances: u32,
    /// The bytes that the process holds for its clients and guests. While it is nearly used up, idle instances go.
    pub memory: Arc<ByteBudget>,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self { instances: 1000, memory: ByteBudget::of_process(u64::MAX) }
    }
}

/// The WebAssembly engine of the process: one compiler, one pool of memory, one ticker, the threads for long calls.
#[derive(Clone)]
pub(crate) struct ComponentEngine(Arc<EngineParts>);

struct EngineParts {
    wasmtime: wasmtime::Engine,
    ticker: Arc<Ticker>,
    busy_threads: BusyThreads,
    /// The bytes that the process holds.
    memory: Arc<ByteBudget>,
    slots: Arc<InstanceSlots>,
}

impl Drop for EngineParts {
    fn drop(&mut self) {
        self.ticker.end();
    }
}

impl ComponentEngine {
    /// Configures the engine and starts its threads, which end with the engine.
    ///
    /// # Errors
    /// When the machine cannot reserve the address space for the instances (about 6 GiB each, unused until touched), or has no
    /// room for the threads: without the ticker, guests could run for ever.
    pub(crate) fn new(settings: EngineSettings) -> Result<Self, InstanceError> {
        // Core instances and tables of a component: its module and the small ones that wit-component adds.
        const PER_INSTANCE: u32 = 8;
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(settings.instances)
            .total_core_instances(settings.instances.saturating_mul(PER_INSTANCE))
            .total_memories(settings.instances)
            .total_tables(settings.instances.saturating_mul(PER_INSTANCE))
            .total_stacks(settings.instances)
            .max_core_instances_per_component(32)
            .max_memories_per_component(MAX_MEMORIES)
            .max_tables_per_component(32)
            .max_component_instance_size(4 << 20)
            .max_core_instance_size(4 << 20)
            .table_elements(100_000);
        // Where the kernel reports which pages an instance has written, they are cleared and kept for the next one. Unmapping
        // them and faulting them in again costs more than a small call.
        if PoolingAllocationConfig::is_pagemap_scan_available() {
            pool.pagemap_scan(Enabled::Yes)
                .linear_memory_keep_resident(KEEP_RESIDENT)
                .table_keep_resident(KEEP_RESIDENT);
        }
        let mut config = compile_config();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let wasmtime = wasmtime::Engine::new(&config).map_err(InstanceError::Engine)?;
        let no_thread = |error: std::io::Error| InstanceError::Engine(error.into());
        let busy_threads = BusyThreads::start().map_err(no_thread)?;
        let ticker = Ticker::start(wasmtime.weak()).map_err(no_thread)?;
        let slots = InstanceSlots::new(settings.instances);
        Ok(Self(Arc::new(EngineParts { wasmtime, ticker, busy_threads, memory: settings.memory, slots })))
    }

    /// Returns wasmtime's own handle.
    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.0.wasmtime
    }

    /// Returns the ticker, which has to be awake while a guest runs.
    pub(crate) fn ticker(&self) -> &Arc<Ticker> {
        &self.0.ticker
    }

    /// Returns the budget of the bytes that the process holds, in which those of the instances count.
    pub(crate) fn memory(&self) -> &Arc<ByteBudget> {
        &self.0.memory
    }

    /// Returns the slots of all instances.
    pub(crate) fn slots(&self) -> &Arc<InstanceSlots> {
        &self.0.slots
    }

    /// Lets the instances of this owner go when they are idle and others need their slots.
    pub(crate) fn add_idle_owner(&self, owner: Weak<dyn IdleOwner>) {
        self.0.slots.add_owner(owner);
    }

    /// Returns the threads for long calls.
    pub(crate) fn busy_threads(&self) -> &BusyThreads {
        &self.0.busy_threads
    }
}

/// Makes the part of the configuration that compiled code depends on.
fn compile_config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        // A call costs 0.4 us instead of 1.5; nothing here uses the component model's own concurrency.
        .concurrency_support(false);
    config
}

/// Makes an engine that compiles code for a [`ComponentEngine`] and runs none: it reserves no address space.
///
/// # Errors
/// When the machine lacks what the engine needs.
pub(crate) fn compile_only_engine() -> Result<wasmtime::Engine, InstanceError> {
    let mut config = compile_config();
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    wasmtime::Engine::new(&config).map_err(InstanceError::Engine)
}

/// Makes an engine that runs the start of a component once. Its code need not be fast, and is compiled quickly.
///
/// # Errors
/// When the machine lacks what the engine needs.
pub(crate) fn start_engine() -> Result<wasmtime::Engine, InstanceError> {
    let mut config = Config::new();
    config
        .concurrency_support(false)
        .cranelift_opt_level(OptLevel::None)
        // Address space counts in the limit of the process.
        .memory_reservation(0)
        .memory_guard_size(0)
        .memory_reservation_for_growth(1 << 20)
        .allocation_strategy(InstanceAllocationStrategy::OnDemand);
    wasmtime::Engine::new(&config).map_err(InstanceError::Engine)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_memories_of_a_component_are_bounded() {
        let engine = ComponentEngine::new(EngineSettings { instances: 64, ..EngineSettings::default() }).unwrap();
        let compile = |memories: usize| {
            let instances = "(core instance (instantiate $m))".repeat(memories);
            let text = format!("(component (core module $m (memory 1)) {instances})");
            wasmtime::component::Component::new(engine.wasmtime(), wat::parse_str(text).unwrap()).map(drop)
        };
        compile(MAX_MEMORIES as usize).unwrap();
        let error = format!("{:?}", compile(MAX_MEMORIES as usize + 1).unwrap_err());
        assert!(error.contains("memories"), "{error}");
    }
}
