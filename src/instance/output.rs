//! The standard output of guests: each line becomes a line of the host's log.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use tracing::field::display;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use crate::call::guest_thread::do_long_work;
use crate::call::printable;
use crate::host::log::MAX_LINE;
use crate::host::{CallLabel, LogQuota};

/// Lines that are logged at once. More of them take a part of a millisecond or more.
const LINES_AT_ONCE: usize = 32;

/// Standard output or standard error of an instance.
#[derive(Clone)]
pub(crate) struct GuestOutput {
    stream: &'static str,
    package: Arc<str>,
    instance: u64,
    call_label: CallLabel,
    quota: Arc<LogQuota>,
    line: Arc<Mutex<Vec<u8>>>,
}

impl GuestOutput {
    pub(crate) fn new(
        stream: &'static str,
        package: Arc<str>,
        instance: u64,
        call_label: CallLabel,
        quota: Arc<LogQuota>,
    ) -> Self {
        Self { stream, package, instance, call_label, quota, line: Arc::default() }
    }

    fn put_bytes(&self, bytes: &[u8]) {
        if count_lines(bytes) <= LINES_AT_ONCE && bytes.len() <= LINES_AT_ONCE * MAX_LINE {
            self.put_lines(bytes);
        } else {
            do_long_work(|| self.put_lines(bytes));
        }
    }

    fn put_lines(&self, mut bytes: &[u8]) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        while !bytes.is_empty() {
            let room = bytes.get(..bytes.len().min(MAX_LINE.saturating_sub(line.len()))).unwrap_or_default();
            let end = room.iter().position(|byte| *byte == b'\n');
            line.extend_from_slice(end.and_then(|end| room.get(..end)).unwrap_or(room));
            bytes = bytes.get(end.map_or(room.len(), |end| end + 1)..).unwrap_or_default();
            if end.is_none() && line.len() < MAX_LINE {
                continue;
            }
            let is_logged = self.log_line(&line);
            line.clear();
            if !is_logged {
                // Neither is the rest, and it may be millions of lines.
                self.quota.drop_lines(count_lines(bytes) as u64, bytes.len() as u64);
                return;
            }
        }
    }

    /// Logs a line; false when the package may write none at this time.
    fn log_line(&self, line: &[u8]) -> bool {
        let Some(dropped) = self.quota.admit(line.len()) else { return false };
        dropped.report(&self.package);
        let text = String::from_utf8_lossy(line);
        let text = printable(&text);
        let (service, instance, stream) = (&self.package, self.instance, self.stream);
        let (method, peer) = self.call_label.fields();
        let peer = peer.map(display);
        tracing::info!(target: "okra::guest", %service, instance, method, peer, stream, "{text}");
        true
    }
}

fn count_lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

impl Drop for GuestOutput {
    fn drop(&mut self) {
        // The last handle logs the line that was not ended.
        if Arc::strong_count(&self.line) == 1 {
            let line = std::mem::take(&mut *self.line.lock().unwrap_or_else(PoisonError::into_inner));
            if !line.is_empty() {
                let _ = self.log_line(&line);
            }
        }
    }
}

impl IsTerminal for GuestOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn wasmtime_wasi::p2::OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for GuestOutput {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.put_bytes(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[wasmtime_wasi::async_trait]
impl wasmtime_wasi::p2::Pollable for GuestOutput {
    async fn ready(&mut self) {}
}

#[wasmtime_wasi::async_trait]
impl wasmtime_wasi::p2::OutputStream for GuestOutput {
    fn write(&mut self, bytes: bytes::Bytes) -> wasmtime_wasi::p2::StreamResult<()> {
        self.put_bytes(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> wasmtime_wasi::p2::StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> wasmtime_wasi::p2::StreamResult<usize> {
        Ok(64 * 1024)
    }
}
