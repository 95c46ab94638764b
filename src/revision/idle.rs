//! Slots that came back while no call waited for one, each with its instance or without.
//!
//! A call takes a slot from here and brings it back without a message to the actor, to which it is leased all the while.
//! Only a call that finds no slot, or comes back while another call waits, sends the actor a message. A slot keeps its
//! kind: the reserve of one depth serves no other calls.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::revision::pool::Slot;

/// The slots that are ready for the next call.
pub(crate) struct IdleInstances<I> {
    state: Mutex<IdleState<I>>,
}

struct IdleState<I> {
    /// Slots without an instance first; those with one in the order in which they came.
    slots: VecDeque<(Slot<I>, Instant)>,
    /// Calls that found no slot and wait for the actor to grant one. While there are any, every slot that comes back goes
    /// to the actor, which may grant it to one of them.
    waiting: usize,
}

impl<I> Default for IdleInstances<I> {
    fn default() -> Self {
        Self { state: Mutex::new(IdleState { slots: VecDeque::new(), waiting: 0 }) }
    }
}

impl<I> IdleInstances<I> {
    fn lock(&self) -> MutexGuard<'_, IdleState<I>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a slot, one with a warm instance if there is one.
    ///
    /// # Errors
    /// When there is none: the caller [waits](Self::stop_waiting) from now on. The slots in the error are not for this
    /// call; the caller hands them back to the actor, to which they are leased.
    pub(crate) fn take(&self, depth: usize) -> Result<Slot<I>, VecDeque<(Slot<I>, Instant)>> {
        let mut state = self.lock();
        let found = state.slots.iter().rposition(|(slot, _)| slot.kind.suits(depth));
        if let Some((slot, _)) = found.and_then(|index| state.slots.remove(index)) {
            return Ok(slot);
        }
        state.waiting += 1;
        Err(std::mem::take(&mut state.slots))
    }

    /// Ends the wait of a call that found no slot: it was granted one, or gave up.
    pub(crate) fn stop_waiting(&self) {
        let mut state = self.lock();
        debug_assert!(state.waiting > 0, "each wait begins in `take` and ends once");
        match state.waiting.checked_sub(1) {
            Some(rest) => state.waiting = rest,
            None => tracing::error!("a call ended a wait that had not begun"),
        }
    }

    /// Keeps a slot for the next call, or returns it when a call waits for the actor.
    pub(crate) fn put(&self, slot: Slot<I>) -> Option<Slot<I>> {
        let mut state = self.lock();
        if state.waiting > 0 {
            return Some(slot);
        }
        match slot.instance {
            Some(_) => state.slots.push_back((slot, Instant::now())),
            None => state.slots.push_front((slot, Instant::now())),
        }
        None
    }

    /// Removes the slots that were not used for `idle`, except for `warm` of those with an instance.
    pub(crate) fn sweep(&self, now: Instant, idle: Duration, warm: usize) -> Vec<Slot<I>> {
        let mut state = self.lock();
        let with_instance = state.slots.iter().filter(|(slot, _)| slot.instance.is_some()).count();
        let mut removable = with_instance.saturating_sub(warm);
        let (old, kept) = std::mem::take(&mut state.slots).into_iter().partition::<VecDeque<_>, _>(|(slot, since)| {
            let is_old = now.duration_since(*since) >= idle;
            if !is_old || slot.instance.is_none() {
                return is_old;
            }
            let may_go = removable > 0;
            removable = removable.saturating_sub(1);
            may_go
        });
        state.slots = kept;
        old.into_iter().map(|(slot, _)| slot).collect()
    }

    /// Returns the number of slots, and of those with an instance.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        let with_instance = state.slots.iter().filter(|(slot, _)| slot.instance.is_some()).count();
        (state.slots.len(), with_instance)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::revision::pool::SlotKind;

    fn slot(instance: Option<u32>) -> Slot<u32> {
        Slot { instance: instance.map(Box::new), kind: SlotKind::Any }
    }

    #[test]
    fn a_warm_instance_is_taken_before_one_is_made() {
        let shelf = IdleInstances::default();
        for instance in [None, Some(7), None] {
            assert!(shelf.put(slot(instance)).is_none());
        }
        assert_eq!(shelf.take(0).ok().unwrap().instance.as_deref(), Some(&7));
        assert!(shelf.take(0).ok().unwrap().instance.is_none());
    }

    #[test]
    fn places_go_after_their_time() {
        let shelf = IdleInstances::default();
        shelf.put(slot(Some(7)));
        let idle = Duration::from_secs(60);
        assert!(shelf.sweep(Instant::now(), idle, 0).is_empty());
        assert_eq!(shelf.sweep(Instant::now() + idle, idle, 0).len(), 1);
        assert_eq!(shelf.counts(), (0, 0));
    }

    #[test]
    fn warm_instances_stay() {
        let shelf = IdleInstances::default();
        for instance in [Some(7), None, Some(8), Some(9)] {
            shelf.put(slot(instance));
        }
        let idle = Duration::from_secs(60);
        let gone = shelf.sweep(Instant::now() + idle, idle, 2);
        let gone: Vec<_> = gone.into_iter().map(|slot| slot.instance.map(|instance| *instance)).collect();
        assert_eq!(gone, [None, Some(7)]);
        assert_eq!(shelf.counts(), (2, 2));
    }
}
