use bytes::Bytes;
use http_body::Body as HttpBody;
use http_body_util::BodyExt as _;
use tonic::codec::{CompressionEncoding, Streaming};

use crate::call::{Code, Context, Status};
use crate::grpc::BytesCodec;

/// The request messages of a call, as they come over the wire.
///
/// They are read when they are asked for and not before, so that a caller sends no faster than its handler reads.
pub(super) struct Messages {
    stream: Streaming<Bytes>,
    limit: usize,
}

impl Messages {
    pub(super) fn new<T>(body: T, encoding: Option<CompressionEncoding>, limit: usize) -> Self
    where
        T: HttpBody<Data = Bytes> + Send + 'static,
        T::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        // tonic takes a request that was reset for one that came to its end. The code here is one that its decoder does
        // not use.
        let body = body.map_err(|error| tonic::Status::aborted(error.into().to_string()));
        Self { stream: Streaming::new_request(BytesCodec, body, encoding, Some(limit)), limit }
    }

    /// The next message; none when the caller has sent all.
    ///
    /// # Cancellation
    /// No message is lost.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        self.stream.message().await.map_err(|status| unreadable(status, self.limit))
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

/// Why a message could not be read. OUT_OF_RANGE and RESOURCE_EXHAUSTED come from tonic's decoder for messages over the
/// limit, the second after decompression.
fn unreadable(status: tonic::Status, limit: usize) -> Status {
    match status.code() {
        tonic::Code::OutOfRange | tonic::Code::ResourceExhausted => Status::new(
            Code::ResourceExhausted,
            format!("the request message is larger than the limit of {limit} bytes"),
        ),
        tonic::Code::Aborted => {
            Status::new(Code::Cancelled, format!("the request broke off before its end: {}", status.message()))
        }
        _ => status.into(),
    }
}
