//! The service actor: one for each revision, owner of its [pool](crate::pool).
//!
//! Claims and releases of instances are its messages. Its handlers never wait: a call runs its instance in its own task,
//! on a [`Lease`], and the actor only says who gets which. coerce's mailbox has no bound, so admission is counted before
//! it; a call that finds the actor dead starts another with an empty pool (instances still lent come back to nobody and
//! are dropped).

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
use crate::pool::{Claim, Counts, Grant, Pool};

/// How often idle instances are looked through.
const SWEEP: Duration = Duration::from_secs(1);

/// What instances are to the actor: anything that can be sent.
pub(crate) trait Pooled: Send + Sync + 'static {}

impl<T: Send + Sync + 'static> Pooled for T {}

struct ServiceActor<I: Pooled> {
    pool: Pool<I>,
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

/// An instance, or its place, comes back.
struct Release<I>(Option<Box<I>>);

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
        self.pool.release(release.0, Instant::now());
    }
}

#[async_trait::async_trait]
impl<I: Pooled> Handler<Sweep> for ServiceActor<I> {
    async fn handle(&mut self, _: Sweep, _: &mut ActorContext) {
        drop(self.pool.sweep(Instant::now()));
    }
}

#[async_trait::async_trait]
impl<I: Pooled> Handler<Count> for ServiceActor<I> {
    async fn handle(&mut self, _: Count, _: &mut ActorContext) -> Counts {
        self.pool.counts()
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

/// The actor's address, shared by all calls of a revision.
pub(crate) struct Dispatcher<I: Pooled> {
    name: String,
    system: ActorSystem,
    run: Run,
    actor: RwLock<LocalActorRef<ServiceActor<I>>>,
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
        let actor = spawn(&name, system, run).await?;
        Ok(Arc::new(Self {
            name,
            system: system.clone(),
            run: run.clone(),
            actor: RwLock::new(actor),
            restart: Mutex::new(()),
            admitted: AtomicUsize::new(0),
        }))
    }

    fn actor(&self) -> LocalActorRef<ServiceActor<I>> {
        self.actor.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for an instance.
    ///
    /// # Errors
    /// When too many wait already.
    ///
    /// # Cancellation
    /// Dropping the future gives up the place in the queue. The caller watches the deadline.
    pub(crate) async fn lease(self: &Arc<Self>, deadline: Instant, nested: bool) -> Result<Lease<I>, Refused> {
        let admitted = self.admit(nested)?;
        for _ in 0..2 {
            let actor = self.actor();
            let (reply, granted) = oneshot::channel();
            let mut waiting = Waiting { granted, actor: &actor };
            if actor.notify(Claim { reply, deadline, nested }).is_ok()
                && let Ok(grant) = (&mut waiting.granted).await
            {
                drop(waiting);
                return Ok(Lease { instance: grant.into_instance(), actor, _admitted: admitted });
            }
            drop(waiting);
            if deadline <= Instant::now() {
                break;
            }
            self.restart(&actor).await?;
        }
        Err(Refused::Restarted)
    }

    fn admit(self: &Arc<Self>, nested: bool) -> Result<Admitted<I>, Refused> {
        let (instances, queue) = (self.run.instances.get(), self.run.queue);
        // Nested calls have instances of their own in reserve.
        let room = if nested { instances.saturating_mul(3) } else { instances } as usize + queue as usize;
        let admitted = Admitted(self.clone());
        if self.admitted.fetch_add(1, Ordering::Relaxed) >= room {
            return Err(Refused::Full { instances, waiting: queue });
        }
        Ok(admitted)
    }

    /// Starts the actor anew when it is dead. Of several calls that find it so, one does.
    async fn restart(&self, dead: &LocalActorRef<ServiceActor<I>>) -> Result<(), Refused> {
        let _guard = self.restart.lock().await;
        if self.actor().actor_id() != dead.actor_id() || dead.send(Count).await.is_ok() {
            return Ok(());
        }
        tracing::error!(service = %self.name, "the service's actor ended: starting another with an empty pool");
        let actor = spawn(&self.name, &self.system, &self.run).await?;
        *self.actor.write().unwrap_or_else(PoisonError::into_inner) = actor;
        Ok(())
    }

    /// The pool in numbers; zeros when the actor is dead.
    pub(crate) async fn counts(&self) -> Counts {
        self.actor().send(Count).await.unwrap_or_default()
    }
}

async fn spawn<I: Pooled>(
    name: &str,
    system: &ActorSystem,
    run: &Run,
) -> Result<LocalActorRef<ServiceActor<I>>, Refused> {
    static ACTORS: AtomicUsize = AtomicUsize::new(0);
    let id = format!("{name}#{}", ACTORS.fetch_add(1, Ordering::Relaxed));
    let actor = ServiceActor { pool: Pool::new(run), sweeps: None };
    actor.into_anon_actor(Some(id), system).await.map_err(|error| {
        tracing::error!(service = %name, %error, "cannot start the service's actor");
        Refused::Restarted
    })
}

/// A claim on its way. Who stops waiting may have been granted an instance at this very moment: it goes back.
struct Waiting<'a, I: Pooled> {
    granted: oneshot::Receiver<Grant<I>>,
    actor: &'a LocalActorRef<ServiceActor<I>>,
}

impl<I: Pooled> Drop for Waiting<'_, I> {
    fn drop(&mut self) {
        self.granted.close();
        if let Ok(grant) = self.granted.try_recv() {
            let _ = self.actor.notify(Release(grant.into_instance()));
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
    instance: Option<Box<I>>,
    actor: LocalActorRef<ServiceActor<I>>,
    _admitted: Admitted<I>,
}

impl<I: Pooled> Lease<I> {
    /// The instance that came with the lease; `None`: one is to be made.
    pub(crate) fn take(&mut self) -> Option<Box<I>> {
        self.instance.take()
    }

    /// Gives an instance back to be used again.
    pub(crate) fn give_back(mut self, instance: Box<I>) {
        self.instance = Some(instance);
    }
}

impl<I: Pooled> Drop for Lease<I> {
    fn drop(&mut self) {
        let _ = self.actor.notify(Release(self.instance.take()));
    }
}

impl<I: Pooled> fmt::Debug for Lease<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("instance", &self.instance.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
