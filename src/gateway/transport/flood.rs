//! The guard against clients that flood an HTTP/2 connection with frames, or leave their requests unread in it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::task::coop;
use tokio::time::{Sleep, sleep};

use crate::gateway::peer::{Peer, UnreadMeter};

/// The first bytes of an HTTP/2 client: RFC 9113, section 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes of a frame's head: length, type, flags and stream.
const FRAME_HEAD: usize = 9;

/// How often a connection that waits for room looks for it.
const STALL_RETRY: Duration = Duration::from_millis(20);
/// The frames that a connection reads at once, and the requests that begin.
const FRAMES_AT_ONCE: u32 = 1_000;
const REQUESTS_AT_ONCE: u32 = 32;
/// The bytes after which no more are read at once.
const BYTES_AT_ONCE: usize = 128 << 10;
/// The bytes that are sent for which a client may make room once: it does so for each part that it reads.
const BYTES_PER_UPDATE: u64 = 16;

/// The most unsolicited frames that a client may send at once.
const BURST: f64 = 10_000.0;
/// The unsolicited frames that it may send each second.
const EACH_SECOND: f64 = 1_000.0;

/// A connection that ends when its client floods it with pings, settings, resets or empty frames. Each of them makes work,
/// and HTTP/2 sets no limit to them.
///
/// Backpressure: nothing more is read while there is no room for what its calls leave unread. When that lasts, it ends.
pub(crate) struct FloodGuard<S> {
    stream: S,
    /// Bytes that were read before.
    first: Bytes,
    meter: FrameMeter,
    /// The number of the current reading of the connection, and of that which the meter counts.
    readings: Arc<AtomicU64>,
    reading: u64,
    /// Whether bytes were read since there were none.
    has_read: bool,
    /// How long nothing may be read for want of room.
    stall_timeout: Duration,
    stall: Option<Stall>,
}

/// A connection that waits for room.
struct Stall {
    until: Instant,
    retry: Pin<Box<Sleep>>,
}

impl<S: AsyncRead + Unpin> FloodGuard<S> {
    /// Waits for the first bytes.
    ///
    /// # Errors
    /// When the client sends none, and goes.
    pub(crate) async fn greet(mut stream: S, peer: &Peer, stall_timeout: Duration) -> io::Result<Self> {
        let mut first = BytesMut::with_capacity(1 << 10);
        if stream.read_buf(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let meter = FrameMeter::new(UnreadMeter::new(peer));
        let (first, readings) = (first.freeze(), peer.readings().clone());
        Ok(Self { stream, first, meter, readings, reading: 0, has_read: false, stall_timeout, stall: None })
    }

    /// Waits until there is room for what is unread.
    ///
    /// # Errors
    /// When that takes too long.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let Err(exceeded) = self.meter.unread.charge() else {
                self.stall = None;
                return Poll::Ready(Ok(()));
            };
            let until = self.stall.as_ref().map_or_else(|| Instant::now() + self.stall_timeout, |stall| stall.until);
            if until <= Instant::now() {
                return Poll::Ready(Err(io::Error::other(format!("the requests are not read: {exceeded}"))));
            }
            let stall = self.stall.get_or_insert_with(|| Stall { until, retry: Box::pin(sleep(STALL_RETRY)) });
            ready!(stall.retry.as_mut().poll(cx));
            stall.retry = Box::pin(sleep(STALL_RETRY));
            self.meter.unread.settle();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FloodGuard<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let reading = this.readings.load(Ordering::Relaxed);
        if std::mem::replace(&mut this.reading, reading) != reading {
            this.meter.begin_reading();
        }
        if this.meter.is_reading_over() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        ready!(this.poll_room(cx))?;
        let before = into.filled().len();
        if this.first.is_empty() {
            let polled = Pin::new(&mut this.stream).poll_read(cx, into)?;
            if polled.is_pending() {
                if !std::mem::take(&mut this.has_read) {
                    this.meter.unread.settle();
                }
                return Poll::Pending;
            }
        } else {
            ready!(coop::poll_proceed(cx)).made_progress();
            let now = this.first.split_to(this.first.len().min(into.remaining()));
            into.put_slice(&now);
        }
        this.has_read = true;
        let bytes = into.filled().get(before..).unwrap_or_default();
        let counted = this.meter.count_bytes(bytes)?;
        // What is behind the last request of the reading waits.
        if let Some(rest) = bytes.get(counted..).filter(|rest| !rest.is_empty()) {
            this.first = [rest, &this.first].concat().into();
            into.set_filled(before + counted);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FloodGuard<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, from))?;
        self.meter.written += written as u64;
        Poll::Ready(Ok(written))
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
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, from))?;
        self.meter.written += written as u64;
        Poll::Ready(Ok(written))
    }
}

/// Counts the frames of a connection by their heads.
struct FrameMeter {
    position: FramePosition,
    unread: UnreadMeter,
    /// Bytes since the reading began.
    bytes: usize,
    /// Frames since the reading began.
    frames: u32,
    /// Requests among them.
    requests: u32,
    /// Bytes that were sent, and for which the client has not made room.
    written: u64,
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
    fn new(unread: UnreadMeter) -> Self {
        let position = FramePosition::Preface(0);
        Self { position, unread, bytes: 0, frames: 0, requests: 0, written: 0, allowed: BURST, counted: Instant::now() }
    }

    fn is_reading_over(&self) -> bool {
        self.frames >= FRAMES_AT_ONCE || self.requests >= REQUESTS_AT_ONCE || self.bytes >= BYTES_AT_ONCE
    }

    fn begin_reading(&mut self) {
        (self.bytes, self.frames, self.requests) = (0, 0, 0);
    }

    /// Counts the frames of `bytes` up to the end of the reading. Returns how many of the bytes that are.
    ///
    /// # Errors
    /// When there are too many.
    fn count_bytes(&mut self, all: &[u8]) -> io::Result<usize> {
        let mut bytes = all;
        self.bytes += all.len();
        while !bytes.is_empty() {
            match &mut self.position {
                FramePosition::Other => return Ok(all.len()),
                FramePosition::Preface(seen) => {
                    let wanted = PREFACE.get(*seen..).unwrap_or_default();
                    let length = wanted.len().min(bytes.len());
                    if wanted.get(..length) != bytes.get(..length) {
                        self.position = FramePosition::Other;
                        return Ok(all.len());
                    }
                    bytes.advance(length);
                    *seen += length;
                    if *seen == PREFACE.len() {
                        self.position = FramePosition::Head([0; FRAME_HEAD], 0);
                    }
                }
                FramePosition::Head(_, 0) if self.requests >= REQUESTS_AT_ONCE => break,
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
        Ok(all.len() - bytes.len())
    }

    fn count_frame(&mut self, kind: u8, flags: u8, content: usize) -> io::Result<()> {
        const LAST_OR_ANSWER: u8 = 1;
        self.frames += 1;
        match kind {
            0 => self.unread.receive_part(content),
            1 => self.requests += 1,
            _ => {}
        }
        let counts = match kind {
            // DATA, HEADERS, CONTINUATION: fine with content, or as the end of a request.
            0 | 1 | 9 => content == 0 && flags & LAST_OR_ANSWER == 0,
            // SETTINGS, PING: fine as an answer to ours.
            4 | 6 => flags & LAST_OR_ANSWER == 0,
            // WINDOW_UPDATE: fine for what was sent.
            8 => match self.written.checked_sub(BYTES_PER_UPDATE) {
                Some(written) => {
                    self.written = written;
                    false
                }
                None => true,
            },
            // PRIORITY, RST_STREAM, and frames that are not known.
            _ => true,
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
    use crate::call::ByteBudget;
    use crate::gateway::peer::Connections;

    const PING: [u8; 17] = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    const PONG: [u8; 17] = [0, 0, 8, 6, 1, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];

    const UPDATE: [u8; 13] = [0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    const UNKNOWN: [u8; 9] = [0, 0, 0, 99, 0, 0, 0, 0, 0];

    fn meter() -> FrameMeter {
        let process = ByteBudget::of_process(1 << 20);
        let peer = Connections::new(process, 1 << 20).open("127.0.0.1:1".parse().unwrap());
        FrameMeter::new(UnreadMeter::new(&peer))
    }

    #[test]
    fn a_flood_is_seen_whatever_its_frames_are_and_however_they_are_cut() {
        for (frame, length) in
            [(&PING[..], 1), (&PING, 5), (&PING, 17), (&PING, 4096), (&UPDATE, 4096), (&UNKNOWN, 4096)]
        {
            let mut meter = meter();
            let flood = [PREFACE, &frame.repeat(30_000)].concat();
            let ended = flood.chunks(length).position(|chunk| meter.count_bytes(chunk).is_err());
            assert!(ended.unwrap() * length > frame.len() * 9_000, "{ended:?} of {length}");
        }
    }

    #[test]
    fn answers_and_other_protocols_are_no_flood() {
        let mut answering = meter();
        answering.count_bytes(&[PREFACE, &PONG.repeat(30_000)].concat()).unwrap();
        let mut reading = meter();
        reading.written = 16 * 20_000;
        reading.count_bytes(&[PREFACE, &UPDATE.repeat(20_000)].concat()).unwrap();
        let mut other = meter();
        other.count_bytes(&[&b"GET / HTTP/1.1\r\n"[..], &PING.repeat(30_000)].concat()).unwrap();
    }
}
