use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{TryStreamExt as _, stream};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use prost_reflect::MessageDescriptor;
use tonic::body::Body;

use super::calls::Counts;
use super::compression::{Compression, too_large};
use super::prefixed::Prefixed;
use super::rest::Binding;
use super::{Settings, json};
use crate::call::{Code, Codec, Context, Requests, Status};

/// The request messages of a call, as they come over the wire.
///
/// They are read when they are asked for and not before, so that a caller sends no faster than its handler reads.
pub(super) struct Messages {
    source: Source,
    form: Form,
    /// How long the only message of a call may take to come.
    patience: Duration,
}

/// How a message is written.
enum Form {
    Proto,
    Json(MessageDescriptor),
    Rest(Binding),
}

enum Source {
    Prefixed(Prefixed),
    /// The one that is the whole body; none once it was read.
    Whole(Option<Whole>),
}

impl Messages {
    /// Any number of them, each with its length before it.
    pub(super) fn prefixed(body: Body, compression: Option<Compression>, settings: &Settings) -> Self {
        let source = Source::Prefixed(Prefixed::new(body, compression, settings.max_request));
        Self { source, form: Form::Proto, patience: settings.body_timeout }
    }

    /// The one of a call whose body is its message.
    pub(super) fn whole(body: Body, compression: Option<Compression>, settings: &Settings) -> Self {
        let source = Source::Whole(Some(Whole { body, compression, limit: settings.max_request }));
        Self { source, form: Form::Proto, patience: settings.body_timeout }
    }

    /// In this codec, for this message.
    pub(super) fn codec(self, codec: Codec, message: MessageDescriptor) -> Self {
        match codec {
            Codec::Proto => self,
            Codec::Json => Self { form: Form::Json(message), ..self },
        }
    }

    /// As this binding takes them.
    pub(super) fn bound(self, binding: Binding) -> Self {
        Self { form: Form::Rest(binding), ..self }
    }

    /// The next message; none when the caller has sent all.
    ///
    /// # Cancellation
    /// No message is lost.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        let message = match &mut self.source {
            Source::Prefixed(prefixed) => prefixed.next().await?,
            Source::Whole(whole) => match whole.take() {
                Some(whole) => Some(whole.read().await?),
                None => None,
            },
        };
        let Some(message) = message else { return Ok(None) };
        match &self.form {
            Form::Proto => Ok(Some(message)),
            Form::Json(descriptor) => json::read(descriptor, &message).map(Some),
            Form::Rest(binding) => binding.read(&message).map(Some),
        }
    }

    /// All of them, for a handler that reads them one by one.
    pub(super) fn requests(self, counts: Arc<Counts>) -> Requests {
        let messages = stream::try_unfold((self, counts), async |(mut messages, counts)| {
            let message = messages.next().await?;
            Ok(message.map(|message| {
                counts.received();
                (message, (messages, counts))
            }))
        });
        Requests::new(messages.map_err(Box::new))
    }

    /// The message of a call that has just one.
    pub(super) async fn only(&mut self, context: &Context) -> Result<Bytes, Status> {
        let wrong_count = |count| {
            let path = context.path();
            Status::new(Code::Unimplemented, format!("`{path}` takes one request message, but {count} came"))
        };
        let patience = self.patience;
        let read = async {
            let message = self.next().await?.ok_or_else(|| wrong_count("none"))?;
            match self.next().await? {
                None => Ok(message),
                Some(_) => Err(wrong_count("more than one")),
            }
        };
        tokio::time::timeout(patience, read).await.unwrap_or_else(|_| {
            let patience = humantime::format_duration(patience);
            let message = format!("the request message did not come to its end within {patience}");
            Err(Status::new(Code::DeadlineExceeded, message))
        })
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
        let Some(compression) = self.compression else { return Ok(message) };
        // To HTTP what was sent is wrong, where to gRPC the protocol is broken.
        compression.decompress(message, self.limit).map_err(|status| match status.code {
            Code::Internal => Status { code: Code::InvalidArgument, ..status },
            _ => status,
        })
    }
}

/// The request ended in its middle.
pub(super) fn broken_off(error: &str) -> Status {
    Status::new(Code::Cancelled, format!("the request broke off before its end: {error}"))
}
