//! The calls in flight: how many there are, which are cut off, and the log line at the end of each.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::field::display;

use crate::call::{BudgetExceeded, ByteBudget, ByteCharge, Code, Status};
use crate::gateway::peer::Peer;

/// The target of the line that each call leaves in the log, by which `OKRA_LOG` filters it.
const LOG_TARGET: &str = "okra::gateway::call";

/// The bytes that a call is charged from its beginning to its end, for its tasks and buffers.
const CALL_BYTES: u64 = 16 << 10;
/// The most bytes of a message, or of the headers, that count in these.
pub(crate) const PREPAID_BYTES: usize = 4 << 10;
/// The most bytes of a connection that has calls admitted while the process is short of memory: the last tenth is for those
/// that hold little.
const LIGHT_BYTES: u64 = 1 << 20;
/// The most calls of a client for each call that there is room for: one client has three quarters, two have three sevenths
/// each, and there is always room for another client.
const CLIENT_SHARE: usize = 3;

/// The calls in flight.
#[derive(Debug)]
pub(crate) struct CallsInFlight {
    state: Mutex<InFlightState>,
    cut: CancellationToken,
    most: usize,
    memory: Arc<ByteBudget>,
}

#[derive(Debug, Default)]
struct InFlightState {
    next: u64,
    running: HashMap<u64, (Arc<str>, Arc<str>)>,
    draining: bool,
    finished: usize,
    failures: FailureSample,
}

/// The lines of failed calls that the log gets: the first ones of each second.
#[derive(Debug, Default)]
struct FailureSample {
    second: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl FailureSample {
    /// Most lines in a second: more would cost more than the calls themselves.
    const LINES: u32 = 100;

    /// Counts a failed call. Returns how many lines were left out before its own; `None` when its own is.
    fn take(&mut self, now: Instant) -> Option<u64> {
        if self.second.is_none_or(|second| now.duration_since(second) >= Duration::from_secs(1)) {
            (self.second, self.lines) = (Some(now), 0);
        }
        if self.lines >= Self::LINES {
            self.left_out += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

/// One call in flight, from its headers to the last byte of its response.
///
/// Dropped before its [outcome](Self::set_outcome) is set, the call was cancelled by its client.
#[derive(Debug)]
pub(crate) struct CallGuard {
    calls: Arc<CallsInFlight>,
    peer: Arc<Peer>,
    service: Arc<str>,
    method: Arc<str>,
    number: u64,
    began: Instant,
    refused: Option<Refusal>,
    charge: Option<ByteCharge>,
    counts: Option<Arc<MessageCounts>>,
    outcome: Option<CallOutcome>,
}

/// How many messages of a streaming call were received and sent.
#[derive(Debug, Default)]
pub(crate) struct MessageCounts {
    received: AtomicU64,
    sent: AtomicU64,
}

/// Why a call is not admitted.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum Refusal {
    #[error("the server has as many calls as it can take")]
    Full,
    #[error("this client has as many of the server's calls as one client can have while the server is this full")]
    ClientFull,
    #[error("the server is short of memory, and this connection holds much of it")]
    Memory,
    #[error(transparent)]
    Budget(BudgetExceeded),
}

#[derive(Debug)]
enum CallOutcome {
    Ok,
    Failed(Code, String),
}

impl CallsInFlight {
    /// Makes room for `most` calls at once, as long as there is memory.
    pub(crate) fn new(most: usize, memory: Arc<ByteBudget>) -> Self {
        Self { state: Mutex::default(), cut: CancellationToken::new(), most, memory }
    }

    /// Counts a call in. Whether it may be served says [`CallGuard::check_admitted`].
    pub(crate) fn begin(self: &Arc<Self>, service: &Arc<str>, method: &Arc<str>, peer: &Arc<Peer>) -> CallGuard {
        let calls_of_client = peer.begin_call();
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        // What was left before this call.
        let room = self.most.saturating_sub(state.running.len());
        state.running.insert(number, (service.clone(), method.clone()));
        drop(state);
        let admitted = match () {
            () if room == 0 => Err(Refusal::Full),
            () if calls_of_client > room.saturating_mul(CLIENT_SHARE) => Err(Refusal::ClientFull),
            () if self.memory.is_pressed() && peer.budget().used() > LIGHT_BYTES => Err(Refusal::Memory),
            () => peer.budget().charge(CALL_BYTES).map_err(Refusal::Budget),
        };
        CallGuard {
            calls: self.clone(),
            peer: peer.clone(),
            service: service.clone(),
            method: method.clone(),
            number,
            began: Instant::now(),
            refused: admitted.as_ref().err().copied(),
            charge: admitted.ok(),
            counts: None,
            outcome: None,
        }
    }

    /// Begins to count the calls that finish.
    pub(crate) fn start_draining(&self) {
        self.lock().draining = true;
    }

    /// Returns how many calls have finished since the drain began.
    pub(crate) fn finished(&self) -> usize {
        self.lock().finished
    }

    /// Cuts off all calls in flight and returns their names.
    pub(crate) fn cut_all(&self) -> Vec<String> {
        let mut state = self.lock();
        state.draining = false;
        let mut names: Vec<_> = state.running.values().map(|(service, method)| format!("{service}/{method}")).collect();
        names.sort();
        drop(state);
        self.cut.cancel();
        names
    }

    fn lock(&self) -> MutexGuard<'_, InFlightState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallGuard {
    /// Checks that the server has room for the call.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED when it has not: the call must not be served.
    pub(crate) fn check_admitted(&self) -> Result<(), Status> {
        match self.refused {
            None => Ok(()),
            Some(Refusal::Budget(exceeded)) => Err(over_budget(exceeded)),
            Some(why) => Err(Status::new(Code::ResourceExhausted, why.to_string())),
        }
    }

    /// Charges the headers of the call, in bytes of memory.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED when a budget has no room for them.
    pub(crate) fn charge_headers(&mut self, bytes: usize) -> Result<(), Status> {
        let Some(charge) = &mut self.charge else { return Ok(()) };
        let more = bytes.saturating_sub(PREPAID_BYTES);
        if more == 0 { Ok(()) } else { charge.grow(more as u64).map_err(over_budget) }
    }

    /// Returns the budget of the bytes that wait for the client.
    pub(crate) fn transit(&self) -> &Arc<ByteBudget> {
        self.peer.transit()
    }

    /// Charges a part of a response until it was written to the connection.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED when a budget has no room for it.
    pub(crate) fn charge_part(&self, bytes: Bytes) -> Result<Bytes, Status> {
        if bytes.len() <= PREPAID_BYTES {
            return Ok(bytes);
        }
        Ok(self.transit().charge(bytes.len() as u64).map_err(over_budget)?.attach(bytes))
    }

    /// Charges the last bytes of a response until they were written to the connection.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED when a budget has no room for them.
    pub(crate) fn charge_response(&mut self, bytes: Bytes) -> Result<Bytes, Status> {
        if bytes.len() > PREPAID_BYTES {
            return self.charge_part(bytes);
        }
        // A small response takes the place of its call.
        Ok(match self.charge.take() {
            Some(charge) => charge.attach(bytes),
            None => bytes,
        })
    }

    /// Returns the token that is cancelled when the server cuts the call off.
    pub(crate) fn cut_token(&self) -> &CancellationToken {
        &self.calls.cut
    }

    /// Returns the counts of the call's messages, which are logged at its end.
    pub(crate) fn message_counts(&mut self) -> Arc<MessageCounts> {
        self.counts.get_or_insert_default().clone()
    }

    /// Sets how the call ended.
    pub(crate) fn set_outcome(&mut self, outcome: Result<(), &Status>) {
        self.outcome = Some(match outcome {
            Ok(()) => CallOutcome::Ok,
            Err(status) => CallOutcome::Failed(status.code, status.message.clone()),
        });
    }
}

impl MessageCounts {
    pub(crate) fn count_received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sent_count(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

/// Returns the status of a call for which a budget has no room.
pub(crate) fn over_budget(exceeded: BudgetExceeded) -> Status {
    let key = if exceeded.owner == "the connection" { "connection-memory" } else { "memory" };
    Status::new(Code::ResourceExhausted, format!("{exceeded}: `{key}` of [limits] in server.toml"))
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        let mut state = self.calls.lock();
        state.running.remove(&self.number);
        if state.draining {
            state.finished += 1;
        }
        let is_ok = matches!(self.outcome, Some(CallOutcome::Ok));
        let sample = if is_ok { Some(0) } else { state.failures.take(Instant::now()) };
        drop(state);
        self.peer.end_call();
        let Some(left_out) = sample else { return };
        // Only where there is something to say.
        let left_out = (left_out > 0).then_some(left_out);
        let ms = self.began.elapsed().as_micros() as f64 / 1000.0;
        let received = self.counts.as_ref().map(|counts| counts.received.load(Ordering::Relaxed));
        let sent = self.counts.as_ref().map(|counts| counts.sent_count());
        let (service, method, peer) = (&*self.service, &*self.method, display(self.peer.address));
        match &self.outcome {
            Some(CallOutcome::Ok) => {
                tracing::debug!(target: LOG_TARGET, service, method, peer, code = "OK", ms, received, sent, "call ended")
            }
            Some(CallOutcome::Failed(code, error)) => {
                tracing::info!(target: LOG_TARGET, service, method, peer, code = code.name(), ms, error, received, sent, left_out, "call failed")
            }
            None => {
                let code = Code::Cancelled.name();
                tracing::info!(target: LOG_TARGET, service, method, peer, code, ms, received, sent, left_out, "call cancelled by its client")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flood_of_failures_leaves_a_hundred_lines_each_second_and_their_number() {
        let (mut sample, now) = (FailureSample::default(), Instant::now());
        let lines: Vec<_> = (0..1000).filter_map(|_| sample.take(now)).collect();
        assert_eq!(lines, [0; 100]);
        let later = now + Duration::from_secs(1);
        assert_eq!((sample.take(later), sample.take(later)), (Some(900), Some(0)));
    }
}
