//! A client that does as little as can be done for its server: HTTP/2 frames of gRPC.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Method, Request};
use miette::{IntoDiagnostic as _, bail, miette};
use tokio::net::TcpStream;

/// Window of a client that reads what it gets.
const WINDOW: u32 = 16 << 20;

/// A connection to a server. Its clones are one connection.
#[derive(Clone)]
pub(crate) struct Peer {
    requests: SendRequest<Bytes>,
    authority: String,
}

/// The response to a call.
pub(crate) struct Response {
    pub(crate) body: Bytes,
    trailers: HeaderMap,
}

impl Response {
    fn text(&self, name: &str) -> &str {
        self.trailers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Returns the status of gRPC, such as `0`.
    pub(crate) fn status(&self) -> &str {
        self.text("grpc-status")
    }

    /// Returns the message of a call that succeeded.
    pub(crate) fn ok(&self) -> miette::Result<Bytes> {
        match self.status() {
            "0" => Ok(self.body.slice(5.min(self.body.len())..)),
            status => Err(miette!("status {status:?}: {}", self.text("grpc-message"))),
        }
    }
}

impl Peer {
    pub(crate) async fn connect(address: &str) -> miette::Result<Self> {
        Self::with_window(address, WINDOW).await
    }

    /// Connects with a window for responses of so many bytes for each stream.
    pub(crate) async fn with_window(address: &str, window: u32) -> miette::Result<Self> {
        let stream = TcpStream::connect(address).await.into_diagnostic()?;
        stream.set_nodelay(true).into_diagnostic()?;
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(window).initial_connection_window_size(WINDOW);
        let (requests, connection) = builder.handshake(stream).await.into_diagnostic()?;
        tokio::spawn(connection);
        Ok(Self { requests, authority: address.to_owned() })
    }

    /// Sends the head of a call, with more headers than it needs.
    pub(crate) async fn open(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> miette::Result<(h2::client::ResponseFuture, SendStream<Bytes>)> {
        let mut requests = self.requests.clone().ready().await.into_diagnostic()?;
        let uri = format!("http://{}{path}", self.authority);
        let mut request = Request::builder().method(Method::POST).uri(uri).header("te", "trailers");
        request = request.header("content-type", "application/grpc");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        requests.send_request(request.body(()).into_diagnostic()?, false).into_diagnostic()
    }

    /// Makes a call whose body is ready.
    pub(crate) async fn call(&self, path: &str, body: Bytes) -> miette::Result<Response> {
        self.call_with(path, &[], body).await
    }

    /// Makes a call with headers.
    pub(crate) async fn call_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> miette::Result<Response> {
        let (response, mut stream) = self.open(path, headers).await?;
        stream.send_data(body, true).into_diagnostic()?;
        let (head, body) = response.await.into_diagnostic()?.into_parts();
        read(body, head.headers).await
    }
}

async fn read(mut body: RecvStream, headers: HeaderMap) -> miette::Result<Response> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk.into_diagnostic()?;
        body.flow_control().release_capacity(chunk.len()).into_diagnostic()?;
        bytes.put_slice(&chunk);
    }
    let trailers = body.trailers().await.into_diagnostic()?.unwrap_or(headers);
    Ok(Response { body: bytes.freeze(), trailers })
}

/// A message in its frame.
pub(crate) fn frame(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(5 + message.len());
    frame.put_u8(0);
    frame.put_u32(message.len() as u32);
    frame.put_slice(message);
    frame.freeze()
}

/// The path of a method of the hostile guest.
pub(crate) fn hostile(method: &str) -> String {
    format!("/test.withstand.v1.Hostile/{method}")
}

/// Calls the hostile guest as an honest client, and waits until it serves.
pub(crate) async fn hostile_echo(address: &str) -> miette::Result<()> {
    let mut last = String::new();
    for _ in 0..50 {
        let peer = Peer::connect(address).await?;
        let called =
            tokio::time::timeout(Duration::from_secs(5), peer.call(&hostile("Echo"), frame(b"\x10\x07"))).await;
        match called.map(|response| response.and_then(|response| response.ok())) {
            Ok(Ok(message)) if *message == *b"\x10\x07" => return Ok(()),
            Ok(Ok(message)) => bail!("it answers {message:?}"),
            Ok(Err(error)) => last = error.to_string(),
            Err(_) => last = "no answer within 5 s".to_owned(),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("{last}")
}
