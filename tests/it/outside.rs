//! Services that are imported from servers outside: real ones, and ones that misbehave.

mod server;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use okra::call::Code;
use okra::config::{Address, Import};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use self::server::{Answer, Server};
use super::host::TestHost;
use super::streams::{ONWARD, STREAMS, call, is_whole};

const BILLING: &str = "examples/shop/billing";
const USERS: &str = "shop.users.v1.Users";
const GET_INVOICE: &str = "shop.billing.v1.Billing/GetInvoice";
const REQUEST: &str = r#"{"invoiceId":"i-1"}"#;

async fn billing(addresses: Vec<Address>) -> TestHost {
    TestHost::importing(BILLING, USERS, Import::to(addresses), None).await
}

/// What becomes of an invoice that needs a user from this address.
async fn failure(address: Address) -> (Code, String) {
    let failure = billing(vec![address]).await.call(GET_INVOICE, REQUEST).await.unwrap_err();
    (failure.status.code, failure.status.message.clone())
}

#[tokio::test]
async fn a_component_calls_a_server_outside_as_one_in_the_same_process() {
    let users = TestHost::with(&["examples/shop/users"]).await;
    let billing = billing(vec![users.listen().await]).await;
    billing.runtime.check_imports().unwrap();
    let invoice = billing.call(GET_INVOICE, REQUEST).await.unwrap();
    let user = users.call("shop.users.v1.Users/GetUser", r#"{"userId":"u-3"}"#).await.unwrap();
    assert!(invoice.contains(&user), "{invoice} has {user} in it");
}

#[tokio::test]
async fn all_shapes_are_called_outside() {
    let outside = TestHost::with(&["tests/guests/streams"]).await;
    let import = Import::to(vec![outside.listen().await]);
    let host = TestHost::importing("tests/guests/streams", STREAMS, import, None).await;
    let count = call(&host, ONWARD, "Count", &[1000]).await;
    assert_eq!(count.numbers, (1..=1000).collect::<Vec<_>>(), "{:?}", count.outcome);
    assert_eq!(call(&host, ONWARD, "Sum", &(1..=100).collect::<Vec<_>>()).await.numbers, [5050]);
    assert_eq!(call(&host, ONWARD, "Double", &[1, 2, 3]).await.numbers, [2, 4, 6]);
    // A dropped call ends at the callee, wherever that is.
    assert_eq!(call(&host, ONWARD, "Leave", &[3]).await.numbers, [3]);
    let told = host.call("test.streams.v1.Onward/Tell", r#"{"value":"5"}"#).await.unwrap();
    assert_eq!(told, r#"{"text":"5 6 ABORTED: on purpose, header, trailer"}"#);
    is_whole(&outside).await;
}

#[tokio::test]
async fn deadline_trace_and_status_travel() {
    let server = Server::start(|request| {
        let header = |name| request.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        assert!(header("grpc-timeout").is_some_and(|timeout| timeout != "0n"), "{:?}", request.headers);
        let trace = (header("traceparent"), header("tracestate"));
        match trace == (Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()), Some("a=b".into())) {
            true => Answer::Status(5, "no such%20user"),
            false => Answer::Status(9, "no trace"),
        }
    });
    let server = server.await;
    let host = billing(vec![server.address()]).await;
    let (mut context, request) = host.prepare(GET_INVOICE, REQUEST);
    context.metadata.add("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
    context.metadata.add("tracestate", b"a=b").unwrap();
    let status = host.runtime.handler().unary(context, request).await.unwrap_err().status;
    assert_eq!((status.code, &*status.message), (Code::NotFound, "no such user"));
}

#[tokio::test]
async fn a_server_that_is_down() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let (code, message) = failure(address.clone()).await;
    assert_eq!(code, Code::Unavailable, "{message}");
    assert!(message.contains(&address.to_string()) && message.contains("refused"), "{message}");
    assert!(message.contains("called through shop.billing.v1.Billing"), "{message}");
}

/// A server that does this with each connection.
async fn raw<F: Future<Output = ()> + Send>(serve: impl Fn(tokio::net::TcpStream) -> F + Send + 'static) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            serve(stream).await;
        }
    });
    address
}

#[tokio::test]
async fn a_server_that_does_not_answer() {
    let address = raw(|stream| async move {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(60)).await;
            drop(stream);
        });
    });
    let (code, message) = failure(address.await).await;
    assert_eq!(code, Code::DeadlineExceeded, "{message}");
}

#[tokio::test]
async fn a_server_that_speaks_http_1() {
    let address = raw(|mut stream| async move {
        let mut buffer = [0; 1024];
        let _ = stream.read(&mut buffer).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        let _ = stream.read(&mut buffer).await;
    });
    let (code, message) = failure(address.await).await;
    assert_eq!(code, Code::Unavailable, "{message}");
}

#[tokio::test]
async fn a_server_that_hangs_up() {
    let address = raw(|mut stream| async move {
        let mut buffer = [0; 1024];
        let _ = stream.read(&mut buffer).await;
    });
    let (code, message) = failure(address.await).await;
    assert_eq!(code, Code::Unavailable, "{message}");
}

#[tokio::test]
async fn answers_that_are_none() {
    for (answer, expected) in [
        // Unknown to us is UNKNOWN, which is for the billing service to deal with.
        (Answer::Status(99, "what"), "UNKNOWN: what"),
        (Answer::Message(b"\xff\xff\xff"), "INTERNAL"),
        (Answer::Reset(h2::Reason::INTERNAL_ERROR), "INTERNAL"),
        (Answer::Http(404), "UNIMPLEMENTED"),
        (Answer::Nothing, "UNIMPLEMENTED"),
    ] {
        let server = Server::start(move |_| answer.clone()).await;
        let (code, message) = failure(server.address()).await;
        assert_eq!(code, Code::Internal, "{message}");
        assert!(message.contains(expected), "{expected}: {message}");
    }
    let server = Server::start(|_| Answer::Http(503)).await;
    assert_eq!(failure(server.address()).await.0, Code::Unavailable);
}

#[tokio::test]
async fn several_servers_take_turns_and_stand_in_for_each_other() {
    let (one, other) = (Server::users().await, Server::users().await);
    let host = billing(vec![one.address(), other.address()]).await;
    for _ in 0..10 {
        host.call(GET_INVOICE, REQUEST).await.unwrap();
    }
    assert_eq!((one.calls(), other.calls()), (5, 5));
    one.stop().await;
    for _ in 0..10 {
        host.call(GET_INVOICE, REQUEST).await.unwrap();
    }
    assert_eq!(other.calls(), 15);
}

#[tokio::test]
async fn a_server_that_comes_back_is_called_again() {
    let server = Server::users().await;
    let host = billing(vec![server.address()]).await;
    host.call(GET_INVOICE, REQUEST).await.unwrap();
    let address = server.address();
    server.stop().await;
    assert_eq!(host.call(GET_INVOICE, REQUEST).await.unwrap_err().status.code, Code::Unavailable);
    let server = Server::users_at(&address).await;
    // Its address rests for a moment.
    while host.call(GET_INVOICE, REQUEST).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(server.calls() > 0);
}

#[tokio::test]
async fn a_server_that_says_that_it_is_not_serving_is_spared() {
    let (ill, well) = (Server::users().await, Server::users().await);
    let host = billing(vec![ill.address(), well.address()]).await;
    ill.set_serving(false);
    // The first call of each brings the connection; what the server says comes a moment later.
    while {
        let before = ill.calls();
        host.call(GET_INVOICE, REQUEST).await.unwrap();
        host.call(GET_INVOICE, REQUEST).await.unwrap();
        ill.calls() > before
    } {}
    ill.set_serving(true);
    let before = ill.calls();
    while ill.calls() == before {
        host.call(GET_INVOICE, REQUEST).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_refused_unseen_is_tried_again() {
    let tries = AtomicUsize::new(0);
    let server = Server::start(move |_| match tries.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => Answer::Reset(h2::Reason::REFUSED_STREAM),
        _ => Answer::Message(b"\x0a\x03u-3"),
    });
    let server = server.await;
    let host = billing(vec![server.address()]).await;
    assert!(host.call(GET_INVOICE, REQUEST).await.unwrap().contains("u-3"));
    assert_eq!((server.calls(), server.connections()), (3, 1), "a refused call says nothing of its connection");
}

#[tokio::test]
async fn only_what_may_be_called_twice_is_tried_again_after_an_answer() {
    let server = Server::start(|_| Answer::Status(14, "not now")).await;
    let host = billing(vec![server.address()]).await;
    // GetUser has no side effects, says its .proto file.
    let status = host.call(GET_INVOICE, REQUEST).await.unwrap_err().status;
    assert_eq!((status.code, &*status.message), (Code::Unavailable, "not now"));
    assert_eq!(server.calls(), 4);
    let outside = Server::start(|_| Answer::Status(14, "not now")).await;
    let import = Import::to(vec![outside.address()]);
    let host = TestHost::importing("tests/guests/streams", STREAMS, import, None).await;
    assert_eq!(call(&host, ONWARD, "Count", &[3]).await.outcome.unwrap_err().status.code, Code::Unavailable);
    assert_eq!(outside.calls(), 1);
}

#[tokio::test]
async fn a_server_with_a_certificate_asks_for_ours() {
    let tls = server::Tls::new();
    let server = Server::secure(&tls).await;
    let import = |ca: Option<&str>| Import {
        ca: ca.map(str::to_owned),
        server_name: Some("users.example".into()),
        ..Import::to(vec![server.address()])
    };
    let identity = Some(tls.identity());
    let host = TestHost::importing(BILLING, USERS, import(Some(&tls.ca)), identity.clone()).await;
    host.call(GET_INVOICE, REQUEST).await.unwrap();
    for (import, identity) in [(import(None), identity), (import(Some(&tls.ca)), None)] {
        let host = TestHost::importing(BILLING, USERS, import, identity).await;
        assert_eq!(host.call(GET_INVOICE, REQUEST).await.unwrap_err().status.code, Code::Unavailable);
    }
    assert_eq!(server.calls(), 1);
}
