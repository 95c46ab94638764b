//! A gRPC client that does as little as can be done, so that what is measured is the server: HTTP/2 frames, and messages
//! that were encoded beforehand.

use std::net::SocketAddr;

use bytes::{BufMut as _, Bytes, BytesMut};
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Method, Request};
use miette::{IntoDiagnostic as _, bail, ensure};
use tokio::net::TcpStream;

/// Large enough that no server ever waits for the client to read.
const WINDOW: u32 = 16 << 20;

/// A call, ready to be made again and again.
#[derive(Clone)]
pub(crate) struct Call {
    path: &'static str,
    protocol: Protocol,
    /// The request message in its frame.
    frame: Bytes,
    /// How often it is sent in one call, each time when the last one has been answered with itself.
    turns: u32,
}

/// What a call speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Grpc,
    GrpcWeb,
    /// Connect, unary: the body is the message.
    Connect,
    /// The same in JSON.
    Json,
}

impl Protocol {
    fn content_type(self) -> &'static str {
        match self {
            Self::Grpc => "application/grpc",
            Self::GrpcWeb => "application/grpc-web+proto",
            Self::Connect => "application/proto",
            Self::Json => "application/json",
        }
    }
}

impl Call {
    pub(crate) fn new(path: &'static str, message: &impl prost::Message) -> Self {
        let mut frame = BytesMut::with_capacity(5 + message.encoded_len());
        frame.put_u8(0);
        frame.put_u32(message.encoded_len() as u32);
        frame.put_slice(&message.encode_to_vec());
        Self { path, protocol: Protocol::Grpc, frame: frame.freeze(), turns: 1 }
    }

    /// A call in another protocol. The message is in the codec of that.
    pub(crate) fn by(protocol: Protocol, path: &'static str, message: &[u8]) -> Self {
        let mut frame = BytesMut::new();
        if protocol == Protocol::GrpcWeb {
            frame.put_u8(0);
            frame.put_u32(message.len() as u32);
        }
        frame.put_slice(message);
        Self { path, protocol, frame: frame.freeze(), turns: 1 }
    }

    /// The first message of an answer.
    pub(crate) fn message_of<'a>(&self, answer: &'a [u8]) -> &'a [u8] {
        match (self.protocol, answer.split_first_chunk::<5>()) {
            (Protocol::Connect | Protocol::Json, _) => answer,
            // Of streams all messages are looked at, and gRPC-Web's trailers are not.
            (Protocol::Grpc, Some((_, rest))) => rest,
            (Protocol::GrpcWeb, Some((&[_, a, b, c, d], rest))) => {
                rest.get(..u32::from_be_bytes([a, b, c, d]) as usize).unwrap_or_default()
            }
            (Protocol::Grpc | Protocol::GrpcWeb, None) => &[],
        }
    }

    /// A call with streams, in which client and server take turns.
    pub(crate) fn in_turns(path: &'static str, message: &impl prost::Message, turns: u32) -> Self {
        Self { turns, ..Self::new(path, message) }
    }
}

/// A connection to a server. Its clones are one connection.
#[derive(Clone)]
pub(crate) struct Connection {
    requests: SendRequest<Bytes>,
    authority: String,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> miette::Result<Self> {
        let stream = TcpStream::connect(address).await.into_diagnostic()?;
        stream.set_nodelay(true).into_diagnostic()?;
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
        let (requests, connection) = builder.handshake(stream).await.into_diagnostic()?;
        tokio::spawn(connection);
        Ok(Self { requests, authority: address.to_string() })
    }

    /// Makes a call and tells how many bytes came back.
    ///
    /// # Errors
    /// When the connection breaks, or the call ends with another status than OK.
    pub(crate) async fn call(&self, call: &Call) -> miette::Result<usize> {
        let mut length = 0;
        self.send(call, |chunk| length += chunk.len()).await?;
        Ok(length)
    }

    /// Makes a call and gives all that came back.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub(crate) async fn answer(&self, call: &Call) -> miette::Result<Bytes> {
        let mut answer = BytesMut::new();
        self.send(call, |chunk| answer.extend_from_slice(&chunk)).await?;
        Ok(answer.freeze())
    }

    /// Opens a stream, has one message answered, and leaves it open for as long as what comes back lives.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub(crate) async fn open_stream(&self, call: &Call) -> miette::Result<OpenStream> {
        let mut requests = self.requests.clone().ready().await.into_diagnostic()?;
        let (response, mut stream) = requests.send_request(self.head(call)?, false).into_diagnostic()?;
        stream.send_data(call.frame.clone(), false).into_diagnostic()?;
        let mut body = response.await.into_diagnostic()?.into_body();
        ensure!(body.data().await.is_some_and(|chunk| chunk.is_ok()), "`{}` did not answer", call.path);
        Ok(OpenStream { _requests: stream, _responses: body })
    }

    fn head(&self, call: &Call) -> miette::Result<Request<()>> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://{}{}", self.authority, call.path))
            .header("content-type", call.protocol.content_type())
            .header("te", "trailers");
        request.body(()).into_diagnostic()
    }

    async fn send(&self, call: &Call, mut received: impl FnMut(Bytes)) -> miette::Result<()> {
        let mut requests = self.requests.clone().ready().await.into_diagnostic()?;
        let (response, mut stream) = requests.send_request(self.head(call)?, false).into_diagnostic()?;
        stream.send_data(call.frame.clone(), call.turns == 1).into_diagnostic()?;
        let (head, mut body) = response.await.into_diagnostic()?.into_parts();
        for turn in 2..=call.turns {
            let mut expected = call.frame.len();
            while let Some(left) = expected.checked_sub(1) {
                let Some(chunk) = body.data().await else { bail!("`{}` ended after {} turns", call.path, turn - 2) };
                let chunk = chunk.into_diagnostic()?;
                body.flow_control().release_capacity(chunk.len()).into_diagnostic()?;
                expected = (left + 1).saturating_sub(chunk.len());
                received(chunk);
            }
            stream.send_data(call.frame.clone(), turn == call.turns).into_diagnostic()?;
        }
        while let Some(chunk) = body.data().await {
            let chunk = chunk.into_diagnostic()?;
            body.flow_control().release_capacity(chunk.len()).into_diagnostic()?;
            received(chunk);
        }
        let trailers = body.trailers().await.into_diagnostic()?;
        if call.protocol != Protocol::Grpc {
            ensure!(head.status.is_success(), "`{}` failed with {}", call.path, head.status);
            return Ok(());
        }
        check_status(call, trailers.as_ref().unwrap_or(&head.headers))
    }
}

/// A stream that is open and idle.
pub(crate) struct OpenStream {
    _requests: SendStream<Bytes>,
    _responses: RecvStream,
}

fn check_status(call: &Call, trailers: &HeaderMap) -> miette::Result<()> {
    let text = |name| trailers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match text("grpc-status") {
        "0" => Ok(()),
        status => bail!("`{}` failed with status {status:?}: {}", call.path, text("grpc-message")),
    }
}
