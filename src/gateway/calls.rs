use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::field::display;

use super::front::Peer;
use super::pressure::Pressure;
use crate::call::{Code, Status};

/// The calls in flight.
#[derive(Debug)]
pub(super) struct Calls {
    state: Mutex<State>,
    cut: CancellationToken,
    most: usize,
    pressure: Pressure,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    running: HashMap<u64, (Arc<str>, Arc<str>)>,
    draining: bool,
    finished: usize,
}

/// One call in flight, from its headers to the last byte of its answer.
///
/// Dropped before an [outcome](Call::outcome) is known, it was cancelled by its caller.
#[derive(Debug)]
pub(super) struct Call {
    calls: Arc<Calls>,
    peer: Arc<Peer>,
    service: Arc<str>,
    method: Arc<str>,
    number: u64,
    began: Instant,
    refused: Option<&'static str>,
    counts: Option<Arc<Counts>>,
    outcome: Option<Outcome>,
}

/// How many messages of a streaming call came and went.
#[derive(Debug, Default)]
pub(super) struct Counts {
    received: AtomicU64,
    sent: AtomicU64,
}

#[derive(Debug)]
enum Outcome {
    Ok,
    Failed(Code, String),
}

impl Calls {
    /// With room for so many at once, as long as there is memory.
    pub(super) fn new(most: usize, memory: Option<u64>) -> Self {
        Self { state: Mutex::default(), cut: CancellationToken::new(), most, pressure: Pressure::new(memory) }
    }

    /// Follows the memory of the process without end.
    pub(super) async fn follow(&self) {
        self.pressure.follow().await;
    }

    pub(super) fn begin(self: &Arc<Self>, service: &Arc<str>, method: &Arc<str>, peer: &Arc<Peer>) -> Call {
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
        Call {
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

    /// Counts the calls that finish from now on.
    pub(super) fn drain(&self) {
        self.lock().draining = true;
    }

    /// How many finished since the drain began.
    pub(super) fn finished(&self) -> usize {
        self.lock().finished
    }

    /// Makes all calls in flight give up, and names them.
    pub(super) fn cut(&self) -> Vec<String> {
        let mut state = self.lock();
        state.draining = false;
        let mut names: Vec<_> = state.running.values().map(|(service, method)| format!("{service}/{method}")).collect();
        names.sort();
        drop(state);
        self.cut.cancel();
        names
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// Whether there is room for it.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED when there is not: the call is not to be served.
    pub(super) fn admitted(&self) -> Result<(), Status> {
        self.refused.map_or(Ok(()), |why| Err(Status::new(Code::ResourceExhausted, why)))
    }

    /// Cancelled when the call must give up.
    pub(super) fn cut_token(&self) -> &CancellationToken {
        &self.calls.cut
    }

    /// Counts the messages of the call, and tells the counts at its end.
    pub(super) fn count(&mut self) -> Arc<Counts> {
        self.counts.get_or_insert_default().clone()
    }

    /// Says how the call ended.
    pub(super) fn outcome(&mut self, outcome: Result<(), &Status>) {
        self.outcome = Some(match outcome {
            Ok(()) => Outcome::Ok,
            Err(status) => Outcome::Failed(status.code, status.message.clone()),
        });
    }
}

impl Counts {
    pub(super) fn received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn number_sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Call {
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
        let sent = self.counts.as_ref().map(|counts| counts.number_sent());
        let (service, method, peer) = (&*self.service, &*self.method, display(self.peer.address));
        match &self.outcome {
            Some(Outcome::Ok) => tracing::debug!(service, method, peer, code = "OK", ms, received, sent, "call ended"),
            Some(Outcome::Failed(code, error)) => {
                tracing::info!(service, method, peer, code = code.name(), ms, error, received, sent, "call failed")
            }
            None => {
                let code = Code::Cancelled.name();
                tracing::info!(service, method, peer, code, ms, received, sent, "call cancelled by its caller")
            }
        }
    }
}
