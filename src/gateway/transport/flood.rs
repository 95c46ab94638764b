//! The guard against clients that flood an HTTP/2 connection with frames.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

/// The first bytes of an HTTP/2 client: RFC 9113, section 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes of a frame's head: length, type, flags and stream.
const FRAME_HEAD: usize = 9;

/// The most unsolicited frames that a client may send at once.
const BURST: f64 = 10_000.0;
/// The unsolicited frames that it may send each second.
const EACH_SECOND: f64 = 1_000.0;

/// A connection that ends when its client floods it with pings, settings, resets or empty frames. Each of them makes work,
/// and HTTP/2 sets no limit to them.
pub(crate) struct FloodGuard<S> {
    stream: S,
    /// Bytes that were read before.
    first: Bytes,
    meter: FrameMeter,
}

impl<S: AsyncRead + Unpin> FloodGuard<S> {
    /// Waits for the first bytes.
    ///
    /// # Errors
    /// When the client sends none, and goes.
    pub(crate) async fn greet(mut stream: S) -> io::Result<Self> {
        let mut first = BytesMut::with_capacity(1 << 10);
        if stream.read_buf(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Self { stream, first: first.freeze(), meter: FrameMeter::new() })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FloodGuard<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = into.filled().len();
        if this.first.is_empty() {
            ready!(Pin::new(&mut this.stream).poll_read(cx, into))?;
        } else {
            let now = this.first.split_to(this.first.len().min(into.remaining()));
            into.put_slice(&now);
        }
        Poll::Ready(this.meter.count_bytes(into.filled().get(before..).unwrap_or_default()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FloodGuard<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, from)
    }
}

/// Counts the unsolicited frames of a connection by their heads.
struct FrameMeter {
    position: FramePosition,
    /// Unsolicited frames that may still come.
    allowed: f64,
    counted: Instant,
}

enum FramePosition {
    /// Within the preface: its bytes that have come.
    Preface(usize),
    /// The connection is not HTTP/2.
    Other,
    /// Within a frame's head: it, and its bytes that have come.
    Head([u8; FRAME_HEAD], usize),
    /// Within a frame's content: its bytes that are still to come.
    Content(usize),
}

impl FrameMeter {
    fn new() -> Self {
        Self { position: FramePosition::Preface(0), allowed: BURST, counted: Instant::now() }
    }

    fn count_bytes(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match &mut self.position {
                FramePosition::Other => return Ok(()),
                FramePosition::Preface(seen) => {
                    let wanted = PREFACE.get(*seen..).unwrap_or_default();
                    let length = wanted.len().min(bytes.len());
                    if wanted.get(..length) != bytes.get(..length) {
                        self.position = FramePosition::Other;
                        return Ok(());
                    }
                    bytes.advance(length);
                    *seen += length;
                    if *seen == PREFACE.len() {
                        self.position = FramePosition::Head([0; FRAME_HEAD], 0);
                    }
                }
                FramePosition::Head(head, seen) => {
                    let rest = head.get_mut(*seen..).unwrap_or_default();
                    let length = rest.len().min(bytes.len());
                    for slot in rest.iter_mut().take(length) {
                        *slot = bytes.get_u8();
                    }
                    *seen += length;
                    if *seen == FRAME_HEAD {
                        let [a, b, c, kind, flags, ..] = *head;
                        let content = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
                        self.position = match content {
                            0 => FramePosition::Head([0; FRAME_HEAD], 0),
                            content => FramePosition::Content(content),
                        };
                        self.count_frame(kind, flags, content)?;
                    }
                }
                FramePosition::Content(left) => {
                    let length = (*left).min(bytes.len());
                    bytes.advance(length);
                    *left -= length;
                    if *left == 0 {
                        self.position = FramePosition::Head([0; FRAME_HEAD], 0);
                    }
                }
            }
        }
        Ok(())
    }

    fn count_frame(&mut self, kind: u8, flags: u8, content: usize) -> io::Result<()> {
        const LAST_OR_ANSWER: u8 = 1;
        let counts = match kind {
            // DATA, HEADERS, CONTINUATION: fine with content, or as the end of a request.
            0 | 1 | 9 => content == 0 && flags & LAST_OR_ANSWER == 0,
            // PRIORITY, RST_STREAM
            2 | 3 => true,
            // SETTINGS, PING: fine as an answer to ours.
            4 | 6 => flags & LAST_OR_ANSWER == 0,
            _ => false,
        };
        if !counts {
            return Ok(());
        }
        let now = Instant::now();
        let since = now.saturating_duration_since(std::mem::replace(&mut self.counted, now));
        self.allowed = (self.allowed + since.as_secs_f64() * EACH_SECOND).min(BURST) - 1.0;
        if self.allowed < 0.0 {
            return Err(io::Error::other("the client floods the connection with unsolicited frames"));
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PING: [u8; 17] = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    const PONG: [u8; 17] = [0, 0, 8, 6, 1, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];

    #[test]
    fn a_flood_is_seen_however_it_is_cut() {
        for length in [1, 5, 17, 4096] {
            let mut meter = FrameMeter::new();
            let flood = [PREFACE, &PING.repeat(30_000)].concat();
            let ended = flood.chunks(length).map(|chunk| meter.count_bytes(chunk)).position(|counted| counted.is_err());
            assert!(ended.unwrap() * length > PING.len() * 9_000, "{ended:?} of {length}");
        }
    }

    #[test]
    fn answers_and_other_protocols_are_no_flood() {
        let mut meter = FrameMeter::new();
        meter.count_bytes(&[PREFACE, &PONG.repeat(30_000)].concat()).unwrap();
        let mut meter = FrameMeter::new();
        meter.count_bytes(&[&b"GET / HTTP/1.1\r\n"[..], &PING.repeat(30_000)].concat()).unwrap();
    }
}
