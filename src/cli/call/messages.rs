//! The messages of `okra call`: requests are read from JSON and sent, responses are printed.

use std::cell::Cell;
use std::fmt;
use std::io::{BufReader, Read, Write};

use bytes::Bytes;
use miette::{IntoDiagnostic as _, WrapErr as _};
use prost_reflect::{MessageDescriptor, MethodDescriptor};
use serde_json::{Deserializer, Value};
use tokio::sync::{Mutex, mpsc};

use crate::call::{Code, RequestSink, ResponsePart, ResponseStream, Status, printable, printable_json};
use crate::cli::call::print_metadata;
use crate::client::{ClientError, DynamicSchema, JsonLayout, encode_request, print_response};

/// The requests to send.
pub(super) enum RequestInput {
    One(Bytes),
    Many(mpsc::Receiver<serde_json::Result<Value>>),
}

/// The number of messages that were sent and received.
#[derive(Debug, Default)]
pub(super) struct MessageCounts {
    sent: Cell<u64>,
    received: Cell<u64>,
}

impl fmt::Display for MessageCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sent, {} received", self.sent.get(), self.received.get())
    }
}

/// Reads JSON values, one after the other.
///
/// Reading stdin cannot be interrupted, so a thread of its own does it; the process can end while that thread waits.
pub(super) fn read_values(input: impl Read + Send + 'static) -> mpsc::Receiver<serde_json::Result<Value>> {
    let (sender, values) = mpsc::channel(1);
    std::thread::spawn(move || {
        for value in Deserializer::from_reader(BufReader::new(input)).into_iter() {
            let last = value.is_err();
            if sender.blocking_send(value).is_err() || last {
                return;
            }
        }
    });
    values
}

/// Sends the request messages.
///
/// # Errors
/// If a request cannot be sent, with its number; the requests are not complete then.
pub(super) async fn send_requests(
    input: RequestInput,
    mut sink: RequestSink,
    schema: &Mutex<DynamicSchema>,
    message: MessageDescriptor,
    counts: &MessageCounts,
) -> Result<(), miette::Report> {
    let mut values = match input {
        RequestInput::Many(values) => values,
        RequestInput::One(request) => {
            counts.sent.set(1);
            // If the server does not take the request, its status says why.
            let _ = sink.send(request).await;
            return Ok(());
        }
    };
    while let Some(value) = values.recv().await {
        let number = counts.sent.get() + 1;
        let encoded = match value {
            Ok(value) => encode_request(&mut *schema.lock().await, &message, &value).await.map_err(Into::into),
            Err(error) if error.is_io() => Err(error).into_diagnostic(),
            Err(source) => Err(ClientError::Json { source }.into()),
        };
        let encoded = match encoded {
            Ok(encoded) => encoded,
            Err(report) => {
                let _ = sink.fail(Status::new(Code::Cancelled, "a request cannot be sent")).await;
                return Err(report).wrap_err_with(|| format!("request message {number} cannot be sent"));
            }
        };
        if sink.send(encoded).await.is_err() {
            break;
        }
        counts.sent.set(number);
    }
    Ok(())
}

/// Prints the response messages, and the headers if `verbose`.
///
/// # Errors
/// If a response is not of the method's type, or cannot be printed.
pub(super) async fn print_responses(
    mut responses: ResponseStream,
    schema: &Mutex<DynamicSchema>,
    method: &MethodDescriptor,
    counts: &MessageCounts,
    out: &mut impl Write,
    err: &mut impl Write,
    verbose: bool,
) -> Result<(), miette::Report> {
    let layout = if method.is_server_streaming() { JsonLayout::Line } else { JsonLayout::Pretty };
    while let Some(part) = responses.next().await {
        match part {
            ResponsePart::Message(message) => {
                counts.received.set(counts.received.get() + 1);
                let printed = print_response(&mut *schema.lock().await, &method.output(), message, layout).await?;
                if let Some(note) = printed.note {
                    writeln!(err, "{}", printable(&note)).into_diagnostic()?;
                }
                writeln!(out, "{}", printable_json(&printed.text)).and_then(|()| out.flush()).into_diagnostic()?;
            }
            ResponsePart::Headers(headers) if verbose => {
                writeln!(err, "< headers").into_diagnostic()?;
                print_metadata(err, "<", &headers).into_diagnostic()?;
            }
            ResponsePart::Headers(_) => {}
        }
    }
    Ok(())
}
