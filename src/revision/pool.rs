//! The pool of one revision: its idle instances, the slots that are leased, and the calls that wait for one.
//!
//! This is plain state without tasks, locks or clocks of its own; the revision's
//! [actor](crate::revision::dispatcher) owns it. A leased instance belongs to the call that it serves; when it does not
//! come back, its slot becomes free all the same.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::config::Run;
use crate::revision::shares::ClientShares;

/// The right to have one instance, with the instance unless it is yet to be made.
#[derive(Debug)]
pub(crate) struct Slot<I> {
    pub(crate) kind: SlotKind,
    pub(crate) instance: Option<Box<I>>,
}

/// A call's request for a slot.
#[derive(Debug)]
pub(crate) struct InstanceClaim<I> {
    /// Receives the slot. Closed when the call no longer waits.
    pub(crate) reply: oneshot::Sender<Slot<I>>,
    /// When the call stops waiting.
    pub(crate) deadline: Instant,
    /// The client of the call; `None` for a call from this process.
    pub(crate) client: Option<IpAddr>,
    /// The number of services through which the call came. Each of them holds an instance while it waits for this one.
    pub(crate) depth: usize,
}

/// The calls that a slot is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotKind {
    /// All calls.
    Any,
    /// The calls that came through this many services: a slot of their reserve.
    Depth(usize),
}

impl SlotKind {
    /// Whether the slot is for calls that came through `depth` services.
    pub(crate) fn suits(self, depth: usize) -> bool {
        self == Self::Any || self == Self::Depth(depth)
    }
}

struct IdleInstance<I> {
    instance: Box<I>,
    since: Instant,
}

/// The instances of a revision.
pub(crate) struct InstancePool<I> {
    /// Slots for all calls.
    instances: usize,
    /// Slots in reserve for the calls of each depth.
    reserve: usize,
    /// The instance that served last is the last one: it is warm, and the first ones grow old and are dropped.
    idle: Vec<IdleInstance<I>>,
    /// Leased slots for all calls, their instances at work or being made.
    leased: usize,
    /// Leased slots of each depth's reserve.
    leased_reserve: BTreeMap<usize, usize>,
    waiting: VecDeque<InstanceClaim<I>>,
    shares: Arc<ClientShares>,
    /// The client of the call that was granted a slot last.
    last_client: Option<IpAddr>,
}

impl<I> InstancePool<I> {
    pub(crate) fn new(run: &Run, shares: Arc<ClientShares>) -> Self {
        Self {
            instances: run.max_instances() as usize,
            reserve: run.reserve_per_depth() as usize,
            idle: Vec::new(),
            leased: 0,
            leased_reserve: BTreeMap::new(),
            waiting: VecDeque::new(),
            shares,
            last_client: None,
        }
    }

    /// Grants a slot, or lets the claim wait. Admission limits the number of claims before they get here.
    pub(crate) fn claim(&mut self, claim: InstanceClaim<I>) {
        match self.free_slot(claim.depth) {
            Some(kind) => self.grant(claim, kind),
            None => self.waiting.push_back(claim),
        }
    }

    /// Takes a slot back: with its instance, or without when the instance was lost or must not be used again.
    pub(crate) fn release(&mut self, Slot { kind, instance }: Slot<I>, now: Instant) {
        let leased = match kind {
            SlotKind::Any => &mut self.leased,
            SlotKind::Depth(depth) => self.leased_reserve.entry(depth).or_default(),
        };
        debug_assert!(*leased > 0, "a slot comes back to the pool that granted it, once");
        match leased.checked_sub(1) {
            Some(rest) => *leased = rest,
            None => tracing::error!(?kind, "a slot came back that was not leased"),
        }
        if let Some(instance) = instance {
            self.idle.push(IdleInstance { instance, since: now });
        }
        // A claim that no longer waits is dropped, and the next one gets the slot.
        while let Some(next) = self.next_claim(kind)
            && self.free_slot(self.waiting.get(next).map_or(0, |claim| claim.depth)) == Some(kind)
            && let Some(claim) = self.waiting.remove(next)
        {
            self.grant(claim, kind);
        }
    }

    /// Returns the index of the claim that a slot goes to: the first claim that the slot suits. Clients take turns. A client
    /// comes last if its streams hold as many instances as they may while others wait.
    fn next_claim(&self, kind: SlotKind) -> Option<usize> {
        let suitable = self.waiting.iter().enumerate().filter(|(_, claim)| kind.suits(claim.depth));
        let rank = |claim: &InstanceClaim<I>| {
            let is_last = claim.client.is_some() && claim.client == self.last_client;
            (self.shares.is_used_up(claim.client), is_last)
        };
        suitable.min_by_key(|(_, claim)| rank(claim)).map(|(index, _)| index)
    }

    /// Returns a slot that is free for calls of a depth.
    fn free_slot(&self, depth: usize) -> Option<SlotKind> {
        if self.leased < self.instances {
            return Some(SlotKind::Any);
        }
        let leased_reserve = self.leased_reserve.get(&depth).copied().unwrap_or_default();
        (depth > 0 && leased_reserve < self.reserve).then_some(SlotKind::Depth(depth))
    }

    /// Grants a free slot. A claim whose call no longer waits is dropped.
    fn grant(&mut self, claim: InstanceClaim<I>, kind: SlotKind) {
        if claim.reply.is_closed() || claim.deadline <= Instant::now() {
            return;
        }
        self.last_client = claim.client;
        let instance = self.idle.pop().map(|idle| idle.instance);
        match claim.reply.send(Slot { kind, instance }) {
            Ok(()) => match kind {
                SlotKind::Any => self.leased += 1,
                SlotKind::Depth(depth) => *self.leased_reserve.entry(depth).or_default() += 1,
            },
            // The call left at this very moment. Its instance was not used.
            Err(Slot { instance, .. }) => {
                self.idle.extend(instance.map(|instance| IdleInstance { instance, since: Instant::now() }));
            }
        }
    }

    /// Drops the claims that no longer wait, and removes the instances that were idle for `idle_time`, except for `warm` of
    /// them; `None`: idle instances stay.
    pub(crate) fn sweep(&mut self, now: Instant, idle_time: Option<Duration>, warm: usize) -> Vec<Box<I>> {
        self.waiting.retain(|claim| !claim.reply.is_closed() && claim.deadline > now);
        let Some(idle_time) = idle_time else { return Vec::new() };
        let old = self.idle.iter().take_while(|idle| now.duration_since(idle.since) >= idle_time).count();
        let removed = old.min(self.idle.len().saturating_sub(warm));
        self.idle.drain(..removed).map(|idle| idle.instance).collect()
    }

    /// Counts the instances and the claims.
    pub(crate) fn counts(&self) -> PoolCounts {
        PoolCounts {
            lent: self.leased + self.leased_reserve.values().sum::<usize>(),
            idle: self.idle.len(),
            waiting: self.waiting.len(),
        }
    }
}

/// The state of a pool in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolCounts {
    /// Instances at work.
    pub lent: usize,
    /// Instances that wait for calls.
    pub idle: usize,
    /// Calls that wait for an instance.
    pub waiting: usize,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pool(instances: u32) -> InstancePool<u32> {
        let run = Run { instances: instances.try_into().unwrap(), ..Run::default() };
        InstancePool::new(&run, ClientShares::new(&run))
    }

    fn claim(depth: usize) -> (InstanceClaim<u32>, oneshot::Receiver<Slot<u32>>) {
        let (reply, granted) = oneshot::channel();
        (InstanceClaim { reply, deadline: Instant::now() + Duration::from_secs(60), depth, client: None }, granted)
    }

    fn claimed_by(pool: &mut InstancePool<u32>, client: u8) -> oneshot::Receiver<Slot<u32>> {
        let (claim, granted) = claim(0);
        pool.claim(InstanceClaim { client: Some([10, 0, 0, client].into()), ..claim });
        granted
    }

    fn claimed(pool: &mut InstancePool<u32>, depth: usize) -> oneshot::Receiver<Slot<u32>> {
        let (claim, granted) = claim(depth);
        pool.claim(claim);
        granted
    }

    fn release(pool: &mut InstancePool<u32>, instance: Option<u32>) {
        pool.release(Slot { kind: SlotKind::Any, instance: instance.map(Box::new) }, Instant::now());
    }

    #[test]
    fn an_instance_that_comes_back_serves_the_next_call() {
        let mut pool = pool(1);
        assert!(claimed(&mut pool, 0).try_recv().unwrap().instance.is_none());
        release(&mut pool, Some(7));
        assert_eq!(claimed(&mut pool, 0).try_recv().unwrap().instance.as_deref(), Some(&7));
    }

    #[test]
    fn a_call_waits_while_all_are_lent_and_gets_the_place_of_a_lost_one() {
        let mut pool = pool(1);
        let _lent = claimed(&mut pool, 0);
        let mut waits = claimed(&mut pool, 0);
        assert!(waits.try_recv().is_err());
        release(&mut pool, None);
        assert!(waits.try_recv().unwrap().instance.is_none());
        assert_eq!(pool.counts(), PoolCounts { lent: 1, idle: 0, waiting: 0 });
    }

    #[test]
    fn a_call_that_stopped_waiting_gets_nothing() {
        let mut pool = pool(1);
        let _lent = claimed(&mut pool, 0);
        drop(claimed(&mut pool, 0));
        let mut waits = claimed(&mut pool, 0);
        release(&mut pool, Some(7));
        assert!(waits.try_recv().unwrap().instance.is_some());
    }

    #[test]
    fn each_depth_has_a_reserve_of_its_own() {
        let mut pool = pool(1);
        let _lent = claimed(&mut pool, 0);
        for depth in 1..=32 {
            assert_eq!(claimed(&mut pool, depth).try_recv().unwrap().kind, SlotKind::Depth(depth));
            assert!(claimed(&mut pool, depth).try_recv().is_err(), "the reserve has an end");
        }
    }

    #[test]
    fn a_slot_of_a_reserve_goes_to_its_own_depth_past_all_that_wait() {
        let mut pool = pool(1);
        let _lent = (claimed(&mut pool, 0), claimed(&mut pool, 1));
        let mut outside = claimed(&mut pool, 0);
        let mut nested = claimed(&mut pool, 1);
        pool.release(Slot { kind: SlotKind::Depth(1), instance: None }, Instant::now());
        assert!(outside.try_recv().is_err());
        assert_eq!(nested.try_recv().unwrap().kind, SlotKind::Depth(1));
        release(&mut pool, None);
        assert_eq!(outside.try_recv().unwrap().kind, SlotKind::Any);
    }

    #[test]
    fn clients_take_turns() {
        let mut pool = pool(1);
        let _leased = claimed_by(&mut pool, 1);
        let mut many: Vec<_> = (0..3).map(|_| claimed_by(&mut pool, 1)).collect();
        let mut other = claimed_by(&mut pool, 2);
        release(&mut pool, None);
        other.try_recv().unwrap();
        for waits in &mut many {
            assert!(waits.try_recv().is_err());
            release(&mut pool, None);
            waits.try_recv().unwrap();
        }
    }

    #[test]
    fn a_client_whose_streams_have_its_share_comes_last() {
        let mut pool = pool(1);
        let _stream = pool.shares.hold([10, 0, 0, 1].into());
        let _leased = claimed_by(&mut pool, 2);
        let (mut greedy, mut other) = (claimed_by(&mut pool, 1), claimed_by(&mut pool, 2));
        release(&mut pool, None);
        assert!(greedy.try_recv().is_err());
        other.try_recv().unwrap();
    }

    #[test]
    fn idle_instances_go_after_their_time() {
        let mut pool = pool(2);
        let _a = claimed(&mut pool, 0);
        release(&mut pool, Some(1));
        let idle_time = Some(Duration::from_secs(60));
        assert!(pool.sweep(Instant::now(), idle_time, 0).is_empty());
        assert_eq!(pool.sweep(Instant::now() + Duration::from_secs(61), idle_time, 0).len(), 1);
        assert_eq!(pool.counts(), PoolCounts::default());
    }
}
