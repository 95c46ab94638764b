//! Tests of the client against a gateway and against servers that answer wrongly.

#![allow(clippy::unwrap_used, clippy::panic)]

mod definitions;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::BodyExt as _;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use miette::Diagnostic as _;
use tokio::net::TcpListener;

use super::*;
use crate::call::{Code, ResponsePart, StatusDetail, request_channel, response_channel};
use crate::gateway::fake::{MOOD, Server, compile, greeter, text};
use crate::gateway::{self, Catalog, GatewaySettings, ServiceHealth};

async fn connect(server: &Server) -> DynamicClient {
    DynamicClient::connect(&server.address.to_string(), &ClientTls::default()).await.unwrap()
}

async fn schema(server: &Server) -> DynamicSchema {
    DynamicSchema::of_server(connect(server).await)
}

fn help(error: &ClientError) -> String {
    error.help().unwrap().to_string()
}

/// The outcome of a call.
struct Answer {
    headers: Metadata,
    messages: Vec<Bytes>,
    outcome: Result<Metadata, Status>,
}

/// Sends these messages and takes what comes back.
async fn call(
    client: DynamicClient,
    method: &MethodDescriptor,
    messages: &[Bytes],
    metadata: &Metadata,
    timeout: Option<Duration>,
) -> Answer {
    let (mut sink, requests) = request_channel();
    let (response_sink, mut responses) = response_channel();
    let calling = client.call(method, metadata, timeout, requests, response_sink);
    let sending = async move {
        for message in messages {
            let _ = sink.send(message.clone()).await;
        }
    };
    let reading = async {
        let (mut headers, mut messages) = (Metadata::default(), Vec::new());
        while let Some(part) = responses.next().await {
            match part {
                ResponsePart::Headers(came) => headers = came,
                ResponsePart::Message(message) => messages.push(message),
            }
        }
        (headers, messages)
    };
    let (outcome, (), (headers, messages)) = tokio::join!(calling, sending, reading);
    Answer { headers, messages, outcome }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_told() {
    let (folder, made) =
        (tempfile::tempdir().unwrap(), rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap());
    let (certificate, key) = (folder.path().join("server.pem"), folder.path().join("server.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = Some(Arc::new(gateway::ServerTls::load(certificate, key, None).unwrap()));
    let server = Server::with(GatewaySettings { tls, ..GatewaySettings::default() }).await;
    let address = format!("https://{}", server.address);
    let error = DynamicClient::connect(&address, &ClientTls::default()).await.unwrap_err();
    let wanted = "is not trusted: invalid peer certificate: UnknownIssuer";
    assert_eq!(error.to_string(), format!("the certificate of `{}` {wanted}", server.address));
    assert!(help(&error).contains("--ca"), "{}", help(&error));
    DynamicClient::connect(&address, &ClientTls { ca: Some(made.cert.pem().into()), identity: None }).await.unwrap();
}

mod calls {
    use super::*;

    #[tokio::test]
    async fn a_call_brings_headers_message_and_trailers() {
        let server = Server::start().await;
        let mut metadata = Metadata::default();
        metadata.add("colour", b"red").unwrap();
        metadata.add("colour", b"blue").unwrap();
        metadata.add("key-bin", &[0, 255]).unwrap();
        let method = schema(&server).await.method("greeter.v1.Greeter/Mirror").await.unwrap();
        let answer = call(connect(&server).await, &method, &[text("Ada")], &metadata, None).await;
        let all = |metadata: &Metadata, name: &str| {
            metadata.iter().filter(|(key, _)| *key == name).map(|(_, value)| value.to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(all(&answer.headers, "colour"), [b"red".to_vec(), b"blue".to_vec()]);
        assert_eq!(all(&answer.headers, "key-bin"), [[0, 255]]);
        assert_eq!(answer.messages, [text("mirrored")]);
        assert_eq!(all(&answer.outcome.unwrap(), "checksum-bin"), [vec![0, 1, 255], vec![2]]);
    }

    #[tokio::test]
    async fn a_failure_brings_all_that_the_server_said() {
        let server = Server::start().await;
        let method = schema(&server).await.method("greeter.v1.Greeter/Fail").await.unwrap();
        let answer = call(connect(&server).await, &method, &[text("Ada")], &Metadata::default(), None).await;
        assert_eq!(answer.headers.get("early"), Some(&b"bird"[..]));
        let status = answer.outcome.unwrap_err();
        assert_eq!((status.code, &*status.message), (Code::FailedPrecondition, "not today: déjà vu"));
        assert_eq!(status.metadata.get("late"), Some(&b"owl"[..]));
        assert_eq!(status.details.len(), 2);
    }

    #[tokio::test]
    async fn the_timeout_ends_a_call() {
        let server = Server::start().await;
        let method = schema(&server).await.method("greeter.v1.Greeter/Wait").await.unwrap();
        let timeout = Some(Duration::from_millis(50));
        let answer = call(connect(&server).await, &method, &[text("Ada")], &Metadata::default(), timeout).await;
        assert_eq!(answer.outcome.unwrap_err().code, Code::DeadlineExceeded);
    }

    /// A server that answers every request with these.
    async fn server(headers: HeaderMap, body: &'static [u8], trailers: HeaderMap) -> DynamicClient {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let service = service_fn(move |_| {
                let trailers = trailers.clone();
                let body = http_body_util::Full::new(Bytes::from_static(body));
                let mut response = Response::new(body.with_trailers(async { Some(Ok(trailers)) }));
                *response.headers_mut() = headers.clone();
                response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
                async { Ok::<_, Infallible>(response) }
            });
            let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        DynamicClient::connect(&address, &ClientTls::default()).await.unwrap()
    }

    fn headers(entries: &[(&'static str, &'static str)]) -> HeaderMap {
        entries.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    async fn status(client: DynamicClient) -> Status {
        let method = greeter().get_service_by_name("greeter.v1.Greeter").unwrap().methods().next().unwrap();
        let answer = call(client, &method, &[text("Ada")], &Metadata::default(), None).await;
        assert!(answer.messages.is_empty());
        answer.outcome.unwrap_err()
    }

    #[tokio::test]
    async fn broken_status_details_are_no_panic() {
        let broken = headers(&[("grpc-status", "5"), ("grpc-message", "gone"), ("grpc-status-details-bin", "%%%")]);
        let in_headers = server(broken.clone(), b"", HeaderMap::new()).await;
        let in_trailers = server(HeaderMap::new(), b"", broken).await;
        for client in [in_headers, in_trailers] {
            let status = status(client).await;
            assert_eq!((status.code, &*status.message, status.details.len()), (Code::NotFound, "gone", 0));
        }
    }

    #[tokio::test]
    async fn no_message_and_two_messages_are_no_unary_answer() {
        let ok = headers(&[("grpc-status", "0")]);
        let none = status(server(HeaderMap::new(), b"", ok.clone()).await).await;
        assert_eq!(none, Status::new(Code::Unimplemented, "expected one response message, but none came"));
        let two = status(server(HeaderMap::new(), &[0; 10], ok).await).await;
        assert_eq!(two, Status::new(Code::Unimplemented, "expected one response message, but more than one came"));
    }
}

mod streams {

    use super::*;

    async fn script(script: &str) -> Answer {
        let server = Server::start().await;
        let method = schema(&server).await.method("greeter.v1.Greeter/Script").await.unwrap();
        call(connect(&server).await, &method, &[text(script)], &Metadata::default(), None).await
    }

    #[tokio::test]
    async fn responses_come_with_headers_and_trailers() {
        let answer = script("headers a b").await;
        assert_eq!(answer.headers.get("early"), Some(&b"bird"[..]));
        assert_eq!(answer.messages, [text("a"), text("b")]);
        assert_eq!(answer.outcome.unwrap().get("late"), Some(&b"owl"[..]));
    }

    #[tokio::test]
    async fn what_came_before_a_failure_is_kept() {
        let answer = script("a b fail").await;
        assert_eq!(answer.messages, [text("a"), text("b")]);
        let status = answer.outcome.unwrap_err();
        assert_eq!((status.code, status.metadata.get("late")), (Code::FailedPrecondition, Some(&b"owl"[..])));
    }

    #[tokio::test]
    async fn requests_go_one_by_one() {
        let server = Server::start().await;
        let method = schema(&server).await.method("greeter.v1.Greeter/Chat").await.unwrap();
        let client = connect(&server).await;
        let (mut sink, requests) = request_channel();
        let (response_sink, mut responses) = response_channel();
        let calling =
            tokio::spawn(
                async move { client.call(&method, &Metadata::default(), None, requests, response_sink).await },
            );
        assert!(matches!(responses.next().await, Some(ResponsePart::Headers(_))));
        for name in ["Ada", "Grace"] {
            sink.send(text(name)).await.unwrap();
            assert_eq!(responses.next().await, Some(ResponsePart::Message(text(&format!("Hello, {name}!")))));
        }
        drop(sink);
        assert_eq!(responses.next().await, None);
        assert_eq!(calling.await.unwrap().unwrap().get("count"), Some(&b"2"[..]));
        let method = schema(&server).await.method("greeter.v1.Greeter/Gather").await.unwrap();
        let names = [text("Ada"), text("Grace")];
        let answer = call(connect(&server).await, &method, &names, &Metadata::default(), None).await;
        assert_eq!(answer.messages, [text("Hello, Ada, Grace!")]);
    }

    #[tokio::test]
    async fn the_timeout_ends_a_call_in_mid_stream() {
        let server = Server::start().await;
        let method = schema(&server).await.method("greeter.v1.Greeter/Script").await.unwrap();
        let timeout = Some(Duration::from_millis(50));
        let answer = call(connect(&server).await, &method, &[text("a wait")], &Metadata::default(), timeout).await;
        assert_eq!(answer.messages, [text("a")]);
        assert_eq!(answer.outcome.unwrap_err().code, Code::DeadlineExceeded);
        server.idle().await;
    }

    #[tokio::test]
    async fn a_server_that_is_done_stops_the_requests() {
        let server = Server::start().await;
        server.release();
        let method = schema(&server).await.method("greeter.v1.Greeter/Deaf").await.unwrap();
        let client = connect(&server).await;
        let (mut sink, requests) = request_channel();
        let (response_sink, _responses) = response_channel();
        client.call(&method, &Metadata::default(), None, requests, response_sink).await.unwrap();
        let stopped = async { while sink.send(text("Ada")).await.is_ok() {} };
        tokio::time::timeout(Duration::from_secs(5), stopped).await.unwrap();
    }

    #[tokio::test]
    async fn requests_that_fail_fail_the_call() {
        let mut server = Server::start().await;
        let method = schema(&server).await.method("greeter.v1.Greeter/Gather").await.unwrap();
        let client = connect(&server).await;
        let (mut sink, requests) = request_channel();
        let (response_sink, _responses) = response_channel();
        sink.send(text("Ada")).await.unwrap();
        sink.fail(Status::new(Code::DataLoss, "torn")).await.unwrap();
        let outcome = client.call(&method, &Metadata::default(), None, requests, response_sink).await;
        assert_eq!(outcome.unwrap_err(), Status::new(Code::DataLoss, "torn"));
        // It may be that the request never left.
        drop(client);
        if let Ok(context) = server.began.try_recv() {
            tokio::time::timeout(Duration::from_secs(5), context.cancellation.cancelled()).await.unwrap();
        }
    }
}

mod connections {
    use super::*;

    #[tokio::test]
    async fn an_address_is_a_host_and_a_port() {
        let server = Server::start().await;
        for good in
            [format!("{}", server.address), format!("http://{}", server.address), format!("http://{}/", server.address)]
        {
            assert_eq!(
                DynamicClient::connect(&good, &ClientTls::default()).await.unwrap().address(),
                server.address.to_string()
            );
        }
        for bad in
            ["", ":8080", "localhost", "a b:80", "localhost:99999", "ftp://localhost:21", "http://localhost:80/path"]
        {
            let error = DynamicClient::connect(bad, &ClientTls::default()).await.unwrap_err();
            assert!(matches!(error, ClientError::Address { .. }), "{bad}: {error}");
        }
    }

    #[tokio::test]
    async fn nobody_there_is_said_so() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
        let error = DynamicClient::connect(&free, &ClientTls::default()).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("cannot connect to `{free}`: ")), "{error}");
        assert!(help(&error).contains("is the server running"));
    }
}

mod schemas {
    use super::*;

    #[tokio::test]
    async fn services_are_listed_and_methods_found() {
        let server = Server::start().await;
        let mut schema = schema(&server).await;
        assert_eq!(schema.services().await.unwrap().first().unwrap(), "greeter.v1.Greeter");
        for name in ["greeter.v1.Greeter/Hello", "/greeter.v1.Greeter/Hello", "greeter.v1.Greeter.Hello"] {
            assert_eq!(schema.method(name).await.unwrap().full_name(), "greeter.v1.Greeter.Hello");
        }
    }

    #[tokio::test]
    async fn unknown_names_come_with_what_may_have_been_meant() {
        let server = Server::start().await;
        let mut schema = schema(&server).await;
        let error = schema.method("greeter.v1.Greter/Hello").await.unwrap_err();
        assert_eq!(error.to_string(), "service `greeter.v1.Greter` does not exist");
        assert_eq!(help(&error), "did you mean `greeter.v1.Greeter`?");
        let error = schema.method("shop.v1.Users/Get").await.unwrap_err();
        assert!(
            help(&error).starts_with("the services are: greeter.v1.Greeter, grpc.health.v1.Health"),
            "{}",
            help(&error)
        );
        let error = schema.method("greeter.v1.Greeter/hello").await.unwrap_err();
        assert_eq!(error.to_string(), "service `greeter.v1.Greeter` has no method `hello`");
        assert_eq!(help(&error), "did you mean `Hello`?");
        let error = schema.symbol("greeter.v1.HelloRequst").await.unwrap_err();
        assert_eq!(help(&error), "did you mean `greeter.v1.HelloRequest`?");
        for no_method in ["Hello", "", "greeter.v1.Greeter/"] {
            assert!(
                matches!(schema.method(no_method).await.unwrap_err(), ClientError::MethodName { .. }),
                "{no_method}"
            );
        }
    }

    #[tokio::test]
    async fn a_server_without_reflection_is_recognised() {
        let client = calls_nothing().await;
        let error = DynamicSchema::of_server(client).services().await.unwrap_err();
        assert!(matches!(error, ClientError::NoReflection { .. }), "{error}");
        assert!(help(&error).contains("--proto FILE"));
    }

    #[tokio::test]
    async fn compiled_files_serve_as_well_as_reflection() {
        let mut schema = DynamicSchema::of_files(greeter());
        assert_eq!(schema.services().await.unwrap(), ["greeter.v1.Greeter"]);
        assert!(schema.method("greeter.v1.Greeter/Hello").await.is_ok());
        assert!(matches!(schema.symbol("greeter.v1.Mood").await.unwrap(), ProtoSymbol::Enum(_)));
        assert_eq!(help(&schema.service("x.Y").await.unwrap_err()), "the services are: greeter.v1.Greeter");
    }
}

/// A server that knows no service.
async fn calls_nothing() -> DynamicClient {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = service_fn(|_| async {
            Ok::<_, Infallible>(tonic::Status::unimplemented("").into_http::<tonic::body::Body>())
        });
        let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service)
            .await;
    });
    DynamicClient::connect(&address, &ClientTls::default()).await.unwrap()
}

mod messages {
    use super::*;

    async fn parsed(json: &str) -> Result<String, ClientError> {
        let mut schema = DynamicSchema::of_files(greeter());
        let message = greeter().get_message_by_name("greeter.v1.HelloRequest").unwrap();
        let encoded = parse_request(&mut schema, &message, json).await?;
        let shown = print_response(&mut schema, &message, encoded, JsonLayout::Pretty).await?;
        assert_eq!(shown.note, None);
        Ok(shown.text.split_whitespace().collect())
    }

    #[tokio::test]
    async fn json_goes_to_the_wire_and_back() {
        let json = r#"{"name":"Ada","times":3,"mood":"MOOD_GOOD","gifts":[{"what":"tea","weight":0.5}],"scores":{"a":"1"},"wire":"AAE=","at":"2026-01-02T03:04:05Z"}"#;
        assert_eq!(parsed(json).await.unwrap(), json);
    }

    #[tokio::test]
    async fn what_does_not_fit_is_named_with_its_place() {
        let cases = [
            (
                r#"{"nmae": "Ada"}"#,
                "`greeter.v1.HelloRequest` has no field `nmae`",
                "did you mean `name`? its fields are: name (string), times (int32), mood (greeter.v1.Mood), gifts (repeated \
                 greeter.v1.HelloRequest.Gift), scores (map<string, int64>), letter (string), wire (bytes), at \
                 (google.protobuf.Timestamp)",
            ),
            (
                r#"{"gifts": [{}, {"what": "x", "colour": 1}]}"#,
                "at `gifts[1]`: `greeter.v1.HelloRequest.Gift` has no field `colour`",
                "its fields are: what (string), weight (double)",
            ),
            (r#"{"times": "many"}"#, "at `times`: invalid digit found in string", "`times` is int32"),
            (r#"{"name": 5}"#, "at `name`: invalid type: integer `5`, expected a string", "`name` is string"),
            (
                r#"{"scores": {"a": true}}"#,
                "at `scores.a`: invalid type: boolean `true`, expected a 64-bit signed integer or decimal string",
                "`value` is int64",
            ),
            (r#"{"mood": "MOOD_ODD"}"#, "at `mood`: unrecognized enum value 'MOOD_ODD'", "`mood` is greeter.v1.Mood"),
        ];
        for (json, what, wanted) in cases {
            let error = parsed(json).await.unwrap_err();
            assert_eq!(error.to_string(), format!("the request is not a `greeter.v1.HelloRequest`: {what}"));
            assert_eq!(help(&error), wanted);
        }
        let error = parsed("{name: 1}").await.unwrap_err();
        assert_eq!(error.to_string(), "the request is not JSON: key must be a string at line 1 column 2");
    }

    /// The types in an Any are those of other files, which reflection must be asked for.
    #[tokio::test]
    async fn any_holds_what_reflection_knows() {
        let boxes = "syntax = \"proto3\"; package box.v1; import \"google/protobuf/any.proto\";
                     message Box { google.protobuf.Any what = 1; }
                     service Boxes { rpc Echo(Box) returns (Box); }";
        let other = "syntax = \"proto3\"; package other; message Thing { string name = 1; }
                     service Others { rpc Echo(Thing) returns (Thing); }";
        let server = Server::start().await;
        let mut served = Catalog::default();
        served
            .add(compile(&[("box.proto", boxes)]).get_service_by_name("box.v1.Boxes").unwrap(), ServiceHealth::Serving);
        served.add(
            compile(&[("other.proto", other)]).get_service_by_name("other.Others").unwrap(),
            ServiceHealth::Serving,
        );
        server.fake.catalog.send_replace(Arc::new(served));
        let json = r#"{"what":{"@type":"type.googleapis.com/other.Thing","name":"tea"}}"#;
        let mut writing = schema(&server).await;
        let message = writing.method("box.v1.Boxes/Echo").await.unwrap().input();
        let encoded = parse_request(&mut writing, &message, json).await.unwrap();
        let mut reading = schema(&server).await;
        let message = reading.method("box.v1.Boxes/Echo").await.unwrap().output();
        let shown = print_response(&mut reading, &message, encoded, JsonLayout::Pretty).await.unwrap();
        assert_eq!(shown.text.split_whitespace().collect::<String>(), json);
        // Any{type_url: "x.Y", value: 01}
        let unknown = Bytes::from_static(b"\x0a\x08\x0a\x03x.Y\x12\x01\x01");
        let shown = print_response(&mut reading, &message, unknown, JsonLayout::Pretty).await.unwrap();
        assert!(shown.text.contains("type_url: \"x.Y\""), "{}", shown.text);
        assert!(shown.note.unwrap().contains("text format"));
    }

    #[tokio::test]
    async fn a_response_of_another_type_is_an_error() {
        let mut schema = DynamicSchema::of_files(greeter());
        let message = greeter().get_message_by_name("greeter.v1.HelloReply").unwrap();
        let error = print_response(&mut schema, &message, Bytes::from_static(&[0x0a, 0xff]), JsonLayout::Pretty)
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "the response is not a `greeter.v1.HelloReply`");
    }

    #[tokio::test]
    async fn details_are_shown_with_their_fields() {
        let mut schema = DynamicSchema::of_files(greeter());
        let violation = [&b"\x0a\x0d\x0a\x04name\x12\x05empty"[..]].concat();
        let cases = [
            (
                "type.googleapis.com/google.rpc.BadRequest",
                violation,
                r#"google.rpc.BadRequest {"fieldViolations":[{"field":"name","description":"empty"}]}"#,
            ),
            (
                "type.googleapis.com/greeter.v1.HelloReply",
                text("hi").to_vec(),
                r#"greeter.v1.HelloReply {"message":"hi"}"#,
            ),
            ("type.googleapis.com/x.Y", vec![8, 1], "type.googleapis.com/x.Y CAE (base64)"),
            (
                "type.googleapis.com/google.rpc.RetryInfo",
                vec![0xff],
                "type.googleapis.com/google.rpc.RetryInfo /w (base64)",
            ),
        ];
        for (type_url, value, wanted) in cases {
            let detail = StatusDetail { type_url: type_url.to_owned(), value };
            assert_eq!(describe_detail(&mut schema, &detail).await, wanted);
        }
    }
}
