//! The standard output of guests: each line becomes a line of the host's log.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use tracing::field::display;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use crate::call::printable;
use crate::host::CallLabel;

/// The longest line, in bytes. A longer one is cut in two.
const MAX_LINE: usize = 8 * 1024;

/// Standard output or standard error of an instance.
#[derive(Clone)]
pub(crate) struct GuestOutput {
    stream: &'static str,
    package: Arc<str>,
    instance: u64,
    call_label: CallLabel,
    line: Arc<Mutex<Vec<u8>>>,
}

impl GuestOutput {
    pub(crate) fn new(stream: &'static str, package: Arc<str>, instance: u64, call_label: CallLabel) -> Self {
        Self { stream, package, instance, call_label, line: Arc::default() }
    }

    fn put_bytes(&self, bytes: &[u8]) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        for byte in bytes {
            if *byte != b'\n' {
                line.push(*byte);
            }
            if *byte == b'\n' || line.len() >= MAX_LINE {
                self.log_line(&line);
                line.clear();
            }
        }
    }

    fn log_line(&self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = printable(&text);
        let (service, instance, stream) = (&self.package, self.instance, self.stream);
        let (method, peer) = self.call_label.fields();
        let peer = peer.map(display);
        tracing::info!(target: "okra::guest", %service, instance, method, peer, stream, "{text}");
    }
}

impl Drop for GuestOutput {
    fn drop(&mut self) {
        // The last handle logs the line that was not ended.
        if Arc::strong_count(&self.line) == 1 {
            let line = std::mem::take(&mut *self.line.lock().unwrap_or_else(PoisonError::into_inner));
            if !line.is_empty() {
                self.log_line(&line);
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
