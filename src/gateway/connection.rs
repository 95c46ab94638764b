//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, OptionFuture};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::front::{Front, Peer};
use super::guarded::Guarded;
use super::{Backend, Settings, tls};

/// Bytes of one stream that wait unread at most. A handler that reads slowly stops its caller here.
const STREAM_WINDOW: u32 = 256 << 10;
/// The same of all streams of a connection: many times more, or one slow handler would stop the other calls there.
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Serves a connection to its end.
pub(super) async fn connection<B: Backend>(front: Arc<Front<B>>, stream: TcpStream, peer: SocketAddr) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "TCP_NODELAY cannot be set");
    }
    let patience = front.settings.header_read_timeout;
    let shutdown = front.shutdown.clone();
    let greeted = async {
        match &front.settings.tls {
            None => Ok((Either::Left(Guarded::greet(stream).await?), None)),
            Some(tls) => {
                let stream = tls.acceptor().accept(stream).await?;
                let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
                let identity = shown.map(tls::identity);
                Ok((Either::Right(Guarded::greet(stream).await?), identity))
            }
        }
    };
    // hyper would wait for the first bytes without end.
    let greeted = tokio::select! {
        greeted = timeout(patience, greeted) => greeted.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut))),
        () = shutdown.cancelled() => return,
    };
    match greeted {
        Ok((Either::Left(stream), identity)) => serve(front, stream, Peer::new(peer, identity)).await,
        Ok((Either::Right(stream), identity)) => serve(front, stream, Peer::new(peer, identity)).await,
        Err(error) => tracing::debug!(%peer, %error, "the client did not come to speak"),
    }
}

async fn serve<B: Backend, S>(front: Arc<Front<B>>, stream: S, peer: Arc<Peer>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let builder = builder(&front.settings);
    let (asked, asking) = (front.clone(), peer.clone());
    let service = service_fn(move |request| {
        let (front, peer) = (asked.clone(), asking.clone());
        // Boxed: hyper and tokio move the future of every request several times.
        Box::pin(async move { Ok::<_, Infallible>(front.answer(request, &peer).await) })
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        why = closing(&front, &peer) => {
            connection.as_mut().graceful_shutdown();
            match why {
                // The whole server waits for its calls, and cuts them.
                Closing::Shutdown => connection.await,
                Closing::Old => timeout(front.settings.connection_grace, connection).await.unwrap_or(Ok(())),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(peer = %peer.address, error, "connection broke");
    }
}

/// Why a connection is told to go away.
enum Closing {
    Shutdown,
    /// It is too old, or has been idle for too long.
    Old,
}

/// Waits until the connection is to be told to go away.
async fn closing<B>(front: &Front<B>, peer: &Arc<Peer>) -> Closing {
    // Some sooner than others, or all clients of a server would come back at once, again and again.
    let age = front.settings.connection_age.map(|age| age.mul_f64(0.9 + 0.2 * fraction()));
    tokio::select! {
        () = front.shutdown.cancelled() => Closing::Shutdown,
        Some(()) = OptionFuture::from(age.map(tokio::time::sleep)) => Closing::Old,
        () = idle(peer, front.settings.connection_idle) => Closing::Old,
    }
}

/// Waits until nothing has been at work for so long.
async fn idle(peer: &Arc<Peer>, longest: Duration) {
    // The connection has it, and its service.
    const OWN: usize = 2;
    loop {
        let until = match Arc::strong_count(peer) > OWN {
            true => Instant::now() + longest,
            false => peer.last() + longest,
        };
        if until <= Instant::now() {
            return;
        }
        tokio::time::sleep_until(until).await;
    }
}

/// Anything from zero to one.
fn fraction() -> f64 {
    RandomState::new().hash_one(0) as f64 / u64::MAX as f64
}

fn builder(settings: &Settings) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let largest = usize::try_from(settings.max_header_list).unwrap_or(usize::MAX);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_read_timeout)
        // hyper takes no less.
        .max_buf_size(largest.max(8 << 10));
    builder
        .http2()
        .timer(TokioTimer::new())
        // To gRPC it would be metadata of the response.
        .auto_date_header(false)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(settings.max_concurrent_streams)
        .max_header_list_size(settings.max_header_list)
        .keep_alive_interval(settings.keepalive_interval)
        .keep_alive_timeout(settings.keepalive_timeout);
    builder
}
