//! What streams cost that are open and idle.

use std::fmt::Write as _;

use miette::{IntoDiagnostic as _, WrapErr as _};
use tokio::task::JoinSet;

use crate::client::{Call, Connection};
use crate::messages::Blob;
use crate::server::Server;
use crate::servers;

/// What the measurement is called.
pub(crate) const NAME: &str = "idle-streams";

const STREAMS_PER_CONNECTION: u64 = 100;

/// Who holds how many streams: each takes an instance, and those of Python are large.
const HELD: [(&str, Option<&str>, u64); 4] = [
    ("okra", Some("echo"), 1000),
    ("okra, Go", Some("echo-go"), 1000),
    ("okra, Python", Some("echo-python"), 100),
    ("tonic", None, 1000),
];

/// Opens many streams to each server, has one message of each answered, and tells how much the servers grew.
pub(crate) async fn run() -> miette::Result<String> {
    let packages = tempfile::tempdir().into_diagnostic()?;
    let mut text = format!("\n{NAME}: open and idle\n{:<12} {:>9} {:>16}\n", "", "streams", "KiB per stream");
    let folder = packages.path();
    for (label, guest, streams) in HELD {
        let server = match guest {
            Some(guest) => {
                // The first process compiles, and keeps some of the memory of that for a while.
                drop(servers::wide(folder, guest, streams).await?);
                servers::wide(folder, guest, streams).await?
            }
            None => servers::native().await?,
        };
        let size = grown(&server, streams).await.wrap_err(label)?;
        let _ = writeln!(text, "{label:<12} {streams:>9} {:>16.1}", size as f64 / streams as f64 / 1024.0);
    }
    Ok(text)
}

/// By how many bytes a server grows.
async fn grown(server: &Server, streams: u64) -> miette::Result<u64> {
    let call = Call::new("/bench.echo.v1.Echo/Talk", &Blob { data: vec![0; 16] });
    // What the first connection and the first stream bring, the others do not.
    let warm = Connection::open(server.address).await?.open_stream(&call).await?;
    let before = server.memory()?;
    let mut connections = Vec::new();
    let mut opening = JoinSet::new();
    for _ in 0..streams / STREAMS_PER_CONNECTION {
        let connection = Connection::open(server.address).await?;
        for _ in 0..STREAMS_PER_CONNECTION {
            let (connection, call) = (connection.clone(), call.clone());
            opening.spawn(async move { connection.open_stream(&call).await });
        }
        connections.push(connection);
    }
    drop(warm);
    let streams: Vec<_> = opening.join_all().await.into_iter().collect::<miette::Result<_>>()?;
    let grown = server.memory()?.saturating_sub(before);
    drop(streams);
    Ok(grown)
}
