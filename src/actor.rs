//! The service actor: one for each revision, owner of its [pool](crate::pool).
//!
//! Claims and releases of instances are its messages. Its handlers never wait: a call runs its instance in its own task,
//! on a [`Lease`], and the actor only says who gets which. What comes back while nobody waits lies on a [shelf](Shelf) for
//! the next call, which spares the actor two messages. coerce's mailbox has no bound, so admission is counted before it; a
//! call that finds the actor dead starts another with an empty pool (instances still lent come back to nobody and are
//! dropped).

mod shelf;

use std::fmt;
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

use crate::config::Run;
use crate::pool::{Claim, Counts, Grant, Pool, reserve};

use shelf::{Place, Shelf};

/// How often idle instances are looked through.
const SWEEP: Duration = Duration::from_secs(1);

/// What instances are to the actor: anything that can be sent.
pub(crate) trait Pooled: Send + Sync + 'static {}

impl<T: Send + Sync + 'static> Pooled for T {}

struct ServiceActor<I: Pooled> {
    pool: Pool<I>,
    shelf: Arc<Shelf<I>>,
    idle: Duration,
    sweeps: Option<Timer>,
}

#[async_trait::async_trait]
impl<I: Pooled> Actor for ServiceActor<I> {
    async fn started(&mut self, context: &mut ActorContext) {
        self.sweeps = Some(Timer::start(self.actor_ref(context), SWEEP, Sweep));
    }

    async fn stopped(&mut self, _: &mut ActorContext) {
        if let Some(timer) = self.sweeps.take() {
            timer.stop();
        }
    }
}

impl<I> Message for Claim<I>
where
    I: Pooled,
{
    type Result = ();
}

/// A place comes back, with its instance or without.
struct Release<I>(Place<I>);

impl<I: Pooled> Message for Release<I> {
    type Result = ();
}

#[derive(Clone)]
struct Sweep;

impl Message for Sweep {
    type Result = ();
}

impl TimerTick for Sweep {}

struct Count;

impl Message for Count {
    type Result = Counts;
}

#[async_trait::async_trait]
impl<I: Pooled> Handler<Claim<I>> for ServiceActor<I> {
    async fn handle(&mut self, claim: Claim<I>, _: &mut ActorContext) {
        self.pool.claim(claim);
    }
}

#[async_trait::async_trait]
impl<I: Pooled> Handler<Release<I>> for ServiceActor<I> {
    async fn handle(&mut self, release: Release<I>, _: &mut ActorContext) {
        self.pool.release(release.0.seat, release.0.instance, Instant::now());
    }
}

#[async_trait::async_trait]
impl<I: Pooled> Handler<Sweep> for ServiceActor<I> {
    async fn handle(&mut self, _: Sweep, _: &mut ActorContext) {
        let now = Instant::now();
        drop(self.pool.sweep(now));
        for place in self.shelf.sweep(now, self.idle) {
            self.pool.release(place.seat, None, now);
        }
    }
}

#[async_trait::async_trait]
impl<I: Pooled> Handler<Count> for ServiceActor<I> {
    async fn handle(&mut self, _: Count, _: &mut ActorContext) -> Counts {
        let (places, instances) = self.shelf.counts();
        let Counts { lent, idle, waiting } = self.pool.counts();
        Counts { lent: lent.saturating_sub(places), idle: idle + instances, waiting }
    }
}

/// Why a call got no instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// All instances are at work and as many calls wait as may.
    #[error("all {instances} instances are at work and {waiting} calls wait already")]
    Full {
        /// Instances at most.
        instances: u32,
        /// Calls that may wait.
        waiting: u32,
    },
    /// The actor ended while the call waited, twice.
    #[error("the service is being restarted")]
    Restarted,
}

/// An actor, and the shelf beside it.
struct Address<I: Pooled> {
    actor: LocalActorRef<ServiceActor<I>>,
    shelf: Arc<Shelf<I>>,
}

impl<I: Pooled> Address<I> {
    /// Leaves a place for the next call, or gives it back to the actor when somebody waits for it.
    fn put(&self, place: Place<I>) {
        if let Some(place) = self.shelf.put(place) {
            self.release(place);
        }
    }

    fn release(&self, place: Place<I>) {
        // A dead actor has no pool that it could come back to.
        let _ = self.actor.notify(Release(place));
    }
}

/// Where all calls of a revision go.
pub(crate) struct Dispatcher<I: Pooled> {
    name: String,
    system: ActorSystem,
    run: Run,
    address: RwLock<Arc<Address<I>>>,
    restart: Mutex<()>,
    /// Calls that hold an instance or wait for one.
    admitted: AtomicUsize,
}

impl<I: Pooled> Dispatcher<I> {
    /// Starts the actor of a revision.
    ///
    /// # Errors
    /// When the actor system is shutting down.
    pub(crate) async fn start(name: String, system: &ActorSystem, run: &Run) -> Result<Arc<Self>, Refused> {
        let address = spawn(&name, system, run).await?;
        Ok(Arc::new(Self {
            name,
            system: system.clone(),
            run: run.clone(),
            address: RwLock::new(address),
            restart: Mutex::new(()),
            admitted: AtomicUsize::new(0),
        }))
    }

    fn address(&self) -> Arc<Address<I>> {
        self.address.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for an instance for a call that came through `depth` services.
    ///
    /// # Errors
    /// When too many wait already.
    ///
    /// # Cancellation
    /// Dropping the future gives up the place in the queue. The caller watches the deadline.
    pub(crate) async fn lease(self: &Arc<Self>, deadline: Instant, depth: usize) -> Result<Lease<I>, Refused> {
        let admitted = self.admit(depth)?;
        for _ in 0..2 {
            let address = self.address();
            if address.actor.is_valid() {
                match address.shelf.take(depth) {
                    Ok(place) => return Ok(Lease { place, address, _admitted: admitted }),
                    Err(others) => others.into_iter().for_each(|(place, _)| address.release(place)),
                }
                let (reply, granted) = oneshot::channel();
                let mut waiting = Waiting { granted, address: &address };
                if address.actor.notify(Claim { reply, deadline, depth }).is_ok()
                    && let Ok(grant) = (&mut waiting.granted).await
                {
                    drop(waiting);
                    let place = Place { instance: grant.instance, seat: grant.seat };
                    return Ok(Lease { place, address, _admitted: admitted });
                }
            }
            if deadline <= Instant::now() {
                break;
            }
            self.restart(&address).await?;
        }
        Err(Refused::Restarted)
    }

    fn admit(self: &Arc<Self>, depth: usize) -> Result<Admitted<I>, Refused> {
        let (instances, queue) = (self.run.instances.get(), self.run.queue);
        // Deeper calls have instances of their own in reserve.
        let room = instances as usize + depth.saturating_mul(reserve(instances) as usize) + queue as usize;
        let admitted = Admitted(self.clone());
        if self.admitted.fetch_add(1, Ordering::Relaxed) >= room {
            return Err(Refused::Full { instances, waiting: queue });
        }
        Ok(admitted)
    }

    /// Starts the actor anew when it is dead. Of several calls that find it so, one does.
    async fn restart(&self, dead: &Arc<Address<I>>) -> Result<(), Refused> {
        let _guard = self.restart.lock().await;
        if !Arc::ptr_eq(&self.address(), dead) || dead.actor.send(Count).await.is_ok() {
            return Ok(());
        }
        tracing::error!(service = %self.name, "the service's actor ended: starting another with an empty pool");
        let address = spawn(&self.name, &self.system, &self.run).await?;
        *self.address.write().unwrap_or_else(PoisonError::into_inner) = address;
        Ok(())
    }

    /// The pool in numbers; zeros when the actor is dead.
    pub(crate) async fn counts(&self) -> Counts {
        self.address().actor.send(Count).await.unwrap_or_default()
    }
}

async fn spawn<I: Pooled>(name: &str, system: &ActorSystem, run: &Run) -> Result<Arc<Address<I>>, Refused> {
    static ACTORS: AtomicUsize = AtomicUsize::new(0);
    let id = format!("{name}#{}", ACTORS.fetch_add(1, Ordering::Relaxed));
    let shelf = Arc::default();
    let actor = ServiceActor { pool: Pool::new(run), shelf: Arc::clone(&shelf), idle: run.idle, sweeps: None };
    let actor = actor.into_anon_actor(Some(id), system).await.map_err(|error| {
        tracing::error!(service = %name, %error, "cannot start the service's actor");
        Refused::Restarted
    })?;
    Ok(Arc::new(Address { actor, shelf }))
}

/// A claim on its way. Who stops waiting may have been granted an instance at this very moment: it goes back.
struct Waiting<'a, I: Pooled> {
    granted: oneshot::Receiver<Grant<I>>,
    address: &'a Address<I>,
}

impl<I: Pooled> Drop for Waiting<'_, I> {
    fn drop(&mut self) {
        self.granted.close();
        self.address.shelf.stop_waiting();
        if let Ok(grant) = self.granted.try_recv() {
            self.address.release(Place { instance: grant.instance, seat: grant.seat });
        }
    }
}

/// A call's place among those that hold an instance or wait for one.
struct Admitted<I: Pooled>(Arc<Dispatcher<I>>);

impl<I: Pooled> Drop for Admitted<I> {
    fn drop(&mut self) {
        self.0.admitted.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The right to run one call. Dropped without [`give_back`](Self::give_back), the instance is lost and only its place
/// comes back: so a call that is cancelled, traps or panics can never leave a broken instance in the pool.
pub(crate) struct Lease<I: Pooled> {
    place: Place<I>,
    address: Arc<Address<I>>,
    _admitted: Admitted<I>,
}

impl<I: Pooled> Lease<I> {
    /// The instance that came with the lease; `None`: one is to be made.
    pub(crate) fn take(&mut self) -> Option<Box<I>> {
        self.place.instance.take()
    }

    /// Gives an instance back to be used again.
    pub(crate) fn give_back(mut self, instance: Box<I>) {
        self.place.instance = Some(instance);
    }
}

impl<I: Pooled> Drop for Lease<I> {
    fn drop(&mut self) {
        self.address.put(Place { instance: self.place.instance.take(), seat: self.place.seat });
    }
}

impl<I: Pooled> fmt::Debug for Lease<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("instance", &self.place.instance.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
