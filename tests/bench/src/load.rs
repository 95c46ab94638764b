//! Load: callers that call as fast as they are answered, for a while.

use std::sync::Arc;
use std::time::{Duration, Instant};

use miette::{IntoDiagnostic as _, ensure, miette};
use tokio::task::JoinSet;

use crate::client::{Call, Connection};
use crate::server::Server;

/// Calls that many callers share a connection for at most.
const CALLERS_PER_CONNECTION: usize = 16;

/// Whoever calls one server.
pub(crate) struct Load<'a> {
    server: &'a Server,
    call: Arc<Call>,
    /// How many calls one call of ours stands for: those that its handler makes in turn.
    stands_for: u32,
    callers: Vec<Connection>,
    /// Length of each answer, with all that belongs to it.
    expected: usize,
}

/// What was measured.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) calls: u64,
    pub(crate) elapsed: Duration,
    /// CPU time of the server.
    pub(crate) cpu: Duration,
    /// Memory of the server at the end, in bytes.
    pub(crate) memory: u64,
    /// Of each call, in no order.
    pub(crate) latencies: Vec<Duration>,
}

impl Measured {
    /// Calls per second.
    pub(crate) fn rate(&self) -> f64 {
        self.calls as f64 / self.elapsed.as_secs_f64()
    }

    /// CPU time of the server per call, in microseconds.
    pub(crate) fn cpu_per_call(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.calls as f64
    }

    /// Returns the rounds as one.
    pub(crate) fn sum(rounds: Vec<Self>) -> Self {
        let mut sum = Self::default();
        rounds.into_iter().for_each(|round| sum.add(round));
        sum
    }

    /// Adds another round.
    fn add(&mut self, mut other: Self) {
        self.calls += other.calls;
        self.elapsed += other.elapsed;
        self.cpu += other.cpu;
        self.memory = other.memory;
        self.latencies.append(&mut other.latencies);
    }
}

impl<'a> Load<'a> {
    /// Connects the callers and makes one call to see that it is answered with `answer`.
    pub(crate) async fn connect(
        server: &'a Server,
        call: Call,
        answer: &[u8],
        stands_for: u32,
        callers: usize,
    ) -> miette::Result<Self> {
        let mut connections = Vec::new();
        for _ in 0..callers.div_ceil(CALLERS_PER_CONNECTION) {
            connections.push(Connection::open(server.address).await?);
        }
        let first = connections.first().ok_or_else(|| miette!("nobody calls"))?;
        let whole = first.answer(&call).await?;
        ensure!(call.message_of(&whole) == answer, "the server answers something else than it should");
        let callers = connections.iter().cycle().take(callers).cloned().collect();
        Ok(Self { server, call: call.into(), stands_for, callers, expected: whole.len() })
    }

    /// Calls for about so long.
    pub(crate) async fn round(&self, length: Duration) -> miette::Result<Measured> {
        let cpu = self.server.cpu()?;
        let began = Instant::now();
        let mut callers = JoinSet::new();
        for connection in &self.callers {
            let (connection, call, expected) = (connection.clone(), self.call.clone(), self.expected);
            callers.spawn(async move {
                let mut latencies = Vec::new();
                let mut now = Instant::now();
                while now - began < length {
                    let length = connection.call(&call).await?;
                    ensure!(length == expected, "an answer of {length} bytes, expected {expected}");
                    let then = std::mem::replace(&mut now, Instant::now());
                    latencies.push(now - then);
                }
                Ok(latencies)
            });
        }
        let mut latencies = Vec::new();
        while let Some(caller) = callers.join_next().await {
            latencies.append(&mut caller.into_diagnostic()??);
        }
        let elapsed = began.elapsed();
        let calls = latencies.len() as u64 * u64::from(self.stands_for);
        latencies.iter_mut().for_each(|latency| *latency /= self.stands_for);
        let cpu = self.server.cpu()?.saturating_sub(cpu);
        Ok(Measured { calls, elapsed, cpu, memory: self.server.memory()?, latencies })
    }
}
