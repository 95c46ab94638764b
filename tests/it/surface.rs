//! One host surface: the guest of each language says the same of a call, and the right thing, over every protocol.
//!
//! All calls come over one HTTP/2 connection with mutual TLS, as bytes that are written here: no client library stands
//! between.

use std::sync::Arc;

use base64::Engine as _;
use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use okra::call::UnaryResponse;
use okra::gateway::{self, GatewaySettings, ServerTls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use serde_json::{Value, json};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tower::{Service as _, ServiceExt as _};

use super::host::TestHost;

const DESCRIBE: &str = "test.surface.v1.Surface/Describe";
const DESCRIBE_LOCALLY: &str = "test.surface.v1.SurfaceCaller/Describe";
const CALLER: &str = "spiffe://test/client";

guests! {
    rust: "tests/guests/surface", go: "tests/guests/surface-go", python: "tests/guests/surface-python";
    everything_that_the_host_says_of_a_call_is_the_same_in_each_language
}

async fn everything_that_the_host_says_of_a_call_is_the_same_in_each_language(guest: &str) {
    let server = Server::start(guest).await;

    let grpc = server.call_grpc(DESCRIBE).await;
    assert_eq!(grpc.description, server.described("grpc", "proto", None));
    assert_eq!((grpc.header("x-header"), grpc.header("x-trailer")), ("header", "trailer"));

    let grpc_web = server.call_grpc_web().await;
    assert_eq!(grpc_web.description, server.described("grpc-web", "proto", None));
    assert_eq!((grpc_web.header("x-header"), grpc_web.header("x-trailer")), ("header", "trailer"));

    let connect = server.call_connect().await;
    assert_eq!(connect.description, server.described("connect", "json", None));
    assert_eq!((connect.header("x-header"), connect.header("trailer-x-trailer")), ("header", "trailer"));

    let query = "connect=v1&encoding=json&message=%7B%22word%22%3A%22Ada%22%7D";
    let connect_get = server.get(&format!("/{DESCRIBE}?{query}")).await;
    assert_eq!(connect_get.description, server.described("connect", "json", Some(query)));
    assert_eq!((connect_get.header("x-header"), connect_get.header("trailer-x-trailer")), ("header", "trailer"));

    let rest = server.get("/v1/surface/Ada?note=a%20b").await;
    assert_eq!(rest.description, server.described("rest", "json", Some("note=a%20b")));
    assert_eq!(rest.header("x-header"), "header");

    let local = server.call_grpc(DESCRIBE_LOCALLY).await;
    let expected = json!({
        "service": "test.surface.v1.Surface",
        "method": "Describe",
        "protocol": "local",
        "codec": "proto",
        "metadata": ["Ada", "ff00"],
        "timeoutMs": "5000",
        "hasRemaining": true,
        "chain": ["test.surface.v1.SurfaceCaller"],
        "broughtBack": ["header", "trailer"],
        "refusesProtocolHeader": true,
    });
    assert_eq!(local.description, expected);
}

/// A server with a guest of one language and `surface-caller`, and a connection to it with a client's certificate.
struct Server {
    host: TestHost,
    authority: String,
    certificate_bytes: usize,
    channel: Channel,
}

/// What a call brought back: the message as JSON, and headers and trailers together.
struct Answer {
    description: Value,
    headers: HeaderMap,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Server {
    async fn start(guest: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(path("clients.pem"), authority.pem()).unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(path("server.pem"), made.cert.pem()).unwrap();
        std::fs::write(path("server.key"), made.signing_key.serialize_pem()).unwrap();
        let tls = ServerTls::load(path("server.pem"), path("server.key"), Some(path("clients.pem"))).unwrap();

        let mut params = CertificateParams::new(vec![]).unwrap();
        params.subject_alt_names = vec![SanType::URI(CALLER.try_into().unwrap())];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();

        let host = TestHost::with(&[guest, "tests/guests/surface-caller"]).await;
        let listener = gateway::listen("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let settings = GatewaySettings { tls: Some(Arc::new(tls)), ..GatewaySettings::default() };
        let runtime = host.runtime.clone();
        let (handler, catalog) = (runtime.handler(), runtime.catalog());
        tokio::spawn(async move { gateway::serve(listener, handler, catalog, settings, std::future::pending()).await });

        let identity = Identity::from_pem(certificate.pem(), key.serialize_pem());
        let trusted = Certificate::from_pem(made.cert.pem());
        let tls = ClientTlsConfig::new().domain_name("localhost").ca_certificate(trusted).identity(identity);
        let endpoint = Endpoint::from_shared(format!("https://{authority}")).unwrap().tls_config(tls).unwrap();
        let channel = endpoint.connect().await.unwrap();
        Self { host, authority, certificate_bytes: certificate.der().len(), channel }
    }

    /// What a guest says of a call from outside.
    fn described(&self, protocol: &str, codec: &str, get_query: Option<&str>) -> Value {
        let mut described = json!({
            "service": "test.surface.v1.Surface",
            "method": "Describe",
            "protocol": protocol,
            "codec": codec,
            "metadata": ["Ada", "ff00"],
            "timeoutMs": "7000",
            "hasRemaining": true,
            "hasPeer": true,
            "caller": format!("uri:{CALLER}"),
            "certificateBytes": self.certificate_bytes,
            "authority": self.authority,
            "refusesProtocolHeader": true,
        });
        if let Some(query) = get_query {
            described["getQuery"] = query.into();
        }
        described
    }

    async fn call_grpc(&self, path: &str) -> Answer {
        let headers = [("content-type", "application/grpc"), ("te", "trailers"), ("grpc-timeout", "7S")];
        let body = frame(&self.host.prepare(path, r#"{"word":"Ada"}"#).1);
        let (headers, body) = self.send("POST", &format!("/{path}"), &headers, body).await;
        assert_eq!(headers.get("grpc-status").unwrap(), "0", "{headers:?}");
        self.decoded(path, headers, body.slice(5..))
    }

    async fn call_grpc_web(&self) -> Answer {
        let headers = [("content-type", "application/grpc-web+proto"), ("grpc-timeout", "7S")];
        let body = frame(&self.host.prepare(DESCRIBE, r#"{"word":"Ada"}"#).1);
        let (mut headers, body) = self.send("POST", &format!("/{DESCRIBE}"), &headers, body).await;
        let length = u32::from_be_bytes(body[1..5].try_into().unwrap()) as usize;
        let (message, trailers) = (body.slice(5..5 + length), body.slice(5 + length..));
        assert_eq!(trailers[0], 0x80, "trailers follow the message");
        for line in std::str::from_utf8(&trailers[5..]).unwrap().lines() {
            let (name, value) = line.split_once(':').unwrap();
            let name: http::HeaderName = name.parse().unwrap();
            headers.insert(name, value.trim().parse().unwrap());
        }
        self.decoded(DESCRIBE, headers, message)
    }

    async fn call_connect(&self) -> Answer {
        let headers =
            [("content-type", "application/json"), ("connect-protocol-version", "1"), ("connect-timeout-ms", "7000")];
        let body = Bytes::from_static(br#"{"word":"Ada"}"#);
        let (headers, body) = self.send("POST", &format!("/{DESCRIBE}"), &headers, body).await;
        Answer { headers, description: serde_json::from_slice(&body).unwrap() }
    }

    async fn get(&self, path: &str) -> Answer {
        let (headers, body) = self.send("GET", path, &[("connect-timeout-ms", "7000")], Bytes::new()).await;
        Answer { headers, description: serde_json::from_slice(&body).unwrap() }
    }

    fn decoded(&self, path: &str, headers: HeaderMap, message: Bytes) -> Answer {
        let json = self.host.json(path, &UnaryResponse { message, ..UnaryResponse::default() });
        Answer { headers, description: serde_json::from_str(&json).unwrap() }
    }

    /// Sends a request with the metadata of every call; gives headers and trailers together, and the body.
    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Bytes) -> (HeaderMap, Bytes) {
        let binary = base64::engine::general_purpose::STANDARD_NO_PAD.encode([0xff, 0x00]);
        let request = Request::builder().method(method).uri(path).header("x-word", "Ada").header("x-word-bin", binary);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(tonic::body::Body::new(Full::new(body))).unwrap();
        let mut channel = self.channel.clone();
        let response = channel.ready().await.unwrap().call(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap();
        let mut headers = parts.headers;
        headers.extend(body.trailers().cloned().unwrap_or_default());
        let body = body.to_bytes();
        assert_eq!(parts.status, 200, "{headers:?} {body:?}");
        (headers, body)
    }
}

/// A message as gRPC frames it.
fn frame(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(message.len().try_into().unwrap());
    framed.put_slice(message);
    framed.freeze()
}
