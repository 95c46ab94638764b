//! The other end of a connection, and what the process holds for it.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::header::HOST;
use http::request::Parts;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::call::{BudgetExceeded, ByteBudget, ByteCharge, ClientIdentity, Context, Metadata, client_address};
use crate::gateway::catalog::{CatalogMethod, CatalogService};

/// How long a connection is without a call before it makes room for another.
const MIN_IDLE: Duration = Duration::from_secs(1);

/// The client of a connection.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    identity: Option<Arc<ClientIdentity>>,
    load: Arc<ConnectionLoad>,
}

/// The bytes and the calls of a connection.
#[derive(Debug)]
struct ConnectionLoad {
    address: SocketAddr,
    /// All bytes that the process holds for the connection.
    budget: Arc<ByteBudget>,
    /// Those of them that wait for the client: requests that are not complete, and responses that were not written.
    transit: Arc<ByteBudget>,
    /// The requests among them that are not complete.
    requests: Arc<ByteBudget>,
    /// The bytes among them that the connection has received and no request has read. There is room for them when requests have
    /// no more, so that requests are refused and the connection goes on.
    arrived: Arc<ByteBudget>,
    unread: Arc<UnreadBytes>,
    /// How often the connection was asked to read what is there.
    readings: Arc<AtomicU64>,
    calls: AtomicUsize,
    /// Calls of all connections from the same address.
    client_calls: Arc<AtomicUsize>,
    /// When a call last began or ended.
    last_active: Mutex<Instant>,
    /// Cancelled when the connection is to be cut off.
    cut: CancellationToken,
}

impl Peer {
    /// Sets the identity that the client has proved.
    pub(crate) fn with_identity(mut self, identity: Option<ClientIdentity>) -> Self {
        self.identity = identity.map(Arc::new);
        self
    }

    /// Returns the budget of the connection.
    pub(crate) fn budget(&self) -> &Arc<ByteBudget> {
        &self.load.budget
    }

    /// Returns the budget of the bytes that wait for the client. They count in that of the connection, too.
    pub(crate) fn transit(&self) -> &Arc<ByteBudget> {
        &self.load.transit
    }

    /// Returns the budget of requests that are not complete. They count in that of the bytes that wait for the client, too.
    pub(crate) fn requests(&self) -> &Arc<ByteBudget> {
        &self.load.requests
    }

    /// Returns the parts of the connection's request bodies that were received and not read.
    pub(crate) fn unread(&self) -> &Arc<UnreadBytes> {
        &self.load.unread
    }

    /// Lets the connection read what is there, to some extent.
    pub(crate) fn begin_reading(&self) {
        self.load.readings.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of the current reading: see [`begin_reading`](Self::begin_reading).
    pub(crate) fn readings(&self) -> &Arc<AtomicU64> {
        &self.load.readings
    }

    /// Records that a call has begun. Returns how many calls there are from the same address.
    pub(crate) fn begin_call(&self) -> usize {
        self.load.calls.fetch_add(1, Ordering::Relaxed);
        self.load.touch();
        self.load.client_calls.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Records that a call has ended.
    pub(crate) fn end_call(&self) {
        self.load.client_calls.fetch_sub(1, Ordering::Relaxed);
        self.load.calls.fetch_sub(1, Ordering::Relaxed);
        self.load.touch();
    }

    /// Returns since when the connection has had no call; `None` while it has one.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        self.load.idle_since()
    }

    /// Waits until the connection is to be cut off.
    pub(crate) async fn cut(&self) {
        self.load.cut.cancelled().await;
    }

    /// Makes the context of a call from its request. The protocol sets its name, codec and deadline.
    pub(crate) fn context(&self, service: &CatalogService, method: &CatalogMethod, parts: &Parts) -> Context {
        Context::new(service.name().clone(), method.name().clone())
            .with_metadata(Metadata::from_headers(&parts.headers))
            .with_client(self.address, self.identity.clone(), read_authority(parts))
    }
}

impl ConnectionLoad {
    fn touch(&self) {
        *self.last_active.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn idle_since(&self) -> Option<Instant> {
        let is_idle = self.calls.load(Ordering::Relaxed) == 0;
        is_idle.then(|| *self.last_active.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The parts of HTTP/2 request bodies that were received and not read: HTTP keeps them until their calls read them, or end.
#[derive(Debug, Default)]
pub(crate) struct UnreadBytes {
    /// Bytes that calls have read, with [`PART_BYTES`] for each part.
    read: AtomicU64,
    /// Bodies from which calls may still read.
    open: AtomicUsize,
}

/// The bytes that a part of a body takes beside its content.
const PART_BYTES: u64 = 256;

impl UnreadBytes {
    /// Returns the bytes that a part of a body takes. One without content takes none.
    pub(crate) fn part_bytes(length: usize) -> u64 {
        if length == 0 { 0 } else { length as u64 + PART_BYTES }
    }

    pub(crate) fn begin_body(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end_body(&self) {
        self.open.fetch_sub(1, Ordering::Release);
    }

    /// Counts a part that a call has read.
    pub(crate) fn read_part(&self, length: usize) {
        self.read.fetch_add(Self::part_bytes(length), Ordering::Relaxed);
    }
}

/// Charges what a connection has received of request bodies until it is read.
#[derive(Debug)]
pub(crate) struct UnreadMeter {
    unread: Arc<UnreadBytes>,
    budget: Arc<ByteBudget>,
    received: u64,
    charge: Option<ByteCharge>,
}

impl UnreadMeter {
    /// The bytes that are not charged, and of which a multiple is.
    const STEP: u64 = 64 << 10;

    pub(crate) fn new(peer: &Peer) -> Self {
        Self { unread: peer.unread().clone(), budget: peer.load.arrived.clone(), received: 0, charge: None }
    }

    /// Counts a part that was received.
    pub(crate) fn receive_part(&mut self, length: usize) {
        self.received += UnreadBytes::part_bytes(length);
    }

    /// Forgets what the bodies of ended calls have left. Called when nothing was received for a while: no body is about to
    /// begin.
    pub(crate) fn settle(&mut self) {
        if self.unread.open.load(Ordering::Acquire) == 0 {
            self.received = self.unread.read.load(Ordering::Relaxed);
        }
    }

    /// Charges what is unread now.
    ///
    /// # Errors
    /// The budget that has no room for it.
    pub(crate) fn charge(&mut self) -> Result<(), BudgetExceeded> {
        let unread = self.received.saturating_sub(self.unread.read.load(Ordering::Relaxed));
        if unread < Self::STEP {
            self.charge = None;
            return Ok(());
        }
        let wanted = unread.next_multiple_of(Self::STEP);
        match &mut self.charge {
            Some(charge) => charge.set(wanted),
            None => {
                self.charge = Some(self.budget.charge(wanted)?);
                Ok(())
            }
        }
    }
}

/// The connections that are open.
#[derive(Debug)]
pub(crate) struct Connections {
    process: Arc<ByteBudget>,
    connection_bytes: u64,
    table: Mutex<ConnectionTable>,
}

#[derive(Debug, Default)]
struct ConnectionTable {
    open: Vec<Weak<ConnectionLoad>>,
    /// The number of calls of each client.
    clients: HashMap<IpAddr, Weak<AtomicUsize>>,
}

impl Connections {
    /// Makes room for connections that hold at most `connection_bytes` each.
    pub(crate) fn new(process: Arc<ByteBudget>, connection_bytes: u64) -> Self {
        Self { process, connection_bytes, table: Mutex::default() }
    }

    /// Opens the connection of a client.
    pub(crate) fn open(&self, address: SocketAddr) -> Peer {
        let mut table = self.lock();
        let client = client_address(address.ip());
        let client_calls = table.clients.get(&client).and_then(Weak::upgrade).unwrap_or_default();
        let budget = self.process.child("the connection", self.connection_bytes);
        let transit = budget.child("the connection", u64::MAX);
        let incoming = transit.shared_child("the connection", self.connection_bytes);
        let load = Arc::new(ConnectionLoad {
            address,
            transit,
            requests: incoming.child("the connection", u64::MAX),
            arrived: incoming.child("the connection", u64::MAX),
            budget,
            unread: Arc::default(),
            readings: Arc::default(),
            calls: AtomicUsize::new(0),
            client_calls: client_calls.clone(),
            last_active: Mutex::new(Instant::now()),
            cut: CancellationToken::new(),
        });
        if table.open.len() == table.open.capacity() {
            table.open.retain(|load| load.strong_count() > 0);
            table.clients.retain(|_, calls| calls.strong_count() > 0);
        }
        table.open.push(Arc::downgrade(&load));
        table.clients.insert(client, Arc::downgrade(&client_calls));
        drop(table);
        Peer { address, identity: None, load }
    }

    /// Returns the bytes that wait for the clients of all connections.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.loads().map(|load| load.transit.used()).sum()
    }

    /// Cuts off the connection for which the process holds the most bytes that wait for its client. Returns whose it is and
    /// how many they are, or `None` when none waits.
    pub(crate) fn cut_largest(&self) -> Option<(SocketAddr, u64)> {
        let loads = self.loads().map(|load| (load.transit.used(), load));
        let (bytes, load) = loads.filter(|(bytes, _)| *bytes > 0).max_by_key(|(bytes, _)| *bytes)?;
        load.cut.cancel();
        Some((load.address, bytes))
    }

    /// Cuts off a connection that has been without a call for at least a second: of the client with the most connections the one
    /// that has been so for the longest time.
    pub(crate) fn cut_idlest(&self) {
        if let Some(load) = long_ago().and_then(|before| self.idlest(before)) {
            load.cut.cancel();
        }
    }

    /// Whether there is a connection that [`cut_idlest`](Self::cut_idlest) would cut off.
    pub(crate) fn has_idle(&self) -> bool {
        long_ago().is_some_and(|before| self.idlest(before).is_some())
    }

    fn idlest(&self, before: Instant) -> Option<Arc<ConnectionLoad>> {
        let idle = self.loads().filter_map(|load| Some((load.idle_since()?, load)));
        let idle = idle.filter(|(since, _)| *since <= before);
        // Each connection of a client counts its calls at the same place.
        let connections = |load: &ConnectionLoad| Arc::strong_count(&load.client_calls);
        let (_, load) = idle.min_by_key(|(since, load)| (Reverse(connections(load)), *since))?;
        Some(load)
    }

    /// Returns the loads of connections that are not cut off.
    fn loads(&self) -> impl Iterator<Item = Arc<ConnectionLoad>> {
        let loads: Vec<_> = self.lock().open.iter().filter_map(Weak::upgrade).collect();
        loads.into_iter().filter(|load| !load.cut.is_cancelled())
    }

    fn lock(&self) -> MutexGuard<'_, ConnectionTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns since when a connection has been idle for long enough.
fn long_ago() -> Option<Instant> {
    Instant::now().checked_sub(MIN_IDLE)
}

fn read_authority(parts: &Parts) -> Option<String> {
    let of_uri = parts.uri.authority().map(|authority| authority.as_str());
    let host = || parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    of_uri.or_else(host).map(str::to_owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn connections() -> Connections {
        Connections::new(ByteBudget::of_process(1000), 100)
    }

    #[test]
    fn the_calls_of_a_client_are_counted_over_all_its_connections() {
        let connections = connections();
        let open = |address: &str| connections.open(address.parse().unwrap());
        let (one, same, other) = (open("10.0.0.1:1"), open("[::ffff:10.0.0.1]:2"), open("10.0.0.2:1"));
        assert_eq!((one.begin_call(), same.begin_call(), other.begin_call()), (1, 2, 1));
        one.end_call();
        assert_eq!(same.begin_call(), 2);
        let (one, same) = (open("[2001:db8::1]:1"), open("[2001:db8::2]:1"));
        assert_eq!((one.begin_call(), same.begin_call()), (1, 2));
    }

    #[test]
    fn the_connection_with_the_most_waiting_bytes_is_cut_off_first() {
        let connections = connections();
        let [one, other] = [1, 2].map(|port| connections.open(SocketAddr::from(([10, 0, 0, 1], port))));
        // What a handler works on waits for no client.
        let _working = one.budget().charge(90).unwrap();
        let _waiting = other.transit().charge(10).unwrap();
        assert_eq!(connections.cut_largest(), Some((other.address, 10)));
        assert!(other.load.cut.is_cancelled() && !one.load.cut.is_cancelled());
    }

    #[tokio::test]
    async fn the_connection_that_was_idle_for_the_longest_time_is_cut_off_first() {
        let connections = connections();
        let peers = [1, 2, 3].map(|port| connections.open(SocketAddr::from(([10, 0, 0, 1], port))));
        peers[0].begin_call();
        assert!(!connections.has_idle());
        tokio::time::sleep(MIN_IDLE).await;
        peers[2].begin_call();
        peers[2].end_call();
        connections.cut_idlest();
        assert_eq!(peers.each_ref().map(|peer| peer.load.cut.is_cancelled()), [false, true, false]);
        assert!(!connections.has_idle());
    }

    #[tokio::test]
    async fn the_client_with_the_most_connections_makes_room_first() {
        let connections = Connections::new(ByteBudget::of_process(u64::MAX), u64::MAX);
        let open = |address: &str| connections.open(address.parse().unwrap());
        let victim = |before| connections.idlest(before).map(|load| load.address);
        let modest = open("10.0.0.1:1");
        let before = Instant::now();
        tokio::time::sleep(Duration::from_millis(2)).await;
        let mut greedy: Vec<_> = (1..4).map(|port| open(&format!("10.0.0.2:{port}"))).collect();
        assert_eq!(victim(before), Some(modest.address));
        for _ in 0..2 {
            let next = victim(Instant::now()).unwrap();
            assert_eq!(next, greedy.remove(0).address);
        }
        assert_eq!(victim(Instant::now()), Some(modest.address));
    }
}
