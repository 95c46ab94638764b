//! The pool of one revision: its idle instances, how many there are, and who waits for one.
//!
//! This is plain state without tasks, locks or clocks of its own; the revision's [actor](crate::actor) owns it and is the
//! only one to touch it. An instance that is lent belongs to the call that it serves; when it does not come back, its
//! place becomes free all the same.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::config::Run;

/// What a call gets to run on.
#[derive(Debug)]
pub(crate) enum Grant<I> {
    /// An instance that has served before.
    Idle(Box<I>),
    /// The right to make one.
    Fresh,
}

impl<I> Grant<I> {
    /// The instance, if there is one already.
    pub(crate) fn into_instance(self) -> Option<Box<I>> {
        match self {
            Grant::Idle(instance) => Some(instance),
            Grant::Fresh => None,
        }
    }
}

/// Somebody who wants an instance.
#[derive(Debug)]
pub(crate) struct Claim<I> {
    /// Where the grant goes. Closed: nobody waits any more.
    pub(crate) reply: oneshot::Sender<Grant<I>>,
    /// When waiting is over.
    pub(crate) deadline: Instant,
    /// Whether the call came from another component, which holds an instance while it waits for this one.
    pub(crate) nested: bool,
}

struct Idle<I> {
    instance: Box<I>,
    since: Instant,
}

/// The instances of a revision.
pub(crate) struct Pool<I> {
    /// Instances at most, for calls from outside.
    instances: usize,
    idle_time: Duration,
    /// The instance that served last is on top: it is warm, and those below grow old and go.
    idle: Vec<Idle<I>>,
    /// Instances that are lent or being made.
    lent: usize,
    waiting: VecDeque<Claim<I>>,
}

/// How many more instances nested calls may have, as a multiple of those for calls from outside. A service that calls
/// another holds its instance meanwhile; without a reserve two services that call each other could wait for ever.
const RESERVE: usize = 2;

impl<I> Pool<I> {
    pub(crate) fn new(run: &Run) -> Self {
        Self {
            instances: run.instances.get() as usize,
            idle_time: run.idle,
            idle: Vec::new(),
            lent: 0,
            waiting: VecDeque::new(),
        }
    }

    /// Grants an instance, or lets the claim wait. How many may wait is decided before a claim gets here.
    pub(crate) fn claim(&mut self, claim: Claim<I>) {
        if let Some(claim) = self.grant(claim) {
            self.waiting.push_back(claim);
        }
    }

    /// Takes back what was granted: the instance, or nothing when it was lost or is not to be used again.
    pub(crate) fn release(&mut self, instance: Option<Box<I>>, now: Instant) {
        self.lent = self.lent.saturating_sub(1);
        if let Some(instance) = instance {
            self.idle.push(Idle { instance, since: now });
        }
        while let Some(claim) = self.waiting.pop_front() {
            if let Some(claim) = self.grant(claim) {
                self.waiting.push_front(claim);
                break;
            }
        }
    }

    /// Grants a claim or hands it back when there is no room. A claim that nobody waits for any more is dropped.
    fn grant(&mut self, claim: Claim<I>) -> Option<Claim<I>> {
        if claim.reply.is_closed() || claim.deadline <= Instant::now() {
            return None;
        }
        let most = if claim.nested { self.instances.saturating_mul(1 + RESERVE) } else { self.instances };
        if self.lent >= most {
            return Some(claim);
        }
        let grant = self.idle.pop().map_or(Grant::Fresh, |idle| Grant::Idle(idle.instance));
        match claim.reply.send(grant) {
            Ok(()) => self.lent += 1,
            // It left this moment; its instance is as good as before.
            Err(Grant::Idle(instance)) => self.idle.push(Idle { instance, since: Instant::now() }),
            Err(Grant::Fresh) => {}
        }
        None
    }

    /// Lets instances go that nobody has needed for a while, and claims that nobody waits for.
    pub(crate) fn sweep(&mut self, now: Instant) -> Vec<Box<I>> {
        self.waiting.retain(|claim| !claim.reply.is_closed() && claim.deadline > now);
        let old = self.idle.iter().take_while(|idle| now.duration_since(idle.since) >= self.idle_time).count();
        self.idle.drain(..old).map(|idle| idle.instance).collect()
    }

    /// How many instances there are: lent and idle.
    pub(crate) fn counts(&self) -> Counts {
        Counts { lent: self.lent, idle: self.idle.len(), waiting: self.waiting.len() }
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

    fn claim(nested: bool) -> (Claim<u32>, oneshot::Receiver<Grant<u32>>) {
        let (reply, granted) = oneshot::channel();
        (Claim { reply, deadline: Instant::now() + Duration::from_secs(60), nested }, granted)
    }

    fn claimed(pool: &mut Pool<u32>, nested: bool) -> oneshot::Receiver<Grant<u32>> {
        let (claim, granted) = claim(nested);
        pool.claim(claim);
        granted
    }

    #[test]
    fn an_instance_that_comes_back_serves_the_next_call() {
        let mut pool = pool(1);
        assert!(matches!(claimed(&mut pool, false).try_recv(), Ok(Grant::Fresh)));
        pool.release(Some(Box::new(7)), Instant::now());
        assert!(matches!(claimed(&mut pool, false).try_recv(), Ok(Grant::Idle(instance)) if *instance == 7));
    }

    #[test]
    fn a_call_waits_while_all_are_lent_and_gets_the_place_of_a_lost_one() {
        let mut pool = pool(1);
        let _lent = claimed(&mut pool, false);
        let mut waits = claimed(&mut pool, false);
        assert!(waits.try_recv().is_err());
        pool.release(None, Instant::now());
        assert!(matches!(waits.try_recv(), Ok(Grant::Fresh)));
        assert_eq!(pool.counts(), Counts { lent: 1, idle: 0, waiting: 0 });
    }

    #[test]
    fn who_stopped_waiting_gets_nothing() {
        let mut pool = pool(1);
        let _lent = claimed(&mut pool, false);
        drop(claimed(&mut pool, false));
        let mut waits = claimed(&mut pool, false);
        pool.release(Some(Box::new(7)), Instant::now());
        assert!(matches!(waits.try_recv(), Ok(Grant::Idle(_))));
    }

    #[test]
    fn a_nested_call_has_a_reserve() {
        let mut pool = pool(1);
        let _lent = claimed(&mut pool, false);
        assert!(claimed(&mut pool, true).try_recv().is_ok());
        assert!(claimed(&mut pool, true).try_recv().is_ok());
        assert!(claimed(&mut pool, true).try_recv().is_err(), "the reserve has an end");
    }

    #[test]
    fn idle_instances_go_after_their_time() {
        let mut pool = pool(2);
        let _a = claimed(&mut pool, false);
        pool.release(Some(Box::new(1)), Instant::now());
        assert!(pool.sweep(Instant::now()).is_empty());
        assert_eq!(pool.sweep(Instant::now() + Duration::from_secs(61)).len(), 1);
        assert_eq!(pool.counts(), Counts::default());
    }
}
