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

use self::messages::{Counts, Input, send, show, values};
use super::server::Server;
use crate::call::BASE64;
use crate::call::{Code, InvalidMetadata, Metadata, Status, request_channel, response_channel};
use crate::client::{Schema, describe_detail, parse_request};

/// Calls a method of any gRPC server.
///
/// The response is printed as JSON; of a method that streams responses each in a line, as it comes. A call that fails prints
/// its code, message and details to stderr, and ends with exit code 64 plus the number of the gRPC code. Ctrl-C cancels the
/// call.
#[derive(Debug, Args)]
pub struct CallArgs {
    #[command(flatten)]
    server: Server,
    /// The method, such as greeter.v1.Greeter/Hello.
    #[arg(value_name = "SERVICE/METHOD")]
    method: String,
    /// The request as JSON; @FILE takes it from a file, - from stdin. A method that streams requests takes any number of
    /// them, one after the other, and sends each as it comes.
    #[arg(value_name = "JSON", default_value = "{}")]
    request: String,
    /// Metadata to send; the value of a name that ends in -bin is base64. Can be given many times.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<Header>,
    /// How long the call may take, such as 500ms or 5s.
    #[arg(long, value_name = "TIME")]
    timeout: Option<humantime::Duration>,
    /// A .proto file that defines the service, for servers without reflection. Can be given many times.
    #[arg(long, value_name = "FILE")]
    proto: Vec<PathBuf>,
    /// A folder in which .proto files and their imports are; by default that of each --proto. Without any --proto, all
    /// .proto files in it are read.
    #[arg(long, value_name = "DIR")]
    proto_path: Vec<PathBuf>,
    /// Prints metadata, trailers, the time it took and the number of messages to stderr.
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Clone, Debug)]
struct Header {
    name: String,
    value: Vec<u8>,
}

impl FromStr for Header {
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

impl Header {
    fn add_to(&self, metadata: &mut Metadata) -> Result<(), InvalidMetadata> {
        metadata.add(&self.name, &self.value)
    }
}

impl CallArgs {
    /// Makes the call.
    ///
    /// # Errors
    /// When the call cannot be made. One that was made and failed is told on `err`, and by the exit code.
    pub async fn run(self, out: &mut impl Write, err: &mut impl Write) -> Result<ExitCode, miette::Report> {
        let interrupt = async {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending().await
            }
        };
        self.run_until(interrupt, out, err).await
    }

    /// Makes the call; `interrupt` cancels it.
    pub(super) async fn run_until(
        self,
        interrupt: impl Future<Output = ()>,
        out: &mut impl Write,
        err: &mut impl Write,
    ) -> Result<ExitCode, miette::Report> {
        let client = self.server.connect().await?;
        let mut schema = match self.proto.is_empty() && self.proto_path.is_empty() {
            true => Schema::of_server(client.clone()),
            false => Schema::of_files(compile(&self.proto_roots(), &self.proto)?.pool),
        };
        let method = schema.method(&self.method).await?;
        let mut metadata = Metadata::default();
        for header in &self.headers {
            header.add_to(&mut metadata).into_diagnostic()?;
        }
        let input = match method.is_client_streaming() {
            true => Input::Many(values(self.input()?)),
            false => Input::One(parse_request(&mut schema, &method.input(), &self.text()?).await?),
        };
        if self.verbose {
            writeln!(err, "> {}/{}", method.parent_service().full_name(), method.name()).into_diagnostic()?;
            entries(err, ">", &metadata).into_diagnostic()?;
        }
        let began = Instant::now();
        let schema = Mutex::new(schema);
        let counts = Counts::default();
        let outcome = {
            let (request_sink, requests) = request_channel();
            let (response_sink, responses) = response_channel();
            let mut sending = pin!(send(input, request_sink, &schema, method.input(), &counts));
            // Dropped before `sending`, whose end would complete the requests.
            let mut call = pin!(async {
                let call = client.call(&method, &metadata, self.timeout.map(Into::into), requests, response_sink);
                let shown = show(responses, &schema, &method, &counts, out, err, self.verbose);
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
            entries(err, "<", trailers).into_diagnostic()?;
            let took = began.elapsed().as_secs_f64() * 1000.0;
            writeln!(err, "< {code} after {took:.1} ms, {counts}").into_diagnostic()?;
        }
        match outcome {
            Ok(_) => Ok(ExitCode::SUCCESS),
            Err(status) => {
                let text = failure(&mut *schema.lock().await, &status).await;
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

    fn text(&self) -> Result<String, miette::Report> {
        let mut text = String::new();
        self.input()?.read_to_string(&mut text).into_diagnostic().wrap_err_with(|| self.unreadable())?;
        Ok(text)
    }

    fn input(&self) -> Result<Box<dyn Read + Send>, miette::Report> {
        Ok(match self.request.strip_prefix('@') {
            Some(file) => Box::new(File::open(file).into_diagnostic().wrap_err_with(|| self.unreadable())?),
            None if self.request == "-" => Box::new(stdin()),
            None => Box::new(Cursor::new(self.request.clone())),
        })
    }

    fn unreadable(&self) -> String {
        match self.request.strip_prefix('@') {
            Some(file) => format!("cannot read the request from `{file}`"),
            None => "cannot read the request from stdin".to_owned(),
        }
    }
}

async fn failure(schema: &mut Schema, status: &Status) -> String {
    let mut text = format!("{}: {}\n", status.code, status.message);
    for detail in &status.details {
        text.push_str(&format!("  {}\n", describe_detail(schema, detail).await));
    }
    text
}

/// What went over the wire besides the messages: `>` is sent, `<` received.
fn entries(err: &mut impl Write, way: &str, metadata: &Metadata) -> std::io::Result<()> {
    for (name, value) in metadata.iter() {
        match name.ends_with("-bin") {
            true => writeln!(err, "{way}   {name}: {}", BASE64.encode(value))?,
            false => writeln!(err, "{way}   {name}: {}", String::from_utf8_lossy(value))?,
        }
    }
    Ok(())
}
