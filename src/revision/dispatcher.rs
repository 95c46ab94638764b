//! The dispatcher of a revision: a coerce actor that owns the [pool](crate::revision::pool), and the way of calls to it.
//!
//! The actor's messages are claims and releases of slots, and its handlers never wait: a call runs its instance in its own
//! task, on an [`InstanceLease`]. A slot that comes back while no call waits is kept beside the actor
//! ([`IdleInstances`]) for the next call, which saves two messages. coerce's mailbox has no bound, so admission is counted
//! before it. A call that finds the actor dead starts another with an empty pool; instances that the dead one has leased
//! are dropped when they come back.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use coerce::actor::context::ActorContext;
use coerce::actor::message::{Handler, Message};
use coerce::actor::scheduler::timer::{Timer, TimerTick};
use coerce::actor::system::ActorSystem;
use coerce::actor::{Actor, IntoActor, LocalActorRef};
use tokio::sync::{Mutex, oneshot};
use tokio::time::Instant;

use crate::call::ByteBudget;
use crate::config::Run;
use crate::revision::idle::IdleInstances;
use crate::revision::pool::{InstanceClaim, InstancePool, PoolCounts, Slot};
use crate::revision::shares::{ClientShares, WaitingCall};

/// How often instances that were idle for too long are removed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// An instance as the actor sees it: anything that can be sent.
pub(crate) trait PooledInstance: Send + Sync + 'static {}

impl<T: Send + Sync + 'static> PooledInstance for T {}

struct RevisionActor<I: PooledInstance> {
    /// While it is nearly used up, idle instances go at once.
    memory: Arc<ByteBudget>,
    pool: InstancePool<I>,
    idle_instances: Arc<IdleInstances<I>>,
    /// `None`: idle instances stay.
    idle_time: Option<Duration>,
    /// Idle instances that stay in any case.
    warm: usize,
    sweeps: Option<Timer>,
}

#[async_trait::async_trait]
impl<I: PooledInstance> Actor for RevisionActor<I> {
    async fn started(&mut self, context: &mut ActorContext) {
        self.sweeps = Some(Timer::start(self.actor_ref(context), SWEEP_INTERVAL, SweepIdle));
    }

    async fn stopped(&mut self, _: &mut ActorContext) {
        if let Some(timer) = self.sweeps.take() {
            timer.stop();
        }
    }
}

impl<I> Message for InstanceClaim<I>
where
    I: PooledInstance,
{
    type Result = ();
}

/// A slot comes back, with its instance or without.
struct ReleaseSlot<I>(Slot<I>);

impl<I: PooledInstance> Message for ReleaseSlot<I> {
    type Result = ();
}

#[derive(Clone)]
struct SweepIdle;

impl Message for SweepIdle {
    type Result = ();
}

impl TimerTick for SweepIdle {}

struct CountInstances;

impl Message for CountInstances {
    type Result = PoolCounts;
}

#[async_trait::async_trait]
impl<I: PooledInstance> Handler<InstanceClaim<I>> for RevisionActor<I> {
    async fn handle(&mut self, claim: InstanceClaim<I>, _: &mut ActorContext) {
        self.pool.claim(claim);
    }
}

#[async_trait::async_trait]
impl<I: PooledInstance> Handler<ReleaseSlot<I>> for RevisionActor<I> {
    async fn handle(&mut self, release: ReleaseSlot<I>, _: &mut ActorContext) {
        self.pool.release(release.0, Instant::now());
    }
}

#[async_trait::async_trait]
impl<I: PooledInstance> Handler<SweepIdle> for RevisionActor<I> {
    async fn handle(&mut self, _: SweepIdle, _: &mut ActorContext) {
        let now = Instant::now();
        let is_pressed = self.memory.is_pressed();
        let idle_time = self.idle_time.map(|idle_time| if is_pressed { Duration::ZERO } else { idle_time });
        let warm = if is_pressed { 0 } else { self.warm };
        let (_, beside) = self.idle_instances.counts();
        drop(self.pool.sweep(now, idle_time, warm.saturating_sub(beside)));
        let Some(idle_time) = idle_time else { return };
        for slot in self.idle_instances.sweep(now, idle_time, warm) {
            self.pool.release(Slot { kind: slot.kind, instance: None }, now);
        }
    }
}

#[async_trait::async_trait]
impl<I: PooledInstance> Handler<CountInstances> for RevisionActor<I> {
    async fn handle(&mut self, _: CountInstances, _: &mut ActorContext) -> PoolCounts {
        // To the pool, the slots that are kept beside the actor are leased.
        let (slots, instances) = self.idle_instances.counts();
        let PoolCounts { lent, idle, waiting } = self.pool.counts();
        debug_assert!(lent >= slots, "a slot is kept beside the actor only while it is leased");
        PoolCounts { lent: lent.saturating_sub(slots), idle: idle + instances, waiting }
    }
}

/// Why a call got no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    /// All instances are at work, and the queue is full.
    #[error("all {instances} instances are at work and {waiting} calls wait already")]
    Full {
        /// The most instances of the revision.
        instances: u32,
        /// The most calls that may wait.
        waiting: u32,
    },
    /// As many calls of the client wait as may.
    #[error("all instances are at work, and {waiting} calls of this client wait already")]
    ClientFull {
        /// The most calls of one client that may wait.
        waiting: usize,
    },
    /// The deadline of the call passed while it waited.
    #[error("the deadline passed while the call waited for an instance")]
    Expired,
    /// The actor ended while the call waited, twice.
    #[error("the service is being restarted")]
    Restarted,
}

/// An actor, and the slots that are kept beside it.
struct ActorHandle<I: PooledInstance> {
    actor: LocalActorRef<RevisionActor<I>>,
    idle_instances: Arc<IdleInstances<I>>,
}

impl<I: PooledInstance> ActorHandle<I> {
    /// Keeps a slot for the next call, or releases it when a call waits for the actor.
    fn put(&self, slot: Slot<I>) {
        if let Some(slot) = self.idle_instances.put(slot) {
            self.release(slot);
        }
    }

    fn release(&self, slot: Slot<I>) {
        // A dead actor has no pool to which the slot could come back.
        let _ = self.actor.notify(ReleaseSlot(slot));
    }
}

/// Leases the instances of a revision to calls.
pub(crate) struct Dispatcher<I: PooledInstance> {
    name: String,
    system: ActorSystem,
    run: Run,
    memory: Arc<ByteBudget>,
    shares: Arc<ClientShares>,
    actor: RwLock<Arc<ActorHandle<I>>>,
    restart: Mutex<()>,
    /// Calls that hold a slot or wait for one.
    admitted: AtomicUsize,
}

impl<I: PooledInstance> Dispatcher<I> {
    /// Starts the actor of a revision. Its idle instances go while `memory` is nearly used up.
    ///
    /// # Errors
    /// When the actor system is shutting down.
    pub(crate) async fn start(
        name: String,
        system: &ActorSystem,
        run: &Run,
        memory: &Arc<ByteBudget>,
    ) -> Result<Arc<Self>, LeaseError> {
        let shares = ClientShares::new(run);
        let actor = spawn_actor(&name, system, run, memory, &shares).await?;
        Ok(Arc::new(Self {
            name,
            system: system.clone(),
            run: run.clone(),
            memory: memory.clone(),
            shares,
            actor: RwLock::new(actor),
            restart: Mutex::new(()),
            admitted: AtomicUsize::new(0),
        }))
    }

    fn actor(&self) -> Arc<ActorHandle<I>> {
        self.actor.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the shares of clients in the instances.
    pub(crate) fn shares(&self) -> &Arc<ClientShares> {
        &self.shares
    }

    /// Whether more than a quarter of the instances are free.
    pub(crate) fn has_spare(&self) -> bool {
        let instances = self.run.max_instances() as usize;
        self.admitted.load(Ordering::Relaxed) < instances - instances / 4
    }

    /// Waits for a slot for a call of a client that came through `depth` services. The client is `None` for a call from
    /// this process.
    ///
    /// The deadline only removes the call from the queue; the caller itself stops waiting then.
    ///
    /// # Errors
    /// When the queue is full, or the actor cannot be restarted.
    ///
    /// # Cancellation
    /// Dropping the future leaves the queue.
    pub(crate) async fn lease(
        self: &Arc<Self>,
        deadline: Instant,
        depth: usize,
        client: Option<IpAddr>,
    ) -> Result<InstanceLease<I>, LeaseError> {
        let permit = self.admit(depth)?;
        for _ in 0..2 {
            let handle = self.actor();
            if handle.actor.is_valid() {
                match handle.idle_instances.take(depth) {
                    Ok(slot) => return Ok(InstanceLease { slot, handle, _permit: permit }),
                    Err(others) => others.into_iter().for_each(|(slot, _)| handle.release(slot)),
                }
                let (reply, granted) = oneshot::channel();
                let mut pending = PendingClaim { granted, handle: &handle };
                let _waiting = self.wait(client)?;
                if handle.actor.notify(InstanceClaim { reply, deadline, depth, client }).is_ok()
                    && let Ok(slot) = (&mut pending.granted).await
                {
                    drop(pending);
                    return Ok(InstanceLease { slot, handle, _permit: permit });
                }
            }
            if deadline <= Instant::now() {
                return Err(LeaseError::Expired);
            }
            self.restart(&handle).await?;
        }
        Err(LeaseError::Restarted)
    }

    /// Lets a call wait for the actor. When that may take long, a client with more than its share has to make room.
    fn wait(&self, client: Option<IpAddr>) -> Result<Option<WaitingCall>, LeaseError> {
        // The call itself is admitted already.
        if self.admitted.load(Ordering::Relaxed) <= self.run.max_instances() as usize {
            return Ok(None);
        }
        self.shares.end_excess(client);
        let waiting = self.shares.wait(client);
        waiting.map(Some).ok_or_else(|| LeaseError::ClientFull { waiting: self.shares.queue() })
    }

    fn admit(self: &Arc<Self>, depth: usize) -> Result<AdmissionPermit<I>, LeaseError> {
        let (instances, queue) = (self.run.max_instances(), self.run.queue);
        // Deeper calls have slots in reserve.
        let reserve = depth.saturating_mul(self.run.reserve_per_depth() as usize);
        let room = instances as usize + reserve + queue as usize;
        let permit = AdmissionPermit(self.clone());
        if self.admitted.fetch_add(1, Ordering::Relaxed) >= room {
            return Err(LeaseError::Full { instances, waiting: queue });
        }
        Ok(permit)
    }

    /// Starts another actor when this one is dead. Of several calls that find it dead, one does.
    async fn restart(&self, dead: &Arc<ActorHandle<I>>) -> Result<(), LeaseError> {
        let _guard = self.restart.lock().await;
        if !Arc::ptr_eq(&self.actor(), dead) || dead.actor.send(CountInstances).await.is_ok() {
            return Ok(());
        }
        tracing::error!(service = %self.name, "the actor of the revision ended: another is started, with an empty pool");
        let actor = spawn_actor(&self.name, &self.system, &self.run, &self.memory, &self.shares).await?;
        *self.actor.write().unwrap_or_else(PoisonError::into_inner) = actor;
        Ok(())
    }

    /// Returns how many idle instances can go: those of a singleton cannot.
    pub(crate) fn idle_count(&self) -> usize {
        if self.run.idle_time().is_none() { 0 } else { self.actor().idle_instances.counts().1 }
    }

    /// Drops the idle instances that are kept beside the actor.
    pub(crate) fn drop_idle(&self) {
        if self.run.idle_time().is_some() {
            let handle = self.actor();
            for slot in handle.idle_instances.sweep(Instant::now(), Duration::ZERO, 0) {
                handle.release(Slot { kind: slot.kind, instance: None });
            }
        }
    }

    /// Returns the pool in numbers; zeros when the actor is dead.
    pub(crate) async fn counts(&self) -> PoolCounts {
        self.actor().actor.send(CountInstances).await.unwrap_or_default()
    }
}

async fn spawn_actor<I: PooledInstance>(
    name: &str,
    system: &ActorSystem,
    run: &Run,
    memory: &Arc<ByteBudget>,
    shares: &Arc<ClientShares>,
) -> Result<Arc<ActorHandle<I>>, LeaseError> {
    static ACTORS: AtomicUsize = AtomicUsize::new(0);
    let id = format!("{name}#{}", ACTORS.fetch_add(1, Ordering::Relaxed));
    let idle_instances = Arc::default();
    let actor = RevisionActor {
        memory: memory.clone(),
        pool: InstancePool::new(run, shares.clone()),
        idle_instances: Arc::clone(&idle_instances),
        idle_time: run.idle_time(),
        warm: run.warm_instances() as usize,
        sweeps: None,
    };
    let actor = actor.into_anon_actor(Some(id), system).await.map_err(|error| {
        tracing::error!(service = %name, %error, "cannot start the actor of the revision");
        LeaseError::Restarted
    })?;
    Ok(Arc::new(ActorHandle { actor, idle_instances }))
}

/// A claim that waits for the actor. When it is dropped, a slot that was granted at this very moment goes back.
struct PendingClaim<'a, I: PooledInstance> {
    granted: oneshot::Receiver<Slot<I>>,
    handle: &'a ActorHandle<I>,
}

impl<I: PooledInstance> Drop for PendingClaim<'_, I> {
    fn drop(&mut self) {
        self.granted.close();
        self.handle.idle_instances.stop_waiting();
        if let Ok(slot) = self.granted.try_recv() {
            self.handle.release(slot);
        }
    }
}

/// The permit of a call to hold a slot or wait for one.
struct AdmissionPermit<I: PooledInstance>(Arc<Dispatcher<I>>);

impl<I: PooledInstance> Drop for AdmissionPermit<I> {
    fn drop(&mut self) {
        self.0.admitted.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The right to run one call on an instance.
///
/// Dropped without [`give_back`](Self::give_back), the instance is lost and only its slot comes back, so that a call that is
/// cancelled, traps or panics never leaves a broken instance in the pool.
pub(crate) struct InstanceLease<I: PooledInstance> {
    slot: Slot<I>,
    handle: Arc<ActorHandle<I>>,
    _permit: AdmissionPermit<I>,
}

impl<I: PooledInstance> InstanceLease<I> {
    /// Takes the instance that came with the lease; `None` when one is to be made.
    pub(crate) fn take_instance(&mut self) -> Option<Box<I>> {
        self.slot.instance.take()
    }

    /// Gives an instance back to be used again.
    pub(crate) fn give_back(mut self, instance: Box<I>) {
        self.slot.instance = Some(instance);
    }
}

impl<I: PooledInstance> Drop for InstanceLease<I> {
    fn drop(&mut self) {
        self.handle.put(Slot { kind: self.slot.kind, instance: self.slot.instance.take() });
    }
}

impl<I: PooledInstance> fmt::Debug for InstanceLease<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("instance", &self.slot.instance.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
