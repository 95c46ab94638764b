//! The pool of one revision: its idle instances, how many there are, and who waits for one.
//!
//! This is plain state without tasks, locks or clocks of its own; the revision's [actor](crate::actor) owns it and is the
//! only one to touch it. An instance that is lent belongs to the call that it serves; when it does not come back, its
//! place becomes free all the same.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::config::Run;

/// What a call gets to run on.
#[derive(Debug)]
pub(crate) struct Grant<I> {
    pub(crate) seat: Seat,
    /// One that has served before; none: it is to be made.
    pub(crate) instance: Option<Box<I>>,
}

/// Somebody who wants an instance.
#[derive(Debug)]
pub(crate) struct Claim<I> {
    /// Where the grant goes. Closed: nobody waits any more.
    pub(crate) reply: oneshot::Sender<Grant<I>>,
    /// When waiting is over.
    pub(crate) deadline: Instant,
    /// Through how many services the call came. Each of them holds an instance while it waits for this one.
    pub(crate) depth: usize,
}

/// What an instance is lent from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seat {
    /// Those for all calls.
    Any,
    /// The reserve of the calls that came through so many services.
    Depth(usize),
}

impl Seat {
    /// Whether a call that came through `depth` services may have it.
    pub(crate) fn suits(self, depth: usize) -> bool {
        self == Self::Any || self == Self::Depth(depth)
    }
}

struct Idle<I> {
    instance: Box<I>,
    since: Instant,
}

/// The instances of a revision.
pub(crate) struct Pool<I> {
    /// Instances at most, for all calls.
    instances: usize,
    /// Instances more at most, for the calls of one depth.
    reserve: usize,
    idle_time: Duration,
    /// The instance that served last is on top: it is warm, and those below grow old and go.
    idle: Vec<Idle<I>>,
    /// Instances that are lent or being made: of those for all calls, and of each depth's reserve.
    lent: usize,
    reserved: BTreeMap<usize, usize>,
    waiting: VecDeque<Claim<I>>,
}

/// How many more instances the calls of one depth may have when those for all are taken.
///
/// A service that calls another holds its instance meanwhile. Services that call each other would wait for ever, were all
/// instances held by such; but a call waits only for deeper ones, and those that are deepest always find a seat.
pub(crate) fn reserve(instances: u32) -> u32 {
    instances.div_ceil(4)
}

impl<I> Pool<I> {
    pub(crate) fn new(run: &Run) -> Self {
        let instances = run.instances.get();
        Self {
            instances: instances as usize,
            reserve: reserve(instances) as usize,
            idle_time: run.idle,
            idle: Vec::new(),
            lent: 0,
            reserved: BTreeMap::new(),
            waiting: VecDeque::new(),
        }
    }

    /// Grants an instance, or lets the claim wait. How many may wait is decided before a claim gets here.
    pub(crate) fn claim(&mut self, claim: Claim<I>) {
        match self.seat(claim.depth) {
            Some(seat) => self.grant(claim, seat),
            None => self.waiting.push_back(claim),
        }
    }

    /// Takes back what was granted: the seat, with its instance, or without when that was lost or is not to be used again.
    pub(crate) fn release(&mut self, seat: Seat, instance: Option<Box<I>>, now: Instant) {
        let lent = match seat {
            Seat::Any => &mut self.lent,
            Seat::Depth(depth) => self.reserved.entry(depth).or_default(),
        };
        *lent = lent.saturating_sub(1);
        if let Some(instance) = instance {
            self.idle.push(Idle { instance, since: now });
        }
        // The first whom this seat suits has it, unless it left: then the next.
        while let Some(next) = self.waiting.iter().position(|claim| seat.suits(claim.depth))
            && self.seat(self.waiting.get(next).map_or(0, |claim| claim.depth)) == Some(seat)
            && let Some(claim) = self.waiting.remove(next)
        {
            self.grant(claim, seat);
        }
    }

    /// A seat that is free for calls of a depth.
    fn seat(&self, depth: usize) -> Option<Seat> {
        if self.lent < self.instances {
            return Some(Seat::Any);
        }
        let reserved = self.reserved.get(&depth).copied().unwrap_or_default();
        (depth > 0 && reserved < self.reserve).then_some(Seat::Depth(depth))
    }

    /// Grants a free seat. A claim that nobody waits for any more is dropped.
    fn grant(&mut self, claim: Claim<I>, seat: Seat) {
        if claim.reply.is_closed() || claim.deadline <= Instant::now() {
            return;
        }
        let instance = self.idle.pop().map(|idle| idle.instance);
        match claim.reply.send(Grant { seat, instance }) {
            Ok(()) => match seat {
                Seat::Any => self.lent += 1,
                Seat::Depth(depth) => *self.reserved.entry(depth).or_default() += 1,
            },
            // It left this moment; its instance is as good as before.
            Err(Grant { instance, .. }) => {
                self.idle.extend(instance.map(|instance| Idle { instance, since: Instant::now() }));
            }
        }
    }

    /// Lets instances go that nobody has needed for a while, and claims that nobody waits for.
    pub(crate) fn sweep(&mut self, now: Instant) -> Vec<Box<I>> {
        self.waiting.retain(|claim| !claim.reply.is_closed() && claim.deadline > now);
        let old = self.idle.iter().take_while(|idle| now.duration_since(idle.since) >= self.idle_time).count();
        self.idle.drain(..old).map(|idle| idle.instance).collect()
    }

    /// How many instances there are: lent and idle.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            lent: self.lent + self.reserved.values().sum::<usize>(),
            idle: self.idle.len(),
            waiting: self.waiting.len(),
        }
    }
}

/// A pool's state in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
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

    fn pool(instances: u32) -> Pool<u32> {
        Pool::new(&Run { instances: instances.try_into().unwrap(), ..Run::default() })
    }

    fn claim(depth: usize) -> (Claim<u32>, oneshot::Receiver<Grant<u32>>) {
        let (reply, granted) = oneshot::channel();
        (Claim { reply, deadline: Instant::now() + Duration::from_secs(60), depth }, granted)
    }

    fn claimed(pool: &mut Pool<u32>, depth: usize) -> oneshot::Receiver<Grant<u32>> {
        let (claim, granted) = claim(depth);
        pool.claim(claim);
        granted
    }

    fn release(pool: &mut Pool<u32>, instance: Option<u32>) {
        pool.release(Seat::Any, instance.map(Box::new), Instant::now());
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
        assert_eq!(pool.counts(), Counts { lent: 1, idle: 0, waiting: 0 });
    }

    #[test]
    fn who_stopped_waiting_gets_nothing() {
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
            assert_eq!(claimed(&mut pool, depth).try_recv().unwrap().seat, Seat::Depth(depth));
            assert!(claimed(&mut pool, depth).try_recv().is_err(), "the reserve has an end");
        }
    }

    #[test]
    fn a_seat_of_a_reserve_goes_to_its_own_depth_past_all_that_wait() {
        let mut pool = pool(1);
        let _lent = (claimed(&mut pool, 0), claimed(&mut pool, 1));
        let mut outside = claimed(&mut pool, 0);
        let mut nested = claimed(&mut pool, 1);
        pool.release(Seat::Depth(1), None, Instant::now());
        assert!(outside.try_recv().is_err());
        assert_eq!(nested.try_recv().unwrap().seat, Seat::Depth(1));
        release(&mut pool, None);
        assert_eq!(outside.try_recv().unwrap().seat, Seat::Any);
    }

    #[test]
    fn idle_instances_go_after_their_time() {
        let mut pool = pool(2);
        let _a = claimed(&mut pool, 0);
        release(&mut pool, Some(1));
        assert!(pool.sweep(Instant::now()).is_empty());
        assert_eq!(pool.sweep(Instant::now() + Duration::from_secs(61)).len(), 1);
        assert_eq!(pool.counts(), Counts::default());
    }
}
