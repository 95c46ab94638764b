//! Snapshots: a component as it is behind its start, so that its instances do not run the start again.
//!
//! The start runs once, in a store with nothing of the server in it. What it leaves in memories and globals becomes the initial
//! content of the component's modules, by [`wasmtime_wizer`]. A start that asks for what differs from instance to instance, or
//! that calls a service, has no snapshot: all instances would share one answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, HasSelf, Instance, Lift, Linker, ResourceTable, ResourceType, WasmList};
use wasmtime::error::Context as _;
use wasmtime::{Result, Store, bail, format_err};
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

use crate::instance::engine::start_engine;

/// The most bytes that a start may print, which is seen as such and has no snapshot.
const MAX_OUTPUT: usize = 1 << 10;

/// The most random bytes that a start may draw at once.
const MAX_RANDOM: u64 = 1 << 20;

/// Runs the start of a component, and returns the component as it is then, without starts. Of random numbers the start may
/// draw so many: those that the component draws anew in each instance.
///
/// # Errors
/// If the start fails or asks for what a snapshot cannot have, or the component has parts that a snapshot cannot have.
pub(crate) async fn snapshot_component(component: &[u8], random_numbers: u32) -> Result<Vec<u8>> {
    let engine = start_engine()?;
    let wizer = Wizer::new();
    let (context, instrumented) = wizer.instrument_component(component)?;
    let compiled = Component::new(&engine, instrumented)?;
    let mut linker = Linker::<StartHost>::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    linker.allow_shadowing(true);
    random::add_to_linker::<_, HasSelf<StartHost>>(&mut linker, |host| host)?;
    insecure::add_to_linker::<_, HasSelf<StartHost>>(&mut linker, |host| host)?;
    insecure_seed::add_to_linker::<_, HasSelf<StartHost>>(&mut linker, |host| host)?;
    define_services(&mut linker, &compiled)?;

    let requests = Arc::new(StartRequests::default());
    let mut store = Store::new(&engine, StartHost::new(component, requests.clone()));
    let instance = linker.instantiate_async(&mut store, &compiled).await.context("the start failed");
    // Its requests say more than the way in which it failed.
    requests.check(random_numbers)?;
    let instance = instance?;
    if !store.data().table.is_empty() {
        bail!("the start keeps a resource of the host");
    }
    let mut started = StartedComponent { store: &mut store, instance, error: None };
    let snapshot = wizer.snapshot_component(&context, &mut started).await?;
    started.error.map_or(Ok(snapshot), Err)
}

/// Defines the interfaces that are not WASI's. There are no services while a package is built: a call of one fails.
fn define_services(linker: &mut Linker<StartHost>, component: &Component) -> Result<()> {
    let engine = linker.engine().clone();
    for (import, item) in component.component_type().imports(&engine) {
        let ComponentItem::ComponentInstance(interface) = item.ty else { continue };
        if import.starts_with("wasi:") {
            continue;
        }
        let mut instance = linker.instance(import)?;
        for (name, item) in interface.exports(&engine) {
            match item.ty {
                ComponentItem::ComponentFunc(_) => {
                    let reason = format!("the start calls `{import}#{name}`");
                    instance.func_new(name, move |_, _, _, _| bail!("{reason}"))?;
                }
                ComponentItem::Resource(_) => {
                    instance.resource(name, ResourceType::host::<Unavailable>(), |_, _| Ok(()))?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// A resource of a service.
struct Unavailable;

/// The requests of a start.
#[derive(Default)]
struct StartRequests {
    has_read_time: AtomicBool,
    random_numbers: AtomicU64,
    output: [Output; 2],
}

/// The text that a start prints on one of its outputs.
struct Output(MemoryOutputPipe);

impl Default for Output {
    fn default() -> Self {
        Self(MemoryOutputPipe::new(MAX_OUTPUT))
    }
}

impl StartRequests {
    /// Checks that the start asked for nothing that differs from instance to instance.
    ///
    /// # Errors
    /// If it did, with what that was.
    fn check(&self, random_numbers: u32) -> Result<()> {
        if self.has_read_time.load(Ordering::Relaxed) {
            bail!("the start reads the time");
        }
        if self.random_numbers.load(Ordering::Relaxed) > u64::from(random_numbers) {
            bail!("the start draws random numbers");
        }
        if self.output.iter().any(|output| !output.0.contents().is_empty()) {
            bail!("the start prints something");
        }
        Ok(())
    }
}

/// The data of the store in which a start runs.
struct StartHost {
    wasi: WasiCtx,
    table: ResourceTable,
    requests: Arc<StartRequests>,
    /// The digest of the component, from which its random numbers are made.
    seed: [u8; 32],
}

impl StartHost {
    fn new(component: &[u8], requests: Arc<StartRequests>) -> Self {
        let [stdout, stderr] = &requests.output;
        let wasi = WasiCtxBuilder::new()
            .stdout(stdout.0.clone())
            .stderr(stderr.0.clone())
            .wall_clock(StartWallClock(requests.clone()))
            .monotonic_clock(StartClock::default())
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        Self { wasi, table: ResourceTable::new(), requests, seed: Sha256::digest(component).into() }
    }

    /// Draws so many random bytes.
    fn draw(&mut self, length: u64) -> Result<Vec<u8>> {
        if length > MAX_RANDOM {
            bail!("the start draws {length} random bytes at once");
        }
        let numbers = (0..length.div_ceil(8)).map(|_| self.draw_number()).collect::<Result<Vec<_>>>()?;
        let mut bytes: Vec<u8> = numbers.into_iter().flat_map(u64::to_le_bytes).collect();
        bytes.truncate(usize::try_from(length)?);
        Ok(bytes)
    }

    /// Draws a random number. It depends on the component alone, so that two builds make the same package. Those who have the
    /// package know it in any case.
    fn draw_number(&mut self) -> Result<u64> {
        let drawn = self.requests.random_numbers.fetch_add(1, Ordering::Relaxed);
        let digest = Sha256::new_with_prefix(self.seed).chain_update(drawn.to_le_bytes()).finalize();
        let bytes = digest.first_chunk::<8>().ok_or_else(|| format_err!("a digest has 32 bytes"))?;
        Ok(u64::from_le_bytes(*bytes))
    }
}

impl WasiView for StartHost {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl random::Host for StartHost {
    fn get_random_bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        self.draw(length)
    }

    fn get_random_u64(&mut self) -> Result<u64> {
        self.draw_number()
    }
}

impl insecure::Host for StartHost {
    fn get_insecure_random_bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        self.draw(length)
    }

    fn get_insecure_random_u64(&mut self) -> Result<u64> {
        self.draw_number()
    }
}

impl insecure_seed::Host for StartHost {
    fn insecure_seed(&mut self) -> Result<(u64, u64)> {
        Ok((self.draw_number()?, self.draw_number()?))
    }
}

/// The clock of the day, which a start may not read.
struct StartWallClock(Arc<StartRequests>);

impl HostWallClock for StartWallClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        self.0.has_read_time.store(true, Ordering::Relaxed);
        Duration::ZERO
    }
}

/// The monotonic clock. Those of instances begin with zero, and are later than this one when they are first read, because a
/// reading of this one takes a nanosecond.
#[derive(Default)]
struct StartClock(AtomicU64);

impl HostMonotonicClock for StartClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// A component that has started, whose memories and globals are read by the functions that wizer has added.
struct StartedComponent<'a> {
    store: &'a mut Store<StartHost>,
    instance: Instance,
    /// The first error of a function. wizer has made both the functions and their calls, and takes no errors.
    error: Option<wasmtime::Error>,
}

impl StartedComponent<'_> {
    /// Calls a function that wizer has added, and returns its result.
    async fn call<R: Lift + Send + Sync + 'static>(&mut self, interface: &str, function: &str) -> Result<R> {
        let missing = || format_err!("there is no `{interface}#{function}`");
        let (_, interface) = self.instance.get_export(&mut *self.store, None, interface).ok_or_else(missing)?;
        let (_, index) = self.instance.get_export(&mut *self.store, Some(&interface), function).ok_or_else(missing)?;
        let function = self.instance.get_typed_func::<(), (R,)>(&mut *self.store, index)?;
        Ok(function.call_async(&mut *self.store, ()).await?.0)
    }

    async fn number<R: Lift + Default + Send + Sync + 'static>(&mut self, interface: &str, function: &str) -> R {
        self.call(interface, function).await.unwrap_or_else(|error| {
            self.error.get_or_insert(error);
            R::default()
        })
    }
}

impl ComponentInstanceState for StartedComponent<'_> {
    async fn call_func_ret_list_u8(&mut self, instance: &str, func: &str, contents: impl FnOnce(&[u8]) + Send) {
        match self.call::<WasmList<u8>>(instance, func).await {
            Ok(list) => contents(list.as_le_slice(&*self.store)),
            Err(error) => {
                self.error.get_or_insert(error);
                contents(&[]);
            }
        }
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.number(instance, func).await
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.number(instance, func).await
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.number::<f32>(instance, func).await.to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.number::<f64>(instance, func).await.to_bits()
    }
}
