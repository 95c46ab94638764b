//! The calls in flight: how many there are, which are cut off, and the log line at the end of each.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::field::display;

use crate::call::{Code, Status};
use crate::gateway::call::pressure::MemoryPressure;
use crate::gateway::peer::Peer;

/// The target of the line that each call leaves in the log, by which `OKRA_LOG` filters it.
const LOG_TARGET: &str = "okra::gateway::call";

/// The calls in flight.
#[derive(Debug)]
pub(crate) struct CallsInFlight {
    state: Mutex<InFlightState>,
    cut: CancellationToken,
    most: usize,
    pressure: MemoryPressure,
}

#[derive(Debug, Default)]
struct InFlightState {
    next: u64,
    running: HashMap<u64, (Arc<str>, Arc<str>)>,
    draining: bool,
    finished: usize,
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
    refused: Option<&'static str>,
    counts: Option<Arc<MessageCounts>>,
    outcome: Option<CallOutcome>,
}

/// How many messages of a streaming call were received and sent.
#[derive(Debug, Default)]
pub(crate) struct MessageCounts {
    received: AtomicU64,
    sent: AtomicU64,
}

#[derive(Debug)]
enum CallOutcome {
    Ok,
    Failed(Code, String),
}

impl CallsInFlight {
    /// Makes room for `most` calls at once, as long as the process has memory.
    pub(crate) fn new(most: usize, memory: Option<u64>) -> Self {
        Self { state: Mutex::default(), cut: CancellationToken::new(), most, pressure: MemoryPressure::new(memory) }
    }

    /// Follows the memory of the process until the future is dropped.
    pub(crate) async fn follow_memory(&self) {
        self.pressure.follow().await;
    }

    /// Counts a call in. Whether it may be served says [`CallGuard::check_admitted`].
    pub(crate) fn begin(self: &Arc<Self>, service: &Arc<str>, method: &Arc<str>, peer: &Arc<Peer>) -> CallGuard {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.running.insert(number, (service.clone(), method.clone()));
        let refused = if state.running.len() > self.most {
            Some("the server has as many calls as it can take")
        } else if self.pressure.is_high() {
            Some("the server is short of memory")
        } else {
            None
        };
        drop(state);
        peer.touch();
        CallGuard {
            calls: self.clone(),
            peer: peer.clone(),
            service: service.clone(),
            method: method.clone(),
            number,
            began: Instant::now(),
            refused,
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
        self.refused.map_or(Ok(()), |why| Err(Status::new(Code::ResourceExhausted, why)))
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

impl Drop for CallGuard {
    fn drop(&mut self) {
        let mut state = self.calls.lock();
        state.running.remove(&self.number);
        if state.draining {
            state.finished += 1;
        }
        drop(state);
        self.peer.touch();
        let ms = self.began.elapsed().as_micros() as f64 / 1000.0;
        let received = self.counts.as_ref().map(|counts| counts.received.load(Ordering::Relaxed));
        let sent = self.counts.as_ref().map(|counts| counts.sent_count());
        let (service, method, peer) = (&*self.service, &*self.method, display(self.peer.address));
        match &self.outcome {
            Some(CallOutcome::Ok) => {
                tracing::debug!(target: LOG_TARGET, service, method, peer, code = "OK", ms, received, sent, "call ended")
            }
            Some(CallOutcome::Failed(code, error)) => {
                tracing::info!(target: LOG_TARGET, service, method, peer, code = code.name(), ms, error, received, sent, "call failed")
            }
            None => {
                let code = Code::Cancelled.name();
                tracing::info!(target: LOG_TARGET, service, method, peer, code, ms, received, sent, "call cancelled by its client")
            }
        }
    }
}
