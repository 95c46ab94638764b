//! Places that came back while nobody waited for one, each with its instance or without.
//!
//! Calls take them and bring them back without a message to the actor, for which they are lent all the while: only a call
//! that finds nothing here, or comes back when somebody waits, has to do with the actor. A place keeps what it was granted
//! for: what is in reserve for calls of some depth serves no others.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::pool::Seat;

/// The right to have one instance, and the instance, unless it is yet to be made.
pub(super) struct Place<I> {
    pub(super) instance: Option<Box<I>>,
    pub(super) seat: Seat,
}

pub(super) struct Shelf<I> {
    state: Mutex<State<I>>,
}

struct State<I> {
    /// Those without an instance first; those with one in the order in which they came.
    places: VecDeque<(Place<I>, Instant)>,
    /// Calls that found nothing and have not been granted anything by the actor yet. While there are any, nothing is put
    /// here: it could be what they wait for.
    waiting: usize,
}

impl<I> Default for Shelf<I> {
    fn default() -> Self {
        Self { state: Mutex::new(State { places: VecDeque::new(), waiting: 0 }) }
    }
}

impl<I> Shelf<I> {
    fn lock(&self) -> MutexGuard<'_, State<I>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place, one with a warm instance if there is one.
    ///
    /// # Errors
    /// When there is none: the caller [waits](Self::stop_waiting) from now on. What it gets are the places that it may
    /// not have itself; the actor must have them back, because they count as lent there.
    pub(super) fn take(&self, depth: usize) -> Result<Place<I>, VecDeque<(Place<I>, Instant)>> {
        let mut state = self.lock();
        let found = state.places.iter().rposition(|(place, _)| place.seat.suits(depth));
        if let Some((place, _)) = found.and_then(|index| state.places.remove(index)) {
            return Ok(place);
        }
        state.waiting += 1;
        Err(std::mem::take(&mut state.places))
    }

    /// A call that found nothing has been granted a place, or gave up.
    pub(super) fn stop_waiting(&self) {
        let mut state = self.lock();
        state.waiting = state.waiting.saturating_sub(1);
    }

    /// Puts a place here, or hands it back when somebody waits for one.
    pub(super) fn put(&self, place: Place<I>) -> Option<Place<I>> {
        let mut state = self.lock();
        if state.waiting > 0 {
            return Some(place);
        }
        match place.instance {
            Some(_) => state.places.push_back((place, Instant::now())),
            None => state.places.push_front((place, Instant::now())),
        }
        None
    }

    /// Takes the places that nobody has needed for so long.
    pub(super) fn sweep(&self, now: Instant, idle: Duration) -> Vec<Place<I>> {
        let mut state = self.lock();
        let (old, kept) = std::mem::take(&mut state.places)
            .into_iter()
            .partition::<VecDeque<_>, _>(|(_, since)| now.duration_since(*since) >= idle);
        state.places = kept;
        old.into_iter().map(|(place, _)| place).collect()
    }

    /// How many places there are, and how many of them have an instance.
    pub(super) fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        let with_instance = state.places.iter().filter(|(place, _)| place.instance.is_some()).count();
        (state.places.len(), with_instance)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn place(instance: Option<u32>) -> Place<u32> {
        Place { instance: instance.map(Box::new), seat: Seat::Any }
    }

    #[test]
    fn a_warm_instance_is_taken_before_one_is_made() {
        let shelf = Shelf::default();
        for instance in [None, Some(7), None] {
            assert!(shelf.put(place(instance)).is_none());
        }
        assert_eq!(shelf.take(0).ok().unwrap().instance.as_deref(), Some(&7));
        assert!(shelf.take(0).ok().unwrap().instance.is_none());
    }

    #[test]
    fn places_go_after_their_time() {
        let shelf = Shelf::default();
        shelf.put(place(Some(7)));
        let idle = Duration::from_secs(60);
        assert!(shelf.sweep(Instant::now(), idle).is_empty());
        assert_eq!(shelf.sweep(Instant::now() + idle, idle).len(), 1);
        assert_eq!(shelf.counts(), (0, 0));
    }
}
