//! What the gateway does when the memory of the process is nearly used up.

use std::time::Duration;

use crate::call::ByteBudget;
use crate::gateway::peer::Connections;

/// How long idle instances have to go first.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a connection is cut off after that.
const INTERVAL: Duration = Duration::from_millis(100);
/// The share of the memory, as its divisor, from which on it helps to cut off the connections whose clients hold it.
const MIN_SHARE: u64 = 8;

/// Relieves the pressure whenever there is some, until the future is dropped: pools let go of their idle instances by
/// themselves, then the connections are cut off for which the most bytes wait for their client.
pub(crate) async fn relieve_pressure(memory: &ByteBudget, connections: &Connections) {
    loop {
        memory.pressed().await;
        let (used, limit) = (memory.used(), memory.limit());
        tracing::warn!(
            used,
            limit,
            "the process is short of memory: calls of connections that hold much of it are refused"
        );
        tokio::time::sleep(PATIENCE).await;
        while memory.is_pressed() {
            if connections.waiting_bytes() >= limit / MIN_SHARE
                && let Some((peer, bytes)) = connections.cut_largest()
            {
                tracing::warn!(%peer, bytes, "a connection is cut off: its client leaves the most memory waiting");
            }
            tokio::time::sleep(INTERVAL).await;
        }
        tracing::info!(used = memory.used(), limit, "the process has memory again: all calls are admitted");
    }
}
