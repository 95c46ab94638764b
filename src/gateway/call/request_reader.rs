//! The request messages of a call: from the body of an HTTP request to encoded protobuf.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{TryStreamExt as _, stream};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use prost_reflect::MessageDescriptor;
use tonic::body::Body;

use crate::call::{Code, Codec, Context, MessageSource, RequestStream, Status, read_single};
use crate::gateway::call::compression::{Compression, request_too_large};
use crate::gateway::call::framing::FrameReader;
use crate::gateway::call::in_flight::MessageCounts;
use crate::gateway::call::json;
use crate::gateway::settings::GatewaySettings;

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

/// Reads the request messages of a call.
///
/// Backpressure: a message is read from the connection when the handler asks for it and not before.
pub(crate) struct RequestReader {
    body: BodyReader,
    /// `None`: the messages are encoded protobuf.
    decoder: Option<Box<dyn MessageDecoder>>,
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
    pub(crate) fn of_frames(body: Body, compression: Option<Compression>, settings: &GatewaySettings) -> Self {
        let body = BodyReader::Frames(FrameReader::new(body, compression, settings.max_request));
        Self { body, decoder: None, body_timeout: settings.body_timeout }
    }

    /// Reads the one message that is the whole body.
    pub(crate) fn of_body(body: Body, compression: Option<Compression>, settings: &GatewaySettings) -> Self {
        let body = BodyReader::Whole(Some(WholeBody { body, compression, limit: settings.max_request }));
        Self { body, decoder: None, body_timeout: settings.body_timeout }
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
        Self { decoder: Some(Box::new(decoder)), ..self }
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
        tokio::time::timeout(body_timeout, read).await.unwrap_or_else(|_| {
            let body_timeout = humantime::format_duration(body_timeout);
            let message = format!("the request message did not come to its end within {body_timeout}");
            Err(Status::new(Code::DeadlineExceeded, message))
        })
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
            (Some(message), Some(decoder)) => decoder.decode(&message).map(Some).map_err(limit_echo),
            (message, _) => Ok(message),
        }
    }
}

/// A body that is one message.
struct WholeBody {
    body: Body,
    compression: Option<Compression>,
    limit: usize,
}

impl WholeBody {
    async fn read(self) -> Result<Bytes, Status> {
        let message = match Limited::new(self.body, self.limit).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(request_too_large(self.limit)),
            Err(error) => return Err(request_broken_off(&error.to_string())),
        };
        let Some(compression) = self.compression else { return Ok(message) };
        // For HTTP the client's content is wrong, where for gRPC the protocol is broken.
        compression.decompress(message, self.limit).map_err(|status| match status.code {
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
