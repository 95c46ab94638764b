//! `okra call`: the arguments, the call, and its outcome. Messages are sent and printed in `messages.rs`.

mod messages;

use std::fs::File;
use std::io::{Cursor, Read, Write, stdin};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Instant;

use base64::Engine as _;
use clap::Args;
use miette::{IntoDiagnostic as _, WrapErr as _};
use okra_codegen::compile::compile;
use tokio::sync::Mutex;

use crate::call::{
    BASE64, Code, InvalidMetadata, Metadata, Status, printable, printable_json, request_channel, response_channel,
};
use crate::cli::call::messages::{MessageCounts, RequestInput, print_responses, read_values, send_requests};
use crate::cli::server::ServerArgs;
use crate::client::{DynamicSchema, describe_detail, parse_request};

/// Calls a method of any gRPC server.
///
/// The response is printed as JSON. Streamed responses are printed as one line each, as they arrive. A call that fails prints
/// its code, message and details to stderr, and exits with 64 plus the number of the gRPC code. Ctrl-C cancels the call.
#[derive(Debug, Args)]
pub struct CallArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The method, such as greeter.v1.Greeter/Hello.
    #[arg(value_name = "SERVICE/METHOD")]
    method: String,
    /// The request as JSON; @FILE reads it from a file, - from stdin. A method that streams requests takes any number of JSON
    /// values, one after the other, and sends each as it is read.
    #[arg(value_name = "JSON", default_value = "{}")]
    request: String,
    /// Metadata to send; the value of a name that ends in -bin is base64. Can be repeated.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<HeaderArg>,
    /// Most time of the call, such as 500ms or 5s.
    #[arg(long, value_name = "TIME")]
    timeout: Option<humantime::Duration>,
    /// A .proto file that defines the service, for servers without reflection. Can be repeated.
    #[arg(long, value_name = "FILE")]
    proto: Vec<PathBuf>,
    /// A folder with .proto files and their imports; by default the folder of each --proto. Without any --proto, all .proto
    /// files in it are read. Can be repeated.
    #[arg(long, value_name = "DIR")]
    proto_path: Vec<PathBuf>,
    /// Prints metadata, trailers, the duration and the number of messages to stderr.
    #[arg(short, long)]
    verbose: bool,
}

/// `NAME: VALUE`, with the value decoded.
#[derive(Clone, Debug)]
struct HeaderArg {
    name: String,
    value: Vec<u8>,
}

impl FromStr for HeaderArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once(':').ok_or("expected `NAME: VALUE`")?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        let value = match name.ends_with("-bin") {
            true => BASE64.decode(value).map_err(|error| format!("the value of `{name}` is not base64: {error}"))?,
            false => value.as_bytes().to_vec(),
        };
        let this = Self { name, value };
        this.add_to(&mut Metadata::default()).map_err(|error| error.to_string())?;
        Ok(this)
    }
}

impl HeaderArg {
    fn add_to(&self, metadata: &mut Metadata) -> Result<(), InvalidMetadata> {
        metadata.add(&self.name, &self.value)
    }
}

impl CallArgs {
    /// Makes the call.
    ///
    /// # Errors
    /// If the call cannot be made. A call that was made and failed is reported on `err`, and by the exit code.
    pub async fn run(self, out: &mut impl Write, err: &mut impl Write) -> Result<ExitCode, miette::Report> {
        let interrupt = async {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending().await
            }
        };
        self.run_until(interrupt, out, err).await
    }

    /// Makes the call; it is cancelled when `interrupt` completes.
    pub(super) async fn run_until(
        self,
        interrupt: impl Future<Output = ()>,
        out: &mut impl Write,
        err: &mut impl Write,
    ) -> Result<ExitCode, miette::Report> {
        let client = self.server.connect().await?;
        let mut schema = match self.proto.is_empty() && self.proto_path.is_empty() {
            true => DynamicSchema::of_server(client.clone()),
            false => DynamicSchema::of_files(compile(&self.proto_roots(), &self.proto)?.pool),
        };
        let method = schema.method(&self.method).await?;
        let mut metadata = Metadata::default();
        for header in &self.headers {
            header.add_to(&mut metadata).into_diagnostic()?;
        }
        let input = match method.is_client_streaming() {
            true => RequestInput::Many(read_values(self.open_input()?)),
            false => RequestInput::One(parse_request(&mut schema, &method.input(), &self.read_text()?).await?),
        };
        if self.verbose {
            writeln!(err, "> {}/{}", method.parent_service().full_name(), method.name()).into_diagnostic()?;
            print_metadata(err, ">", &metadata).into_diagnostic()?;
        }
        let began = Instant::now();
        let schema = Mutex::new(schema);
        let counts = MessageCounts::default();
        let outcome = {
            let (request_sink, requests) = request_channel();
            let (response_sink, responses) = response_channel();
            let mut sending = pin!(send_requests(input, request_sink, &schema, method.input(), &counts));
            // Dropped before `sending`: the end of `sending` would complete the requests.
            let mut call = pin!(async {
                let call = client.call(&method, &metadata, self.timeout.map(Into::into), requests, response_sink);
                let shown = print_responses(responses, &schema, &method, &counts, out, err, self.verbose);
                tokio::try_join!(async { Ok(call.await) }, shown)
            });
            tokio::select! {
                done = &mut call => done?.0,
                Err(report) = &mut sending => return Err(report),
                () = interrupt => Err(Status::new(Code::Cancelled, "the call was interrupted")),
            }
        };
        if self.verbose {
            let (code, trailers) = match &outcome {
                Ok(trailers) => ("OK", trailers),
                Err(status) => (status.code.name(), &status.metadata),
            };
            writeln!(err, "< trailers").into_diagnostic()?;
            print_metadata(err, "<", trailers).into_diagnostic()?;
            let duration_ms = began.elapsed().as_secs_f64() * 1000.0;
            writeln!(err, "< {code} after {duration_ms:.1} ms, {counts}").into_diagnostic()?;
        }
        match outcome {
            Ok(_) => Ok(ExitCode::SUCCESS),
            Err(status) => {
                let text = describe_failure(&mut *schema.lock().await, &status).await;
                err.write_all(text.as_bytes()).into_diagnostic()?;
                Ok(ExitCode::from(64 + status.code as u8))
            }
        }
    }

    fn proto_roots(&self) -> Vec<PathBuf> {
        if !self.proto_path.is_empty() {
            return self.proto_path.clone();
        }
        // The parent of a bare file name is empty.
        let folder = |file: &PathBuf| file.parent().filter(|folder| !folder.as_os_str().is_empty()).map(Path::to_owned);
        self.proto.iter().map(|file| folder(file).unwrap_or_else(|| ".".into())).collect()
    }

    fn read_text(&self) -> Result<String, miette::Report> {
        let mut text = String::new();
        self.open_input()?.read_to_string(&mut text).into_diagnostic().wrap_err_with(|| self.read_error())?;
        Ok(text)
    }

    fn open_input(&self) -> Result<Box<dyn Read + Send>, miette::Report> {
        Ok(match self.request.strip_prefix('@') {
            Some(file) => Box::new(File::open(file).into_diagnostic().wrap_err_with(|| self.read_error())?),
            None if self.request == "-" => Box::new(stdin()),
            None => Box::new(Cursor::new(self.request.clone())),
        })
    }

    fn read_error(&self) -> String {
        match self.request.strip_prefix('@') {
            Some(file) => format!("cannot read the request from `{file}`"),
            None => "cannot read the request from stdin".to_owned(),
        }
    }
}

/// Returns the text of a status with its details.
async fn describe_failure(schema: &mut DynamicSchema, status: &Status) -> String {
    let mut text = format!("{}: {}\n", status.code, printable(&status.message));
    for detail in &status.details {
        text.push_str(&format!("  {}\n", printable_json(&describe_detail(schema, detail).await)));
    }
    text
}

/// Prints metadata, one entry a line: `>` was sent, `<` was received.
fn print_metadata(err: &mut impl Write, direction: &str, metadata: &Metadata) -> std::io::Result<()> {
    for (name, value) in metadata.iter() {
        match name.ends_with("-bin") {
            true => writeln!(err, "{direction}   {name}: {}", BASE64.encode(value))?,
            false => writeln!(err, "{direction}   {name}: {}", printable(&String::from_utf8_lossy(value)))?,
        }
    }
    Ok(())
}
