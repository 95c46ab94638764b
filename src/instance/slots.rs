//! The slots of the engine's instances, and the share of each package in them.
//!
//! The pool of the engine has room for so many instances of all packages. One package leaves a quarter of it to others, and
//! when the pool is full, idle instances of others make room for one that a call waits for.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// How often, and how many times, a call looks for a slot after idle instances were dropped.
const RETRY_INTERVAL: Duration = Duration::from_millis(2);
const RETRIES: u32 = 50;

/// An owner of idle instances, which it can do without.
pub(crate) trait IdleOwner: Send + Sync {
    /// Returns how many of its idle instances it could drop.
    fn idle_count(&self) -> usize;

    /// Drops idle instances, all that it can.
    fn drop_idle(&self);
}

/// The slots of all instances of an engine.
pub(crate) struct InstanceSlots {
    limit: u32,
    used: AtomicU32,
    owners: Mutex<Vec<Weak<dyn IdleOwner>>>,
}

/// The slots of the instances of one package.
pub(crate) struct PackageSlots {
    all: Arc<InstanceSlots>,
    /// The slots of one instance: one for each of its memories.
    of_instance: u32,
    used: AtomicU32,
}

/// The slots of one instance, free again when this is dropped.
pub(crate) struct SlotPermit(Arc<PackageSlots>);

/// There is no slot for an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SlotError {
    /// The package has its share.
    #[error("the package has {used} of the {limit} instances of this process, which is the most that one may have")]
    Share { used: u32, limit: u32 },
    /// All are taken.
    #[error("all {limit} instances of this process are at work")]
    Full { limit: u32 },
}

impl InstanceSlots {
    pub(crate) fn new(limit: u32) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicU32::new(0), owners: Mutex::default() })
    }

    /// Makes the slots of a package whose instances have so many memories.
    pub(crate) fn of_package(self: &Arc<Self>, memories: u32) -> Arc<PackageSlots> {
        Arc::new(PackageSlots { all: self.clone(), of_instance: memories.max(1), used: AtomicU32::new(0) })
    }

    /// Asks this owner to make room when the pool is full, as long as it exists.
    pub(crate) fn add_owner(&self, owner: Weak<dyn IdleOwner>) {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        owners.retain(|owner| owner.strong_count() > 0);
        owners.push(owner);
    }

    /// Lets the owner of the most idle instances drop them.
    fn evict_idle(&self) {
        let owners: Vec<_> = {
            let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
            owners.iter().filter_map(Weak::upgrade).collect()
        };
        let most = owners.into_iter().map(|owner| (owner.idle_count(), owner)).max_by_key(|(count, _)| *count);
        if let Some((1.., owner)) = most {
            owner.drop_idle();
        }
    }
}

impl PackageSlots {
    /// Takes the slots of one instance. When all are taken, idle instances go, and this waits until they have gone, at most
    /// for 100 ms.
    ///
    /// # Errors
    /// When the package has its share, or all others are at work.
    ///
    /// # Cancellation
    /// Dropping the future takes nothing.
    pub(crate) async fn take(self: &Arc<Self>) -> Result<SlotPermit, SlotError> {
        for _ in 0..RETRIES {
            match self.try_take() {
                Err(SlotError::Full { .. }) => {}
                taken => return taken,
            }
            self.all.evict_idle();
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
        self.try_take()
    }

    fn try_take(self: &Arc<Self>) -> Result<SlotPermit, SlotError> {
        let limit = self.all.limit;
        // Of less than four there is no quarter to leave.
        let share = limit - limit / 4;
        let used = self.used.fetch_add(self.of_instance, Ordering::Relaxed);
        if used.saturating_add(self.of_instance) > share {
            self.used.fetch_sub(self.of_instance, Ordering::Relaxed);
            return Err(SlotError::Share { used, limit });
        }
        let all = self.all.used.fetch_add(self.of_instance, Ordering::Relaxed);
        let permit = SlotPermit(self.clone());
        if all.saturating_add(self.of_instance) > limit { Err(SlotError::Full { limit }) } else { Ok(permit) }
    }
}

impl Drop for SlotPermit {
    fn drop(&mut self) {
        let Self(slots) = self;
        slots.used.fetch_sub(slots.of_instance, Ordering::Relaxed);
        slots.all.used.fetch_sub(slots.of_instance, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Instances that are not at work.
    struct Idle(Mutex<Vec<SlotPermit>>);

    impl IdleOwner for Idle {
        fn idle_count(&self) -> usize {
            self.0.lock().unwrap().len()
        }

        fn drop_idle(&self) {
            self.0.lock().unwrap().clear();
        }
    }

    #[test]
    fn a_package_leaves_a_quarter_of_the_instances_to_others() {
        for (limit, memories, wanted) in [(1, 1, 1), (3, 1, 3), (4, 1, 3), (1000, 1, 750), (1000, 4, 187)] {
            let package = InstanceSlots::new(limit).of_package(memories);
            let taken: Vec<_> = std::iter::from_fn(|| package.try_take().ok()).collect();
            assert_eq!(taken.len(), wanted, "of {limit}");
            assert!(limit < 4 || matches!(package.try_take(), Err(SlotError::Share { .. })));
            drop(taken);
            assert_eq!(package.all.used.load(Ordering::Relaxed), 0);
        }
    }

    #[tokio::test]
    async fn idle_instances_of_other_packages_kept_a_service_from_its_first() {
        let slots = InstanceSlots::new(8);
        let (one, other) = (slots.of_package(1), slots.of_package(1));
        let at_work: Vec<_> = (0..4).map(|_| other.try_take().ok().unwrap()).collect();
        let idle: Arc<dyn IdleOwner> =
            Arc::new(Idle(Mutex::new((0..4).map(|_| one.try_take().ok().unwrap()).collect())));
        assert_eq!(other.take().await.err(), Some(SlotError::Full { limit: 8 }));
        slots.add_owner(Arc::downgrade(&idle));
        other.take().await.ok().unwrap();
        assert_eq!(idle.idle_count(), 0);
        drop(at_work);
    }
}
