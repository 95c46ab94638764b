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

const STREAMS: u64 = 1000;
const STREAMS_PER_CONNECTION: u64 = 100;

/// Opens many streams to each server, has one message of each answered, and tells how much the servers grew.
pub(crate) async fn run() -> miette::Result<String> {
    let packages = tempfile::tempdir().into_diagnostic()?;
    let mut text = format!("\n{NAME}: {STREAMS} streams, open and idle\n{:<10} {:>16}\n", "", "KiB per stream");
    let folder = packages.path();
    for (label, guest) in [("okra", Some("echo")), ("okra, Go", Some("echo-go")), ("tonic", None)] {
        let server = match guest {
            Some(guest) => servers::wide(folder, guest, STREAMS).await?,
            None => servers::native().await?,
        };
        let size = grown(&server).await.wrap_err(label)?;
        let _ = writeln!(text, "{label:<10} {:>16.1}", size as f64 / STREAMS as f64 / 1024.0);
    }
    Ok(text)
}

/// By how many bytes a server grows.
async fn grown(server: &Server) -> miette::Result<u64> {
    let call = Call::new("/bench.echo.v1.Echo/Talk", &Blob { data: vec![0; 16] });
    // What the first connection and the first stream bring, the others do not.
    let warm = Connection::open(server.address).await?.open_stream(&call).await?;
    let before = server.memory()?;
    let mut connections = Vec::new();
    let mut opening = JoinSet::new();
    for _ in 0..STREAMS / STREAMS_PER_CONNECTION {
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
