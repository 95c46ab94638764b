//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::front::{Front, Peer};
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
    // hyper waits for the first bytes without end.
    let mut first = [0];
    tokio::select! {
        spoke = timeout(front.settings.header_read_timeout, stream.peek(&mut first)) => {
            if !matches!(spoke, Ok(Ok(1))) {
                return tracing::debug!(%peer, "the client sent nothing");
            }
        }
        () = front.shutdown.cancelled() => return,
    }
    let Some(tls) = front.settings.tls.clone() else {
        return serve(front, stream, Peer { address: peer, identity: None }).await;
    };
    match timeout(front.settings.header_read_timeout, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
            let identity = shown.map(|certificate| Arc::new(tls::identity(certificate)));
            serve(front, stream, Peer { address: peer, identity }).await;
        }
        Ok(Err(error)) => tracing::debug!(%peer, %error, "the TLS handshake failed"),
        Err(_) => tracing::debug!(%peer, "the TLS handshake took too long"),
    }
}

async fn serve<B: Backend, S>(front: Arc<Front<B>>, stream: S, peer: Peer)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let builder = builder(&front.settings);
    let shutdown = front.shutdown.clone();
    let address = peer.address;
    let peer = Arc::new(peer);
    let service = service_fn(move |request| {
        let (front, peer) = (front.clone(), peer.clone());
        // Boxed: hyper and tokio move the future of every request several times.
        Box::pin(async move { Ok::<_, Infallible>(front.answer(request, &peer).await) })
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(peer = %address, error, "connection broke");
    }
}

fn builder(settings: &Settings) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(settings.header_read_timeout);
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
