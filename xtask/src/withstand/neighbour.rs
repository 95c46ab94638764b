//! The neighbour: a service that is called at a steady rate, with its latencies.

use std::time::{Duration, Instant};

use miette::{IntoDiagnostic as _, miette};
use tokio::task::JoinSet;

use crate::withstand::peer::{Peer, frame};

const PATH: &str = "/greeter.v1.Greeter/Hello";
const HEALTH: &str = "/grpc.health.v1.Health/Check";
/// Requests, encoded: `name: "x"`, and the health of the whole server.
const HELLO: &[u8] = b"\x0a\x01x";
const OVERALL: &[u8] = b"";

/// Connections, and the calls of each in a second.
const CONNECTIONS: usize = 4;
const RATE: u32 = 50;

/// A caller of the neighbour, and of the server's health.
pub(crate) struct Neighbour {
    peers: Vec<Peer>,
}

/// What became of the calls.
pub(crate) struct Latencies {
    pub(crate) calls: usize,
    pub(crate) p99: Duration,
    pub(crate) longest: Duration,
    pub(crate) failed: usize,
    pub(crate) first_failure: String,
}

impl Neighbour {
    pub(crate) async fn connect(address: &str) -> miette::Result<Self> {
        let mut peers = Vec::new();
        for _ in 0..CONNECTIONS {
            peers.push(Peer::connect(address).await?);
        }
        Ok(Self { peers })
    }

    /// Calls for so long, at a steady rate: a call begins when it is due, whether or not those before have ended.
    pub(crate) async fn call_for(&self, length: Duration) -> miette::Result<Latencies> {
        let began = Instant::now();
        let mut calls = JoinSet::new();
        let mut due = tokio::time::interval(Duration::from_secs(1) / RATE);
        let mut number = 0_u32;
        while began.elapsed() < length {
            due.tick().await;
            for peer in &self.peers {
                let (path, request) = if number.is_multiple_of(8) { (HEALTH, OVERALL) } else { (PATH, HELLO) };
                let peer = peer.clone();
                number += 1;
                calls.spawn(async move {
                    let began = Instant::now();
                    let called = tokio::time::timeout(Duration::from_secs(10), peer.call(path, frame(request))).await;
                    let outcome = called.unwrap_or_else(|_| Err(miette!("no answer within 10 s")));
                    (began.elapsed(), outcome.and_then(|response| response.ok().map(drop)))
                });
            }
        }
        let (mut latencies, mut failures) = (Vec::new(), Vec::new());
        while let Some(call) = calls.join_next().await {
            let (latency, outcome) = call.into_diagnostic()?;
            latencies.push(latency);
            failures.extend(outcome.err());
        }
        latencies.sort();
        let at = |part: usize| {
            latencies.get(latencies.len() * part / 1000).or(latencies.last()).copied().unwrap_or_default()
        };
        Ok(Latencies {
            calls: latencies.len(),
            p99: at(990),
            longest: at(1000),
            failed: failures.len(),
            first_failure: failures.first().map(ToString::to_string).unwrap_or_default(),
        })
    }
}
