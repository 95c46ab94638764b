use std::cell::Cell;
use std::fmt;
use std::io::{BufReader, Read, Write};

use bytes::Bytes;
use miette::{IntoDiagnostic as _, WrapErr as _};
use prost_reflect::{MessageDescriptor, MethodDescriptor};
use serde_json::{Deserializer, Value};
use tokio::sync::{Mutex, mpsc};

use super::entries;
use crate::call::{Code, RequestSink, ResponsePart, ResponseStream, Status};
use crate::client::{ClientError, Layout, Schema, encode_request, print_response};

/// What is to be sent.
pub(super) enum Input {
    One(Bytes),
    Many(mpsc::Receiver<serde_json::Result<Value>>),
}

/// How many messages went and came.
#[derive(Debug, Default)]
pub(super) struct Counts {
    sent: Cell<u64>,
    received: Cell<u64>,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sent, {} received", self.sent.get(), self.received.get())
    }
}

/// Reads JSON values, one after the other.
///
/// What waits for stdin cannot be interrupted. A thread of its own does not keep the process when the call is over.
pub(super) fn values(input: impl Read + Send + 'static) -> mpsc::Receiver<serde_json::Result<Value>> {
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
/// When one cannot be sent, with its number; the requests are not complete then.
pub(super) async fn send(
    input: Input,
    mut sink: RequestSink,
    schema: &Mutex<Schema>,
    message: MessageDescriptor,
    counts: &Counts,
) -> Result<(), miette::Report> {
    let mut values = match input {
        Input::Many(values) => values,
        Input::One(request) => {
            counts.sent.set(1);
            // Whether the server wants it or not: its answer says.
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

/// Prints the response messages, and with `verbose` the headers.
///
/// # Errors
/// When one is not what the method promises, or cannot be printed.
pub(super) async fn show(
    mut responses: ResponseStream,
    schema: &Mutex<Schema>,
    method: &MethodDescriptor,
    counts: &Counts,
    out: &mut impl Write,
    err: &mut impl Write,
    verbose: bool,
) -> Result<(), miette::Report> {
    let layout = if method.is_server_streaming() { Layout::Line } else { Layout::Pretty };
    while let Some(part) = responses.next().await {
        match part {
            ResponsePart::Message(message) => {
                counts.received.set(counts.received.get() + 1);
                let shown = print_response(&mut *schema.lock().await, &method.output(), message, layout).await?;
                if let Some(note) = shown.note {
                    writeln!(err, "{note}").into_diagnostic()?;
                }
                writeln!(out, "{}", shown.text).and_then(|()| out.flush()).into_diagnostic()?;
            }
            ResponsePart::Headers(headers) if verbose => {
                writeln!(err, "< headers").into_diagnostic()?;
                entries(err, "<", &headers).into_diagnostic()?;
            }
            ResponsePart::Headers(_) => {}
        }
    }
    Ok(())
}
