//! The shares of clients in the instances and in the queue of a revision, so that one client leaves some to others.
//!
//! A client may have everything while no other wants it. Streams, which may last for ever, are ended when another client
//! waits; of the queue some places are kept for others, because a call that waits cannot be served sooner.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::config::Run;

/// The streams and the waiting calls of each client.
#[derive(Debug)]
pub(crate) struct ClientShares {
    /// The most instances that hold the streams of one client while another client waits.
    instances: usize,
    /// The most calls of one client that wait.
    queue: usize,
    state: Mutex<SharesState>,
}

#[derive(Debug, Default)]
struct SharesState {
    next: u64,
    clients: HashMap<IpAddr, ClientShare>,
}

#[derive(Debug, Default)]
struct ClientShare {
    /// The streams that hold an instance, by the order in which they began.
    streams: BTreeMap<u64, CancellationToken>,
    waiting: usize,
}

impl ClientShares {
    pub(crate) fn new(run: &Run) -> Arc<Self> {
        let (instances, queue) = (run.max_instances() as usize, run.queue as usize);
        // Of less than four there is no quarter to leave.
        let share = |all: usize| all - all / 4;
        Arc::new(Self { instances: share(instances), queue: share(queue), state: Mutex::default() })
    }

    /// Returns the most calls of one client that wait.
    pub(crate) fn queue(&self) -> usize {
        self.queue
    }

    /// Lets a call of a client wait; `None` when as many of its calls wait as may. Calls from this process count for none.
    pub(crate) fn wait(self: &Arc<Self>, client: Option<IpAddr>) -> Option<WaitingCall> {
        if let Some(client) = client {
            let mut state = self.lock();
            let share = state.clients.entry(client).or_default();
            if share.waiting >= self.queue {
                state.remove_unused(client);
                return None;
            }
            share.waiting += 1;
        }
        Some(WaitingCall { shares: self.clone(), client })
    }

    /// Counts a stream of a client that holds an instance.
    pub(crate) fn hold(self: &Arc<Self>, client: IpAddr) -> InstanceStream {
        let (mut state, ended) = (self.lock(), CancellationToken::new());
        let number = state.next;
        state.next += 1;
        state.clients.entry(client).or_default().streams.insert(number, ended.clone());
        drop(state);
        InstanceStream { shares: self.clone(), client, number, ended }
    }

    /// Whether the streams of a client hold as many instances as they may while others wait, or more.
    pub(crate) fn is_used_up(&self, client: Option<IpAddr>) -> bool {
        client.is_some_and(|client| {
            self.lock().clients.get(&client).is_some_and(|share| share.streams.len() >= self.instances)
        })
    }

    /// Ends the newest stream of the client that holds the most instances, if they are more than its share and a call of
    /// another client waits.
    pub(crate) fn end_excess(&self, waiting: Option<IpAddr>) {
        let mut state = self.lock();
        let others = state.clients.iter_mut().filter(|(client, _)| Some(**client) != waiting);
        let Some((_, share)) = others.max_by_key(|(_, share)| share.streams.len()) else { return };
        if share.streams.len() > self.instances
            && let Some((_, newest)) = share.streams.pop_last()
        {
            newest.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, SharesState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharesState {
    fn remove_unused(&mut self, client: IpAddr) {
        if self.clients.get(&client).is_some_and(|share| share.waiting == 0 && share.streams.is_empty()) {
            self.clients.remove(&client);
        }
    }
}

/// A call that waits for an instance.
#[derive(Debug)]
pub(crate) struct WaitingCall {
    shares: Arc<ClientShares>,
    client: Option<IpAddr>,
}

impl Drop for WaitingCall {
    fn drop(&mut self) {
        let Some(client) = self.client else { return };
        let mut state = self.shares.lock();
        if let Some(share) = state.clients.get_mut(&client) {
            share.waiting -= 1;
        }
        state.remove_unused(client);
    }
}

/// A stream that holds an instance.
#[derive(Debug)]
pub(crate) struct InstanceStream {
    shares: Arc<ClientShares>,
    client: IpAddr,
    number: u64,
    ended: CancellationToken,
}

impl InstanceStream {
    /// Waits until the stream has to end, because a call of another client waits for its instance.
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }
}

impl Drop for InstanceStream {
    fn drop(&mut self) {
        let mut state = self.shares.lock();
        if let Some(share) = state.clients.get_mut(&self.client) {
            share.streams.remove(&self.number);
        }
        state.remove_unused(self.client);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn shares(instances: u32, queue: u32) -> Arc<ClientShares> {
        ClientShares::new(&Run { instances: instances.try_into().unwrap(), queue, ..Run::default() })
    }

    fn client(number: u8) -> IpAddr {
        [10, 0, 0, number].into()
    }

    #[test]
    fn a_client_leaves_a_quarter_of_the_queue_to_others() {
        for (queue, wanted) in [(0, 0), (1, 1), (3, 3), (4, 3), (8, 6), (128, 96)] {
            let shares = shares(1, queue);
            let waiting: Vec<_> = std::iter::from_fn(|| shares.wait(Some(client(1)))).collect();
            assert_eq!(waiting.len(), wanted, "of {queue}");
            assert!(shares.wait(None).is_some());
            drop(waiting);
            assert!(shares.lock().clients.is_empty());
        }
    }

    #[test]
    fn the_newest_streams_beyond_a_share_end_when_another_client_waits() {
        let shares = shares(4, 1);
        let mut streams: Vec<_> = (0..4).map(|_| shares.hold(client(1))).collect();
        let ended = |streams: &[InstanceStream]| streams.iter().filter(|stream| stream.ended.is_cancelled()).count();
        shares.end_excess(Some(client(1)));
        assert_eq!(ended(&streams), 0);
        shares.end_excess(Some(client(2)));
        shares.end_excess(Some(client(2)));
        assert!(streams[3].ended.is_cancelled());
        assert_eq!((ended(&streams), shares.is_used_up(Some(client(1)))), (1, true));
        streams.clear();
        assert!(shares.lock().clients.is_empty());
    }
}
