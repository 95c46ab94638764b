use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::call::{Code, Status};

/// The calls in flight.
#[derive(Debug, Default)]
pub(super) struct Calls {
    state: Mutex<State>,
    cut: CancellationToken,
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
    number: u64,
    began: Instant,
    span: Span,
    outcome: Option<Outcome>,
}

#[derive(Debug)]
enum Outcome {
    Ok,
    Failed(Code, String),
}

impl Calls {
    pub(super) fn begin(self: &Arc<Self>, service: &Arc<str>, method: &Arc<str>, peer: SocketAddr) -> Call {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.running.insert(number, (service.clone(), method.clone()));
        drop(state);
        let span = tracing::info_span!("call", %service, %method, %peer);
        Call { calls: self.clone(), number, began: Instant::now(), span, outcome: None }
    }

    /// Counts the calls that finish from now on.
    pub(super) fn drain(&self) {
        self.lock().draining = true;
    }

    /// Cancelled when calls still in flight must give up.
    pub(super) fn cut_token(&self) -> &CancellationToken {
        &self.cut
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
    /// The span in which everything about the call is logged.
    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    /// Says how the call ended.
    pub(super) fn outcome(&mut self, outcome: Result<(), &Status>) {
        self.outcome = Some(match outcome {
            Ok(()) => Outcome::Ok,
            Err(status) => Outcome::Failed(status.code, status.message.clone()),
        });
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
        let ms = self.began.elapsed().as_micros() as f64 / 1000.0;
        let _entered = self.span.enter();
        match &self.outcome {
            Some(Outcome::Ok) => tracing::debug!(code = "OK", ms, "call ended"),
            Some(Outcome::Failed(code, error)) => tracing::info!(code = code.name(), ms, error, "call failed"),
            None => tracing::info!(code = Code::Cancelled.name(), ms, "call cancelled by its caller"),
        }
    }
}
