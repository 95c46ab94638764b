//! A backend for tests: the greeter, whose handlers do what the tests need, on a gateway of its own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, Value};
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};

use crate::call::CallHandler;
use crate::call::{
    CallFailure, CallFuture, Code, Context, Metadata, RequestStream, ResponseSink, Status, StatusDetail, StreamClosed,
    UnaryResponse,
};
use crate::gateway::call::http_body::HttpBodyMessage;
use crate::gateway::catalog::{Catalog, ServiceHealth};
use crate::gateway::settings::GatewaySettings;
use crate::gateway::{ShutdownReport, listen, serve};

pub(crate) const GREETER: &str = r#"
syntax = "proto3";
package greeter.v1;

import "google/protobuf/descriptor.proto";
import "google/protobuf/timestamp.proto";
import "greeter/v1/mood.proto";

extend google.protobuf.MethodOptions {
  string note = 50001;
}

// Greets people.
service Greeter {
  // Answers with what came.
  rpc Echo(HelloRequest) returns (HelloRequest) {
    option (note) = "kept";
  }
  // Says hello.
  rpc Hello(HelloRequest) returns (HelloReply);
  // Answers with the metadata that came, and with trailers.
  rpc Mirror(HelloRequest) returns (HelloReply);
  // Fails with all that a failure may have.
  rpc Fail(HelloRequest) returns (HelloReply);
  // Never answers.
  rpc Wait(HelloRequest) returns (HelloReply);
  // Answers when told to.
  rpc Held(HelloRequest) returns (HelloReply);
  // Panics.
  rpc Panic(HelloRequest) returns (HelloReply);
  // Answers with as many bytes as the name says.
  rpc Big(HelloRequest) returns (HelloReply);
  // Greets as many times as it is told to.
  rpc Repeat(HelloRequest) returns (stream HelloReply);
  // Greets once all names have come.
  rpc Gather(stream HelloRequest) returns (HelloReply);
  // Answers with as many messages as the first name says, where one is due.
  rpc Miscount(stream HelloRequest) returns (HelloReply);
  // Reads a message whenever it is told to.
  rpc Slow(stream HelloRequest) returns (HelloReply);
  // Answers without end, each time with a kibibyte.
  rpc Endless(HelloRequest) returns (stream HelloReply);
  // Sends what the name says: parts of an answer, then an end.
  rpc Script(HelloRequest) returns (stream HelloReply);
  // Never reads, and answers with one message when told to.
  rpc Deaf(stream HelloRequest) returns (stream HelloReply);
  // Talks both ways.
  rpc Chat(stream HelloRequest) returns (stream HelloReply);
}

// Who is greeted.
message HelloRequest {
  // Whom to greet.
  string name = 1; // as they call themselves
  int32 times = 2;
  optional Mood mood = 3;
  repeated Gift gifts = 4;
  map<string, int64> scores = 5;
  oneof way {
    string letter = 6;
    bytes wire = 7;
  }
  google.protobuf.Timestamp at = 8;

  // Something to bring.
  message Gift {
    string what = 1;
    double weight = 2 [deprecated = true];
  }
  reserved 9, 20 to 29;
  reserved "rank";
}

message HelloReply {
  string message = 1;
}
"#;

pub(crate) const MOOD: &str = r#"
syntax = "proto3";
package greeter.v1;

// How one feels.
enum Mood {
  // Not said.
  MOOD_UNSPECIFIED = 0;
  MOOD_GOOD = 1;
}
"#;

/// Compiles files that are given as text.
pub(crate) fn compile(files: &[(&str, &str)]) -> DescriptorPool {
    struct Texts(HashMap<String, String>);
    impl FileResolver for Texts {
        fn open_file(&self, name: &str) -> Result<File, protox::Error> {
            match self.0.get(name) {
                Some(text) => File::from_source(name, text),
                None => Err(protox::Error::file_not_found(name)),
            }
        }
    }
    let mut resolver = ChainFileResolver::new();
    resolver.add(Texts(files.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(files.iter().map(|(name, _)| name)).unwrap();
    compiler.descriptor_pool()
}

pub(crate) fn greeter() -> DescriptorPool {
    compile(&[("greeter/v1/greeter.proto", GREETER), ("greeter/v1/mood.proto", MOOD)])
}

pub(crate) fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    catalog.add(greeter().get_service_by_name("greeter.v1.Greeter").unwrap(), ServiceHealth::Serving);
    catalog
}

pub(crate) struct Fake {
    pub(crate) catalog: watch::Sender<Arc<Catalog>>,
    pub(crate) last: Mutex<Option<Context>>,
    /// How many response messages `Endless` has sent.
    pub(crate) sent: watch::Sender<usize>,
    /// How many request messages `Slow` has read.
    pub(crate) read: watch::Sender<usize>,
    /// How many streaming handlers are alive.
    pub(crate) alive: watch::Sender<usize>,
    began: mpsc::UnboundedSender<Context>,
    release: watch::Sender<bool>,
}

/// A streaming handler, as long as it is there.
struct Alive<'a>(&'a watch::Sender<usize>);

impl<'a> Alive<'a> {
    fn new(number: &'a watch::Sender<usize>) -> Self {
        number.send_modify(|number| *number += 1);
        Self(number)
    }
}

impl Drop for Alive<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|number| *number -= 1);
    }
}

/// A gateway with a fake behind it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) fake: Arc<Fake>,
    /// Calls, as they begin.
    pub(crate) began: mpsc::UnboundedReceiver<Context>,
    stop: Option<oneshot::Sender<()>>,
    done: JoinHandle<ShutdownReport>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(GatewaySettings::default()).await
    }

    pub(crate) async fn with(settings: GatewaySettings) -> Self {
        let listener = listen("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (began, begun) = mpsc::unbounded_channel();
        let fake = Arc::new(Fake {
            catalog: watch::Sender::new(Arc::new(catalog())),
            last: Mutex::default(),
            sent: watch::Sender::default(),
            read: watch::Sender::default(),
            alive: watch::Sender::default(),
            began,
            release: watch::Sender::new(false),
        });
        let catalog = fake.catalog.subscribe();
        let (stop, stopped) = oneshot::channel();
        let done = tokio::spawn(serve(listener, fake.clone(), catalog, settings, async { drop(stopped.await) }));
        Self { address, fake, began: begun, stop: Some(stop), done }
    }

    pub(crate) async fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    pub(crate) async fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Waits until no streaming handler is there any more.
    pub(crate) async fn idle(&self) {
        let mut alive = self.fake.alive.subscribe();
        tokio::time::timeout(Duration::from_secs(5), alive.wait_for(|alive| *alive == 0)).await.unwrap().unwrap();
    }

    /// Lets `Held`, `Slow` and `Deaf` go on.
    pub(crate) fn release(&self) {
        self.fake.release.send_replace(true);
    }

    /// Begins the shutdown.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits for the shutdown's end.
    pub(crate) async fn stopped(self) -> ShutdownReport {
        tokio::time::timeout(Duration::from_secs(5), self.done).await.unwrap().unwrap()
    }
}

fn name(request: &Bytes) -> String {
    name_and_times(request).0
}

fn name_and_times(request: &Bytes) -> (String, i32) {
    let descriptor = descriptor("greeter.v1.HelloRequest");
    let message = DynamicMessage::decode(descriptor, request.clone()).unwrap();
    let name = message.get_field_by_name("name").unwrap().as_str().unwrap().to_owned();
    (name, message.get_field_by_name("times").unwrap().as_i32().unwrap())
}

/// Compiling takes long, and `Endless` would do nothing else.
fn descriptor(name: &str) -> MessageDescriptor {
    static GREETER: LazyLock<DescriptorPool> = LazyLock::new(greeter);
    GREETER.get_message_by_name(name).unwrap()
}

/// An encoded `HelloRequest` or `HelloReply`.
pub(crate) fn text(text: &str) -> Bytes {
    use prost::Message as _;
    let mut message = DynamicMessage::new(descriptor("greeter.v1.HelloReply"));
    message.set_field_by_name("message", Value::String(text.to_owned()));
    message.encode_to_vec().into()
}

impl Fake {
    async fn released(&self) {
        self.release.subscribe().wait_for(|released| *released).await.unwrap();
    }

    /// Parts of an answer, one a word, then its end.
    async fn script(&self, script: &str, mut responses: ResponseSink) -> Result<Metadata, CallFailure> {
        let mut headers = Metadata::default();
        headers.add("early", b"bird").unwrap();
        let mut trailers = Metadata::default();
        trailers.add("late", b"owl").unwrap();
        for word in script.split_whitespace() {
            match word {
                "headers" => responses.headers(headers.clone()).await.map_err(gone)?,
                "held" => self.released().await,
                "fail" | "fail-with-headers" => {
                    let mut status = Status::new(Code::FailedPrecondition, "not today");
                    status.metadata = trailers;
                    let headers = if word == "fail" { Metadata::default() } else { headers };
                    return Err(CallFailure { headers, status: Box::new(status) });
                }
                "panic" => panic!("the handler was told to"),
                "wait" => std::future::pending().await,
                "big" => responses.send(text(&"x".repeat(5000))).await.map_err(gone)?,
                // Its side of the stream outlives it.
                "leak" => {
                    tokio::spawn(async move {
                        let _responses = responses;
                        std::future::pending::<()>().await
                    });
                    return Ok(trailers);
                }
                word => responses.send(text(word)).await.map_err(gone)?,
            }
        }
        Ok(trailers)
    }
}

async fn next(requests: &mut RequestStream) -> Result<Option<Bytes>, CallFailure> {
    requests.next().await.transpose().map_err(|status| (*status).into())
}

fn gone(gone: StreamClosed) -> Status {
    Status::new(Code::Cancelled, gone.to_string())
}

impl CallHandler for Fake {
    fn unary(self: Arc<Self>, context: Context, request: Bytes) -> CallFuture<UnaryResponse> {
        async move { self.run_unary(context, request).await }.boxed()
    }

    fn streaming(
        self: Arc<Self>,
        context: Context,
        requests: RequestStream,
        responses: ResponseSink,
    ) -> CallFuture<Metadata> {
        async move { self.run_streaming(context, requests, responses).await }.boxed()
    }
}

impl Fake {
    async fn run_unary(&self, context: Context, request: Bytes) -> Result<UnaryResponse, CallFailure> {
        *self.last.lock().unwrap() = Some(context.clone());
        let _ = self.began.send(context.clone());
        let mut headers = Metadata::default();
        let mut trailers = Metadata::default();
        let message = match &*context.method {
            "Echo" => request,
            "Hello" => text(&format!("Hello, {}!", name(&request))),
            "Mirror" => {
                headers.extend(context.metadata);
                trailers.add("checksum", b"c0ffee").unwrap();
                trailers.add("checksum-bin", &[0, 1, 255]).unwrap();
                trailers.add("checksum-bin", &[2]).unwrap();
                text("mirrored")
            }
            "Fail" => {
                headers.add("early", b"bird").unwrap();
                let mut status = Status::new(Code::FailedPrecondition, "not today: déjà vu");
                status.metadata.add("late", b"owl").unwrap();
                status.details.push(StatusDetail {
                    type_url: "type.googleapis.com/google.rpc.ErrorInfo".into(),
                    value: prost::Message::encode_to_vec(&tonic_types::pb::ErrorInfo {
                        reason: "TIRED".into(),
                        domain: "greeter".into(),
                        metadata: HashMap::new(),
                    }),
                });
                status
                    .details
                    .push(StatusDetail { type_url: "type.googleapis.com/x.Unknown".into(), value: vec![8, 1] });
                let name = name(&request);
                if name == "bare" {
                    return Err(Status::new(Code::NotFound, "bare").into());
                }
                // The number of another code.
                if let Ok(code) = name.parse() {
                    return Err(Status::new(Code::from_number(code), "told to").into());
                }
                return Err(CallFailure { headers, status: Box::new(status) });
            }
            "Wait" => std::future::pending().await,
            "Held" => {
                self.released().await;
                text("held")
            }
            "Panic" => panic!("the handler was told to"),
            "Big" => Bytes::from(vec![0; name(&request).parse().unwrap()]),
            other => unreachable!("{other}"),
        };
        Ok(UnaryResponse { headers, message, trailers })
    }

    async fn run_streaming(
        &self,
        context: Context,
        mut requests: RequestStream,
        mut responses: ResponseSink,
    ) -> Result<Metadata, CallFailure> {
        let _alive = Alive::new(&self.alive);
        *self.last.lock().unwrap() = Some(context.clone());
        let _ = self.began.send(context.clone());
        match &*context.method {
            "Repeat" => {
                let (name, times) = name_and_times(&next(&mut requests).await?.unwrap());
                for time in 1..=times {
                    responses.send(text(&format!("Hello, {name}! {time}"))).await.map_err(gone)?;
                }
            }
            "Gather" => {
                let mut names = Vec::new();
                while let Some(request) = next(&mut requests).await? {
                    names.push(name(&request));
                }
                responses.send(text(&format!("Hello, {}!", names.join(", ")))).await.map_err(gone)?;
            }
            "Miscount" => {
                let number = name(&next(&mut requests).await?.unwrap()).parse().unwrap();
                for _ in 0..number {
                    responses.send(text("one")).await.map_err(gone)?;
                }
            }
            "Slow" => {
                self.released().await;
                while next(&mut requests).await?.is_some() {
                    self.read.send_modify(|read| *read += 1);
                }
                responses.send(text("read")).await.map_err(gone)?;
            }
            "Endless" => {
                let message = text(&"x".repeat(1021));
                loop {
                    responses.send(message.clone()).await.map_err(gone)?;
                    self.sent.send_modify(|sent| *sent += 1);
                }
            }
            "Script" => {
                let script = name(&next(&mut requests).await?.unwrap());
                return self.script(&script, responses).await;
            }
            // Words are parts of a body, each with its content type before a colon.
            "Download" => {
                for word in name(&next(&mut requests).await?.unwrap()).split_whitespace() {
                    match word.split_once(':') {
                        Some((content_type, data)) => {
                            let data = Bytes::from(data.to_owned());
                            let part = HttpBodyMessage { content_type: content_type.to_owned(), data };
                            responses.send(prost::Message::encode_to_vec(&part).into()).await.map_err(gone)?;
                        }
                        None if word == "headers" => {
                            let mut headers = Metadata::default();
                            headers.add("early", b"bird").unwrap();
                            responses.headers(headers).await.map_err(gone)?;
                        }
                        None => return Err(Status::new(Code::FailedPrecondition, word.to_owned()).into()),
                    }
                }
            }
            "Deaf" => {
                self.released().await;
                responses.send(text("deaf")).await.map_err(gone)?;
            }
            "Chat" => {
                responses.headers(context.metadata).await.map_err(gone)?;
                let mut count = 0;
                while let Some(request) = next(&mut requests).await? {
                    count += 1;
                    responses.send(text(&format!("Hello, {}!", name(&request)))).await.map_err(gone)?;
                }
                let mut trailers = Metadata::default();
                trailers.add("count", count.to_string().as_bytes()).unwrap();
                return Ok(trailers);
            }
            other => unreachable!("{other}"),
        }
        Ok(Metadata::default())
    }
}
