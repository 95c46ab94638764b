//! The request messages of a call: from the body of an HTTP request to encoded protobuf.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::{TryStreamExt as _, stream};
use http_body_util::BodyExt as _;
use prost_reflect::MessageDescriptor;
use tonic::body::Body;

use crate::call::{Code, Codec, Context, MessageSource, RequestStream, Status, read_single};
use crate::gateway::call::compression::{Compression, request_too_large};
use crate::gateway::call::framing::FrameReader;
use crate::gateway::call::host_work::do_host_work;
use crate::gateway::call::in_flight::MessageCounts;
use crate::gateway::call::json;
use crate::gateway::call::request_meter::RequestMeter;
use crate::gateway::peer::Peer;

/// Turns a message as a protocol has it into encoded protobuf.
pub(crate) trait MessageDecoder: Send + Sync + 'static {
    /// Decodes one message.
    ///
    /// # Errors
    /// INVALID_ARGUMENT, with what does not fit where.
    fn decode(&self, message: &[u8]) -> Result<Bytes, Status>;
}

/// Decodes the JSON of a message.
struct JsonDecoder(MessageDescriptor);

impl MessageDecoder for JsonDecoder {
    fn decode(&self, message: &[u8]) -> Result<Bytes, Status> {
        json::encode_json(&self.0, message)
    }
}

/// The bounds of the requests of a method.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestBounds {
    /// The largest message, in bytes after decompression.
    pub(crate) max_bytes: usize,
    /// How long the only message of a call may take to arrive.
    pub(crate) body_timeout: Duration,
}

/// Reads the request messages of a call.
///
/// Backpressure: a message is read from the connection when the handler asks for it and not before.
pub(crate) struct RequestReader {
    body: BodyReader,
    /// `None`: the messages are encoded protobuf.
    decoder: Option<Arc<dyn MessageDecoder>>,
    meter: RequestMeter,
    /// How long the only message of a call may take to arrive.
    body_timeout: Duration,
}

enum BodyReader {
    Frames(FrameReader),
    /// The whole body is the message; `None` once it was read.
    Whole(Option<WholeBody>),
}

impl RequestReader {
    /// Reads any number of messages, each with its length before it.
    pub(crate) fn of_frames(
        body: Body,
        compression: Option<Compression>,
        bounds: RequestBounds,
        peer: &Arc<Peer>,
    ) -> Self {
        let RequestBounds { max_bytes, body_timeout } = bounds;
        let meter = RequestMeter::new(peer);
        let body = BodyReader::Frames(FrameReader::new(body, compression, max_bytes, body_timeout, meter));
        Self { body, decoder: None, meter: RequestMeter::new(peer), body_timeout }
    }

    /// Reads the one message that is the whole body.
    pub(crate) fn of_body(
        body: Body,
        compression: Option<Compression>,
        bounds: RequestBounds,
        peer: &Arc<Peer>,
    ) -> Self {
        let (limit, meter) = (bounds.max_bytes, RequestMeter::new(peer));
        let body = BodyReader::Whole(Some(WholeBody { body, compression, limit, meter }));
        Self { body, decoder: None, meter: RequestMeter::new(peer), body_timeout: bounds.body_timeout }
    }

    /// Sets the codec of the messages.
    pub(crate) fn with_codec(self, codec: Codec, message: MessageDescriptor) -> Self {
        match codec {
            Codec::Proto => self,
            Codec::Json => self.with_decoder(JsonDecoder(message)),
        }
    }

    /// Sets how the messages become protobuf.
    pub(crate) fn with_decoder(self, decoder: impl MessageDecoder) -> Self {
        Self { decoder: Some(Arc::new(decoder)), ..self }
    }

    /// Makes a stream of the messages, for a handler that reads them one by one.
    pub(crate) fn into_stream(self, counts: Arc<MessageCounts>) -> RequestStream {
        let messages = stream::try_unfold((self, counts), async |(mut reader, counts)| {
            let message = reader.next_message().await?;
            Ok(message.map(|message| {
                counts.count_received();
                (message, (reader, counts))
            }))
        });
        RequestStream::new(messages.map_err(Box::new))
    }

    /// Reads the message of a method that takes one.
    ///
    /// # Errors
    /// UNIMPLEMENTED for another number of messages, DEADLINE_EXCEEDED when the message does not arrive in time.
    pub(crate) async fn read_only(&mut self, context: &Context) -> Result<Bytes, Status> {
        let body_timeout = self.body_timeout;
        let read = read_single(self, |count| count.of_requests(&context.path()));
        tokio::time::timeout(body_timeout, read).await.unwrap_or_else(|_| Err(message_too_slow(body_timeout)))
    }
}

impl MessageSource for RequestReader {
    type Error = Status;

    /// Waits for the next message; `None` when the client has sent all of them.
    ///
    /// # Cancellation
    /// No message is lost.
    async fn next_message(&mut self) -> Result<Option<Bytes>, Status> {
        let message = match &mut self.body {
            BodyReader::Frames(frame_reader) => frame_reader.next().await?,
            BodyReader::Whole(whole) => match whole.take() {
                Some(whole) => Some(whole.read().await?),
                None => None,
            },
        };
        match (message, &self.decoder) {
            (Some(message), Some(decoder)) => {
                let decoder = decoder.clone();
                let decoded = do_host_work(message.len(), move || decoder.decode(&message)).await;
                self.meter.charge_message(decoded.map_err(limit_echo)?).map(Some)
            }
            (message, _) => Ok(message),
        }
    }
}

/// A body that is one message.
struct WholeBody {
    body: Body,
    compression: Option<Compression>,
    limit: usize,
    meter: RequestMeter,
}

impl WholeBody {
    async fn read(mut self) -> Result<Bytes, Status> {
        let mut message = BytesMut::new();
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| request_broken_off(error.message()))?;
            let Ok(data) = frame.into_data() else { continue };
            if data.len() > self.limit.saturating_sub(message.len()) {
                return Err(request_too_large(self.limit));
            }
            self.meter.set_buffered(message.len() + data.len())?;
            message.put(data);
        }
        let message = self.meter.take_message(message.freeze(), 0);
        let Some(compression) = self.compression else { return Ok(message) };
        // For HTTP the client's content is wrong, where for gRPC the protocol is broken.
        compression.decompress(message, self.limit, &self.meter).await.map_err(|status| match status.code {
            Code::Internal => Status { code: Code::InvalidArgument, ..status },
            _ => status,
        })
    }
}

/// Shortens the message of a status that quotes the request to about 1 KiB: its beginning, and its end with what was
/// expected and where. A client's value of any size would go into the response and the log.
pub(crate) fn limit_echo(status: Status) -> Status {
    const BEGINNING_BYTES: usize = 760;
    const END_BYTES: usize = 240;
    let message = &status.message;
    if message.len() <= 1024 {
        return status;
    }
    let beginning = message.get(..message.floor_char_boundary(BEGINNING_BYTES)).unwrap_or_default();
    let end = message.get(message.ceil_char_boundary(message.len() - END_BYTES)..).unwrap_or_default();
    let message = format!("{beginning} [...] {end}");
    Status { message, ..status }
}

/// Returns the status of a call whose request ended before it was complete.
pub(crate) fn request_broken_off(error: &str) -> Status {
    Status::new(Code::Cancelled, format!("the request broke off before its end: {error}"))
}

/// Returns the status of a call whose request message takes too long.
pub(crate) fn message_too_slow(timeout: Duration) -> Status {
    let timeout = humantime::format_duration(timeout);
    let message = format!("the request message did not come to its end within {timeout}");
    Status::new(Code::DeadlineExceeded, message)
}
