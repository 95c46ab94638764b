//! The program that the runner tests: it reads each case from standard input, and answers on standard output.

use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use miette::{IntoDiagnostic as _, miette};
use okra::call::{Context, UnaryResponse};
use okra::json::{UnknownNames, read_message, write_message};
use okra::package::Package;
use okra::runtime::{EngineSettings, Runtime};
use prost::Message as _;
use prost_reflect::MethodDescriptor;

use crate::protobuf_conformance::files_folder;

/// A case. <https://github.com/protocolbuffers/protobuf/blob/main/conformance/conformance.proto>
#[derive(Clone, PartialEq, prost::Message)]
struct ConformanceRequest {
    #[prost(oneof = "Payload", tags = "1, 2, 7, 8")]
    payload: Option<Payload>,
    #[prost(int32, tag = "3")]
    requested_output_format: i32,
    #[prost(string, tag = "4")]
    message_type: String,
    #[prost(int32, tag = "5")]
    test_category: i32,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Payload {
    #[prost(bytes = "vec", tag = "1")]
    Protobuf(Vec<u8>),
    #[prost(string, tag = "2")]
    Json(String),
    #[prost(string, tag = "7")]
    Jspb(String),
    #[prost(string, tag = "8")]
    Text(String),
}

#[derive(Clone, PartialEq, prost::Message)]
struct ConformanceResponse {
    #[prost(oneof = "Outcome", tags = "1, 2, 3, 4, 5, 6")]
    outcome: Option<Outcome>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Outcome {
    #[prost(string, tag = "1")]
    ParseError(String),
    #[prost(string, tag = "2")]
    RuntimeError(String),
    #[prost(bytes = "vec", tag = "3")]
    Protobuf(Vec<u8>),
    #[prost(string, tag = "4")]
    Json(String),
    #[prost(string, tag = "5")]
    Skipped(String),
    #[prost(string, tag = "6")]
    SerializeError(String),
}

/// `WireFormat.PROTOBUF` and `WireFormat.JSON`.
const PROTOBUF: i32 = 1;
const JSON: i32 = 2;
/// `TestCategory.JSON_IGNORE_UNKNOWN_PARSING_TEST`.
const IGNORE_UNKNOWN: i32 = 3;

/// Answers the cases of the runner through a package, until standard input ends.
pub(crate) fn serve(package: &Path) -> miette::Result<()> {
    let tokio = tokio::runtime::Runtime::new().into_diagnostic()?;
    tokio.block_on(async {
        let package = Package::read(std::fs::read(package).into_diagnostic()?)?;
        let runtime = Runtime::new(&files_folder().join("cache"), EngineSettings::default())?;
        runtime.deploy(&package).await?;
        let testee = Testee { runtime };
        while let Some(request) = read_request()? {
            let outcome = Some(testee.answer(request).await);
            write_response(&ConformanceResponse { outcome })?;
        }
        Ok(())
    })
}

struct Testee {
    runtime: Arc<Runtime>,
}

impl Testee {
    async fn answer(&self, request: ConformanceRequest) -> Outcome {
        // The first question: are there cases that the testee itself expects to fail?
        if request.message_type == "conformance.FailureSet" {
            return Outcome::Protobuf(Vec::new());
        }
        if !matches!(request.requested_output_format, PROTOBUF | JSON) {
            return Outcome::Skipped("OKRA writes protobuf and JSON".to_owned());
        }
        let Some(method) = self.find_method(&request.message_type) else {
            return Outcome::Skipped(format!("the guest has no method for `{}`", request.message_type));
        };
        let message = method.input();
        let unknown = match request.test_category {
            IGNORE_UNKNOWN => UnknownNames::Ignore,
            _ => UnknownNames::Refuse,
        };
        let encoded = match request.payload {
            Some(Payload::Protobuf(encoded)) => encoded,
            Some(Payload::Json(json)) => match read_message(&message, json.as_bytes(), unknown) {
                Ok(encoded) => encoded,
                Err(error) => return Outcome::ParseError(error.to_string()),
            },
            _ => return Outcome::Skipped("OKRA reads protobuf and JSON".to_owned()),
        };
        let response = match self.echo(&method, encoded).await {
            Ok(response) => response.message,
            // What the link refuses of a request; all else is a failure.
            Err(error) if error.starts_with("cannot decode the message") => return Outcome::ParseError(error),
            Err(error) => return Outcome::RuntimeError(error),
        };
        if request.requested_output_format == PROTOBUF {
            return Outcome::Protobuf(response.to_vec());
        }
        match write_message(&message, &response).map(String::from_utf8) {
            Ok(Ok(json)) => Outcome::Json(json),
            Ok(Err(error)) => Outcome::RuntimeError(error.to_string()),
            Err(error) => Outcome::SerializeError(error.to_string()),
        }
    }

    /// Finds the method that takes a message, by its full name.
    fn find_method(&self, message: &str) -> Option<MethodDescriptor> {
        let catalog = self.runtime.catalog();
        let catalog = catalog.borrow();
        let methods = catalog.services().flat_map(|service| service.methods());
        let mut methods = methods.map(|method| method.descriptor().clone());
        methods.find(|method| method.input().full_name() == message)
    }

    async fn echo(&self, method: &MethodDescriptor, encoded: Vec<u8>) -> Result<UnaryResponse, String> {
        let context = Context::new(method.parent_service().full_name(), method.name());
        let outcome = self.runtime.handler().unary(context, encoded.into()).await;
        outcome.map_err(|failure| failure.status.message)
    }
}

/// Reads the next case; `None` at the end.
fn read_request() -> miette::Result<Option<ConformanceRequest>> {
    let mut stdin = io::stdin().lock();
    let mut size = [0; 4];
    match stdin.read_exact(&mut size) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read.into_diagnostic()?,
    }
    let mut message = vec![0; usize::try_from(u32::from_le_bytes(size)).into_diagnostic()?];
    stdin.read_exact(&mut message).into_diagnostic()?;
    ConformanceRequest::decode(message.as_slice()).map(Some).map_err(|error| miette!("the runner's request: {error}"))
}

fn write_response(response: &ConformanceResponse) -> miette::Result<()> {
    let message = response.encode_to_vec();
    let mut stdout = io::stdout().lock();
    stdout.write_all(&u32::try_from(message.len()).into_diagnostic()?.to_le_bytes()).into_diagnostic()?;
    stdout.write_all(&message).into_diagnostic()?;
    stdout.flush().into_diagnostic()
}
