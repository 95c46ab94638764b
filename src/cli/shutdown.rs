//! The end of `okra serve`: signals are heard and the end comes on a thread of its own, whatever guests do with the others.

use std::io;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long the process may take to end after the grace of the calls.
const HARD_END: Duration = Duration::from_secs(2);
/// How long the last line of the log may take to be written.
const LAST_LINE: Duration = Duration::from_millis(100);

/// Catches SIGINT and SIGTERM from now on. The first of them cancels the token; when the process is still there 2 s after
/// `grace`, it exits with a failure.
///
/// # Errors
/// When the signals cannot be caught.
pub(super) fn catch_signals(grace: Duration) -> io::Result<CancellationToken> {
    let shutdown = CancellationToken::new();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let guard = runtime.enter();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    drop(guard);
    let cancelled = shutdown.clone();
    let watch = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        cancelled.cancel();
        tokio::time::sleep(grace + HARD_END).await;
        tracing::error!("the process ends: calls or guests did not end within the grace");
        tokio::time::sleep(LAST_LINE).await;
        exit();
    };
    thread::Builder::new().name("okra-signals".into()).spawn(move || runtime.block_on(watch))?;
    Ok(shutdown)
}

#[expect(
    clippy::disallowed_methods,
    reason = "what keeps the process from returning keeps destructors from running, too"
)]
fn exit() {
    std::process::exit(1);
}
