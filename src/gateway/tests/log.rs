use std::io;
use std::sync::Mutex;

use crate::gateway::tests::*;

#[derive(Clone, Default)]
struct JsonLinesEncoder(Arc<Mutex<Vec<u8>>>);

impl io::Write for JsonLinesEncoder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut *self.0.lock().unwrap(), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The subscriber is the whole process's: with one of a thread's own, tracing lets other threads switch the events off.
/// Other tests log as well, so lines are told apart by the peer.
#[tokio::test]
async fn each_call_leaves_one_line_with_its_code() {
    let lines = JsonLinesEncoder::default();
    let writer = lines.clone();
    let filter = tracing_subscriber::EnvFilter::new("okra=debug");
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let mut server = Server::start().await;
    let channel = server.channel().await;
    call(channel.clone(), "Hello", request("Ada")).await.unwrap();
    call(channel.clone(), "Fail", request("bare")).await.unwrap_err();
    let mut chat =
        stream(channel.clone(), "Chat", tokio_stream::iter([text("a"), text("b")])).await.unwrap().into_inner();
    while chat.message().await.unwrap().is_some() {}
    let waiting = tokio::spawn(call(channel, "Wait", request("Ada")));
    let mut waits = server.began.recv().await.unwrap();
    for _ in 0..3 {
        waits = server.began.recv().await.unwrap();
    }
    waiting.abort();
    waits.cancellation.cancelled().await;
    server.stop();
    server.stopped().await;
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for (method, level, end) in [
        ("Hello", "DEBUG okra::gateway::call: call ended", "code=\"OK\" ms="),
        ("Fail", "INFO okra::gateway::call: call failed", "code=\"NOT_FOUND\" ms="),
        ("Chat", "DEBUG okra::gateway::call: call ended", "received=2 sent=2"),
        ("Wait", "INFO okra::gateway::call: call cancelled by its client", "code=\"CANCELLED\" ms="),
    ] {
        let peer = waits.peer.unwrap();
        let call = format!("service=\"greeter.v1.Greeter\" method=\"{method}\" peer={peer} ");
        let lines = text.lines().filter(|line| line.contains(&call)).collect::<Vec<_>>();
        assert_eq!(lines.len(), 1, "{text}");
        assert!(lines[0].contains(level) && lines[0].contains(end), "{}", lines[0]);
    }
}
