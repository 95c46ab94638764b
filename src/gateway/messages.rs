use bytes::Bytes;
use http_body::Body as HttpBody;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use prost_reflect::MessageDescriptor;
use tonic::body::Body;
use tonic::codec::{CompressionEncoding, Streaming};

use super::compression::{Compression, too_large};
use super::connect::Envelopes;
use super::json;
use crate::call::{Code, Context, Status};
use crate::grpc::BytesCodec;

/// The request messages of a call, as they come over the wire.
///
/// They are read when they are asked for and not before, so that a caller sends no faster than its handler reads.
pub(super) struct Messages {
    source: Source,
    /// What they are, when they come as JSON.
    json: Option<MessageDescriptor>,
}

enum Source {
    Grpc { stream: Box<Streaming<Bytes>>, limit: usize },
    Connect(Envelopes),
    /// The one that is the whole body; none once it was read.
    Whole(Option<Whole>),
}

impl Messages {
    /// Those of gRPC.
    pub(super) fn grpc<T>(body: T, encoding: Option<CompressionEncoding>, limit: usize) -> Self
    where
        T: HttpBody<Data = Bytes> + Send + 'static,
        T::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        // tonic takes a request that was reset for one that came to its end. The code here is one that its decoder does
        // not use.
        let body = body.map_err(|error| tonic::Status::aborted(error.into().to_string()));
        let stream = Box::new(Streaming::new_request(BytesCodec, body, encoding, Some(limit)));
        Self { source: Source::Grpc { stream, limit }, json: None }
    }

    /// Those of Connect's streams.
    pub(super) fn connect(envelopes: Envelopes) -> Self {
        Self { source: Source::Connect(envelopes), json: None }
    }

    /// The one of a call whose body is its message.
    pub(super) fn whole(body: Body, compression: Option<Compression>, limit: usize) -> Self {
        Self { source: Source::Whole(Some(Whole { body, compression, limit })), json: None }
    }

    /// They are JSON, for this message.
    pub(super) fn json(mut self, message: Option<MessageDescriptor>) -> Self {
        self.json = message;
        self
    }

    /// The next message; none when the caller has sent all.
    ///
    /// # Cancellation
    /// No message is lost.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        let message = match &mut self.source {
            Source::Grpc { stream, limit } => stream.message().await.map_err(|status| unreadable(status, *limit))?,
            Source::Connect(envelopes) => envelopes.next().await?,
            Source::Whole(whole) => match whole.take() {
                Some(whole) => Some(whole.read().await?),
                None => None,
            },
        };
        match (message, &self.json) {
            (Some(message), Some(descriptor)) => json::read(descriptor, &message).map(Some),
            (message, _) => Ok(message),
        }
    }

    /// The message of a call that has just one.
    pub(super) async fn only(&mut self, context: &Context) -> Result<Bytes, Status> {
        let wrong_count = |count| {
            let path = context.path();
            Status::new(Code::Unimplemented, format!("`{path}` takes one request message, but {count} came"))
        };
        let message = self.next().await?.ok_or_else(|| wrong_count("none"))?;
        match self.next().await? {
            None => Ok(message),
            Some(_) => Err(wrong_count("more than one")),
        }
    }
}

/// A body that is one message.
struct Whole {
    body: Body,
    compression: Option<Compression>,
    limit: usize,
}

impl Whole {
    async fn read(self) -> Result<Bytes, Status> {
        let message = match Limited::new(self.body, self.limit).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(too_large(self.limit)),
            Err(error) => return Err(broken_off(&error.to_string())),
        };
        match self.compression {
            Some(compression) => compression.decompress(&message, self.limit),
            None => Ok(message),
        }
    }
}

/// Why a message could not be read. OUT_OF_RANGE and RESOURCE_EXHAUSTED come from tonic's decoder for messages over the
/// limit, the second after decompression.
fn unreadable(status: tonic::Status, limit: usize) -> Status {
    match status.code() {
        tonic::Code::OutOfRange | tonic::Code::ResourceExhausted => too_large(limit),
        tonic::Code::Aborted => broken_off(status.message()),
        _ => status.into(),
    }
}

/// The request ended in its middle.
pub(super) fn broken_off(error: &str) -> Status {
    Status::new(Code::Cancelled, format!("the request broke off before its end: {error}"))
}
