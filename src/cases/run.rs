//! Runs call cases: makes the call, and compares its outcome with the expected one.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::stream;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor};
use serde_json::Value;

use crate::call::{CallFailure, Context, Deadline, Metadata, RequestStream, ResponsePart, Status, response_channel};
use crate::cases::{CallCase, CaseError, ExpectedError};
use crate::runtime::Runtime;

/// Most time of a call with streams. The deadline of a unary call is `run.deadline`.
const STREAM_DEADLINE: Duration = Duration::from_secs(30);

/// Runs cases against the packages that are served in this process.
pub struct CaseRunner {
    runtime: Arc<Runtime>,
}

/// A difference between the outcome of a call and the expected one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseDifference {
    /// The part of the outcome, such as `response`.
    pub what: String,
    /// The expected value.
    pub expected: String,
    /// The received value.
    pub came: String,
}

impl fmt::Display for CaseDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.what)?;
        writeln!(f, "  expected: {}", self.expected)?;
        write!(f, "  came:     {}", self.came)
    }
}

/// The outcome of a call.
struct CallOutcome {
    headers: Metadata,
    responses: Vec<Bytes>,
    /// Trailers, or the status of a failed call.
    end: Result<Metadata, Box<Status>>,
}

impl CaseRunner {
    /// Returns a runner of cases against the services of `runtime`.
    pub fn new(runtime: Arc<Runtime>) -> Self {
        Self { runtime }
    }

    /// Makes the call of the case that was read from `path`, and returns the differences; none if the case passes.
    ///
    /// # Errors
    /// If the case itself is not valid.
    pub async fn run(&self, path: &Path, case: &CallCase) -> Result<Vec<CaseDifference>, CaseError> {
        let method = self.find_method(path, case)?;
        check_shape(path, case, &method)?;
        let input = method.input();
        let requests = match (&case.requests, &case.request) {
            (Some(requests), _) => {
                requests.iter().enumerate().map(|(index, it)| (format!("requests[{index}]"), it)).collect()
            }
            (None, Some(request)) => vec![("request".to_owned(), request)],
            (None, None) => Vec::new(),
        };
        let mut messages = Vec::new();
        for (place, json) in requests {
            messages.push(encode_message(path, &place, &input, json)?);
        }
        if messages.is_empty() && !method.is_client_streaming() {
            messages.push(Bytes::new());
        }
        let context = make_context(path, case, &method)?;
        let outcome = if method.is_client_streaming() || method.is_server_streaming() {
            self.call_streaming(context, messages).await
        } else {
            self.call_unary(context, messages.pop().unwrap_or_default()).await
        };
        compare(path, case, &method.output(), &outcome)
    }

    fn find_method(&self, path: &Path, case: &CallCase) -> Result<MethodDescriptor, CaseError> {
        let catalog = self.runtime.catalog();
        let catalog = catalog.borrow();
        let services = || catalog.services().map(|service| service.descriptor());
        let found = case.call.split_once('/').and_then(|(service, method)| {
            let service = services().find(|found| found.full_name() == service)?;
            service.methods().find(|found| found.name() == method)
        });
        found.ok_or_else(|| {
            let methods = services().flat_map(|service| service.methods().collect::<Vec<_>>());
            let names = methods.map(|method| format!("{}/{}", method.parent_service().full_name(), method.name()));
            let known = names.collect::<Vec<_>>().join(", ");
            CaseError::Method { path: path.to_owned(), call: case.call.clone(), known }
        })
    }

    async fn call_unary(&self, context: Context, request: Bytes) -> CallOutcome {
        match self.runtime.handler().unary(context, request).await {
            Ok(reply) => {
                CallOutcome { headers: reply.headers, responses: vec![reply.message], end: Ok(reply.trailers) }
            }
            Err(CallFailure { headers, status }) => CallOutcome { headers, responses: Vec::new(), end: Err(status) },
        }
    }

    async fn call_streaming(&self, context: Context, messages: Vec<Bytes>) -> CallOutcome {
        let requests = RequestStream::new(stream::iter(messages.into_iter().map(Ok)));
        let (response_sink, mut responses) = response_channel();
        let calling = self.runtime.handler().streaming(context, requests, response_sink);
        let reading = async {
            let (mut headers, mut read) = (Metadata::default(), Vec::new());
            while let Some(part) = responses.next().await {
                match part {
                    ResponsePart::Headers(found) => headers = found,
                    ResponsePart::Message(message) => read.push(message),
                }
            }
            (headers, read)
        };
        let (end, (headers, responses)) = tokio::join!(calling, reading);
        match end {
            Ok(trailers) => CallOutcome { headers, responses, end: Ok(trailers) },
            // The headers of a call without a message are part of its failure.
            Err(failure) if responses.is_empty() => {
                CallOutcome { headers: failure.headers, responses, end: Err(failure.status) }
            }
            Err(failure) => CallOutcome { headers, responses, end: Err(failure.status) },
        }
    }
}

/// Checks that a case fits the shape of its method.
fn check_shape(path: &Path, case: &CallCase, method: &MethodDescriptor) -> Result<(), CaseError> {
    let wrong = |reason: &str| {
        Err(CaseError::Shape { path: path.to_owned(), reason: format!("{reason}: see `{}`", method.full_name()) })
    };
    let expected = &case.expected;
    if case.request.is_some() && method.is_client_streaming() {
        return wrong("`request` is for methods that take one request; this one takes a stream, so write `requests`");
    }
    if case.requests.is_some() && !method.is_client_streaming() {
        return wrong("`requests` is for methods that take a stream; this one takes one request, so write `request`");
    }
    if expected.response.is_some() && method.is_server_streaming() {
        return wrong("`response` is for methods with one response; this one streams, so write `responses`");
    }
    if expected.responses.is_some() && !method.is_server_streaming() {
        return wrong("`responses` is for methods that stream; this one has one response, so write `response`");
    }
    if expected.response.is_some() && expected.error.is_some() {
        return wrong("a call has a `response` or an `error`, not both");
    }
    if expected.response.is_none() && expected.responses.is_none() && expected.error.is_none() {
        return wrong("nothing is expected: write `response`, `responses` or `error`");
    }
    Ok(())
}

fn encode_message(path: &Path, place: &str, message: &MessageDescriptor, json: &Value) -> Result<Bytes, CaseError> {
    let read = DynamicMessage::deserialize(message.clone(), json);
    read.map(|message| message.encode_to_vec().into()).map_err(|error| message_error(path, place, message, &error))
}

/// Decodes a message for the comparison, in which a default that is written out equals one that is not.
fn decode_message(
    path: &Path,
    place: &str,
    message: &MessageDescriptor,
    wire: Bytes,
) -> Result<DynamicMessage, CaseError> {
    DynamicMessage::decode(message.clone(), wire).map_err(|error| message_error(path, place, message, &error))
}

fn message_error(path: &Path, place: &str, message: &MessageDescriptor, reason: &dyn fmt::Display) -> CaseError {
    let (path, place) = (path.to_owned(), place.to_owned());
    CaseError::Message { path, place, message: message.full_name().to_owned(), reason: reason.to_string() }
}

fn make_context(path: &Path, case: &CallCase, method: &MethodDescriptor) -> Result<Context, CaseError> {
    let mut metadata = Metadata::default();
    for (name, value) in &case.metadata {
        let wrong = |reason: String| CaseError::Shape { path: path.to_owned(), reason: format!("metadata: {reason}") };
        let value = decode_value(name, value).map_err(wrong)?;
        metadata.add(name, &value).map_err(|error| wrong(error.to_string()))?;
    }
    let is_unary = !method.is_client_streaming() && !method.is_server_streaming();
    let deadline = if is_unary { None } else { Deadline::after(STREAM_DEADLINE) };
    let context = Context::new(method.parent_service().full_name(), method.name());
    Ok(context.with_metadata(metadata).with_deadline(deadline))
}

/// Decodes a value of metadata as it is written in a case.
fn decode_value(name: &str, value: &str) -> Result<Vec<u8>, String> {
    if name.ends_with("-bin") {
        return BASE64_STANDARD.decode(value).map_err(|error| format!("the value of `{name}` is not base64: {error}"));
    }
    Ok(value.as_bytes().to_vec())
}

fn compare(
    path: &Path,
    case: &CallCase,
    output: &MessageDescriptor,
    outcome: &CallOutcome,
) -> Result<Vec<CaseDifference>, CaseError> {
    let expected = &case.expected;
    let mut differences = Vec::new();
    compare_end(expected.error.as_ref(), &outcome.end, &mut differences);
    let empty = Vec::new();
    let (name, wanted) = match (&expected.response, &expected.responses) {
        (Some(response), _) => ("response", std::slice::from_ref(response)),
        (None, responses) => ("responses", responses.as_ref().unwrap_or(&empty).as_slice()),
    };
    // Responses before an error are compared only if the case has `responses`.
    let is_compared = expected.response.is_some() || expected.responses.is_some();
    if is_compared && differences.is_empty() {
        for index in 0..wanted.len().max(outcome.responses.len()) {
            let place = if name == "response" { name.to_owned() } else { format!("{name}[{index}]") };
            let wanted = wanted.get(index).map(|json| encode_message(path, &place, output, json)).transpose()?;
            let [wanted, came] = [wanted, outcome.responses.get(index).cloned()]
                .map(|wire| wire.map(|wire| decode_message(path, &place, output, wire)).transpose());
            let (wanted, came) = (wanted?, came?);
            if wanted != came {
                differences.push(CaseDifference {
                    what: place,
                    expected: message_text(wanted.as_ref()),
                    came: message_text(came.as_ref()),
                });
            }
        }
    }
    let nothing = Metadata::default();
    let trailers = match &outcome.end {
        Ok(trailers) => trailers,
        Err(status) => &status.metadata,
    };
    for (what, wanted, came) in
        [("headers", &expected.headers, &outcome.headers), ("trailers", &expected.trailers, trailers)]
    {
        compare_metadata(what, wanted, if came.is_empty() { &nothing } else { came }, &mut differences);
    }
    Ok(differences)
}

fn compare_end(
    expected: Option<&ExpectedError>,
    end: &Result<Metadata, Box<Status>>,
    differences: &mut Vec<CaseDifference>,
) {
    let (expected, came) = match (expected, end) {
        (None, Ok(_)) => return,
        (Some(expected), Err(status)) => {
            let is_code = expected.code == status.code.name();
            if is_code && expected.message.as_ref().is_none_or(|message| *message == status.message) {
                return;
            }
            (error_text(expected), status.to_string())
        }
        (None, Err(status)) => ("no error".to_owned(), status.to_string()),
        (Some(expected), Ok(_)) => (error_text(expected), "no error".to_owned()),
    };
    differences.push(CaseDifference { what: "error".to_owned(), expected, came });
}

fn error_text(expected: &ExpectedError) -> String {
    match &expected.message {
        Some(message) => format!("{}: {message}", expected.code),
        None => expected.code.clone(),
    }
}

fn compare_metadata(
    what: &str,
    expected: &BTreeMap<String, String>,
    came: &Metadata,
    differences: &mut Vec<CaseDifference>,
) {
    for (name, value) in expected {
        let found = came.get(name).map(|bytes| {
            if name.ends_with("-bin") {
                BASE64_STANDARD.encode(bytes)
            } else {
                String::from_utf8_lossy(bytes).into_owned()
            }
        });
        if found.as_ref() != Some(value) {
            let came = found.unwrap_or_else(|| "nothing".to_owned());
            differences.push(CaseDifference { what: format!("{what}: {name}"), expected: value.clone(), came });
        }
    }
}

fn message_text(message: Option<&DynamicMessage>) -> String {
    match message {
        Some(message) => serde_json::to_string(message).unwrap_or_else(|_| message.to_string()),
        None => "nothing".to_owned(),
    }
}
