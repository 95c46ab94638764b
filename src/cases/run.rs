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
use crate::cases::{Case, CaseError, ExpectedError};
use crate::runtime::Runtime;

/// How long a call with streams may take; `run.deadline` is for unary ones.
const STREAMS: Duration = Duration::from_secs(30);

/// Packages that are served in this process, to run cases against.
pub struct Cases {
    runtime: Arc<Runtime>,
}

/// In what the outcome of a call differs from what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it is about, such as `response`.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub came: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.what)?;
        writeln!(f, "  expected: {}", self.expected)?;
        write!(f, "  came:     {}", self.came)
    }
}

/// What came of a call.
struct Outcome {
    headers: Metadata,
    responses: Vec<Bytes>,
    /// Trailers, or why it failed.
    end: Result<Metadata, Box<Status>>,
}

impl Cases {
    /// Runs cases against what `runtime` serves.
    pub fn new(runtime: Arc<Runtime>) -> Self {
        Self { runtime }
    }

    /// Makes the call of the case that was read from `path`, and compares; no differences: all is as expected.
    ///
    /// # Errors
    /// When the case itself is wrong.
    pub async fn run(&self, path: &Path, case: &Case) -> Result<Vec<Difference>, CaseError> {
        let method = self.method(path, case)?;
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
            messages.push(parse(path, &place, &input, json)?);
        }
        if messages.is_empty() && !method.is_client_streaming() {
            messages.push(Bytes::new());
        }
        let context = context(path, case, &method)?;
        let outcome = if method.is_client_streaming() || method.is_server_streaming() {
            self.stream(context, messages).await
        } else {
            self.unary(context, messages.pop().unwrap_or_default()).await
        };
        compare(path, case, &method.output(), &outcome)
    }

    fn method(&self, path: &Path, case: &Case) -> Result<MethodDescriptor, CaseError> {
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

    async fn unary(&self, context: Context, request: Bytes) -> Outcome {
        match self.runtime.handler().unary(context, request).await {
            Ok(reply) => Outcome { headers: reply.headers, responses: vec![reply.message], end: Ok(reply.trailers) },
            Err(CallFailure { headers, status }) => Outcome { headers, responses: Vec::new(), end: Err(status) },
        }
    }

    async fn stream(&self, context: Context, messages: Vec<Bytes>) -> Outcome {
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
            Ok(trailers) => Outcome { headers, responses, end: Ok(trailers) },
            // Headers of a call without a message come with its failure.
            Err(failure) if responses.is_empty() => {
                Outcome { headers: failure.headers, responses, end: Err(failure.status) }
            }
            Err(failure) => Outcome { headers, responses, end: Err(failure.status) },
        }
    }
}

/// Whether a case fits the shape of its method.
fn check_shape(path: &Path, case: &Case, method: &MethodDescriptor) -> Result<(), CaseError> {
    let wrong = |reason: &str| {
        Err(CaseError::Shape { path: path.to_owned(), reason: format!("{reason}: see `{}`", method.full_name()) })
    };
    let expected = &case.expected;
    if case.request.is_some() && method.is_client_streaming() {
        return wrong("`request` is for methods that take one; this one takes a stream, so write `requests`");
    }
    if case.requests.is_some() && !method.is_client_streaming() {
        return wrong("`requests` is for methods that take a stream; this one takes one, so write `request`");
    }
    if expected.response.is_some() && method.is_server_streaming() {
        return wrong("`response` is for methods that answer once; this one streams, so write `responses`");
    }
    if expected.responses.is_some() && !method.is_server_streaming() {
        return wrong("`responses` is for methods that stream; this one answers once, so write `response`");
    }
    if expected.response.is_some() && expected.error.is_some() {
        return wrong("a call has a `response` or an `error`");
    }
    if expected.response.is_none() && expected.responses.is_none() && expected.error.is_none() {
        return wrong("nothing is expected: write `response`, `responses` or `error`");
    }
    Ok(())
}

fn parse(path: &Path, place: &str, message: &MessageDescriptor, json: &Value) -> Result<Bytes, CaseError> {
    let read = DynamicMessage::deserialize(message.clone(), json);
    read.map(|message| message.encode_to_vec().into()).map_err(|error| unfit(path, place, message, &error))
}

/// A message as it is compared: without defaults that somebody wrote down.
fn decode(path: &Path, place: &str, message: &MessageDescriptor, wire: Bytes) -> Result<DynamicMessage, CaseError> {
    DynamicMessage::decode(message.clone(), wire).map_err(|error| unfit(path, place, message, &error))
}

fn unfit(path: &Path, place: &str, message: &MessageDescriptor, reason: &dyn fmt::Display) -> CaseError {
    let (path, place) = (path.to_owned(), place.to_owned());
    CaseError::Message { path, place, message: message.full_name().to_owned(), reason: reason.to_string() }
}

fn context(path: &Path, case: &Case, method: &MethodDescriptor) -> Result<Context, CaseError> {
    let mut metadata = Metadata::default();
    for (name, value) in &case.metadata {
        let wrong = |reason: String| CaseError::Shape { path: path.to_owned(), reason: format!("metadata: {reason}") };
        let value = bytes(name, value).map_err(wrong)?;
        metadata.add(name, &value).map_err(|error| wrong(error.to_string()))?;
    }
    let is_unary = !method.is_client_streaming() && !method.is_server_streaming();
    let deadline = if is_unary { None } else { Deadline::after(STREAMS) };
    let context = Context::new(method.parent_service().full_name(), method.name());
    Ok(context.with_metadata(metadata).with_deadline(deadline))
}

/// A value of metadata as it is written in a case.
fn bytes(name: &str, value: &str) -> Result<Vec<u8>, String> {
    if name.ends_with("-bin") {
        return BASE64_STANDARD.decode(value).map_err(|error| format!("the value of `{name}` is no base64: {error}"));
    }
    Ok(value.as_bytes().to_vec())
}

fn compare(
    path: &Path,
    case: &Case,
    output: &MessageDescriptor,
    outcome: &Outcome,
) -> Result<Vec<Difference>, CaseError> {
    let expected = &case.expected;
    let mut differences = Vec::new();
    compare_end(expected.error.as_ref(), &outcome.end, &mut differences);
    let empty = Vec::new();
    let (name, wanted) = match (&expected.response, &expected.responses) {
        (Some(response), _) => ("response", std::slice::from_ref(response)),
        (None, responses) => ("responses", responses.as_ref().unwrap_or(&empty).as_slice()),
    };
    // What came before an error counts only where it is written down.
    let is_compared = expected.response.is_some() || expected.responses.is_some();
    if is_compared && differences.is_empty() {
        for index in 0..wanted.len().max(outcome.responses.len()) {
            let place = if name == "response" { name.to_owned() } else { format!("{name}[{index}]") };
            let wanted = wanted.get(index).map(|json| parse(path, &place, output, json)).transpose()?;
            let [wanted, came] = [wanted, outcome.responses.get(index).cloned()]
                .map(|wire| wire.map(|wire| decode(path, &place, output, wire)).transpose());
            let (wanted, came) = (wanted?, came?);
            if wanted != came {
                differences.push(Difference {
                    what: place,
                    expected: shown(wanted.as_ref()),
                    came: shown(came.as_ref()),
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
    differences: &mut Vec<Difference>,
) {
    let (expected, came) = match (expected, end) {
        (None, Ok(_)) => return,
        (Some(expected), Err(status)) => {
            let is_code = expected.code == status.code.name();
            if is_code && expected.message.as_ref().is_none_or(|message| *message == status.message) {
                return;
            }
            (shown_error(expected), status.to_string())
        }
        (None, Err(status)) => ("no error".to_owned(), status.to_string()),
        (Some(expected), Ok(_)) => (shown_error(expected), "no error".to_owned()),
    };
    differences.push(Difference { what: "error".to_owned(), expected, came });
}

fn shown_error(expected: &ExpectedError) -> String {
    match &expected.message {
        Some(message) => format!("{}: {message}", expected.code),
        None => expected.code.clone(),
    }
}

fn compare_metadata(
    what: &str,
    expected: &BTreeMap<String, String>,
    came: &Metadata,
    differences: &mut Vec<Difference>,
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
            differences.push(Difference { what: format!("{what}: {name}"), expected: value.clone(), came });
        }
    }
}

fn shown(message: Option<&DynamicMessage>) -> String {
    match message {
        Some(message) => serde_json::to_string(message).unwrap_or_else(|_| message.to_string()),
        None => "nothing".to_owned(),
    }
}
