//! What guests print: each line becomes a line of the log.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use tracing::field::display;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use crate::call;

/// A line longer than this is cut in two.
const MAX_LINE: usize = 8 * 1024;

/// The call that an instance serves, for the lines of its guest. A span for each call would do the same at thirty times
/// the cost.
#[derive(Clone, Default)]
pub(super) struct Serving(Arc<Mutex<Option<Call>>>);

#[derive(Clone)]
struct Call {
    service: Arc<str>,
    method: Arc<str>,
    peer: Option<SocketAddr>,
}

impl Serving {
    /// A call has begun; its lines are those that come until the next one.
    pub(super) fn begin(&self, context: &call::Context) {
        let (service, method) = (context.service.clone(), context.method.clone());
        let call = Call { service, method, peer: context.peer };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(call);
    }

    /// Its method as `SERVICE/METHOD`, and its peer.
    pub(super) fn fields(&self) -> (Option<String>, Option<SocketAddr>) {
        let call = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        call.map_or((None, None), |call| (Some(format!("{}/{}", call.service, call.method)), call.peer))
    }
}

/// Standard output or standard error of an instance.
#[derive(Clone)]
pub(super) struct Output {
    stream: &'static str,
    service: Arc<str>,
    instance: u64,
    serving: Serving,
    line: Arc<Mutex<Vec<u8>>>,
}

impl Output {
    pub(super) fn new(stream: &'static str, service: Arc<str>, instance: u64, serving: Serving) -> Self {
        Self { stream, service, instance, serving, line: Arc::default() }
    }

    fn print(&self, bytes: &[u8]) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        for byte in bytes {
            if *byte != b'\n' {
                line.push(*byte);
            }
            if *byte == b'\n' || line.len() >= MAX_LINE {
                self.log(&line);
                line.clear();
            }
        }
    }

    fn log(&self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let (service, instance, stream) = (&self.service, self.instance, self.stream);
        let (method, peer) = self.serving.fields();
        let peer = peer.map(display);
        tracing::info!(target: "okra::guest", %service, instance, method, peer, stream, "{text}");
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // The last handle prints what no end of line came for.
        if Arc::strong_count(&self.line) == 1 {
            let line = std::mem::take(&mut *self.line.lock().unwrap_or_else(PoisonError::into_inner));
            if !line.is_empty() {
                self.log(&line);
            }
        }
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn wasmtime_wasi::p2::OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Output {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.print(bytes);
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
impl wasmtime_wasi::p2::Pollable for Output {
    async fn ready(&mut self) {}
}

#[wasmtime_wasi::async_trait]
impl wasmtime_wasi::p2::OutputStream for Output {
    fn write(&mut self, bytes: bytes::Bytes) -> wasmtime_wasi::p2::StreamResult<()> {
        self.print(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> wasmtime_wasi::p2::StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> wasmtime_wasi::p2::StreamResult<usize> {
        Ok(64 * 1024)
    }
}
