use std::io::Write;
use std::sync::Mutex;

use super::*;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Write::write(&mut *self.0.lock().unwrap(), bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn each_call_leaves_one_line_with_its_code() {
    let lines = Lines::default();
    let writer = lines.clone();
    let filter = tracing_subscriber::EnvFilter::new("okra=debug");
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let mut server = Server::start().await;
    let channel = server.channel().await;
    call(channel.clone(), "Hello", request("Ada")).await.unwrap();
    call(channel.clone(), "Fail", request("bare")).await.unwrap_err();
    let waiting = tokio::spawn(call(channel, "Wait", request("Ada")));
    for _ in 0..3 {
        server.began.recv().await.unwrap();
    }
    waiting.abort();
    server.stop();
    server.stopped().await;
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let of = |method: &str| {
        let field = format!("method={method} ");
        text.lines().filter(|line| line.contains(&field)).map(str::to_owned).collect::<Vec<_>>()
    };
    for (method, level, end) in [
        ("Hello", "DEBUG", "call ended code=\"OK\" ms="),
        ("Fail", "INFO", "call failed code=\"NOT_FOUND\" ms="),
        ("Wait", "INFO", "call cancelled by its caller code=\"CANCELLED\" ms="),
    ] {
        let lines = of(method);
        assert_eq!(lines.len(), 1, "{text}");
        assert!(lines[0].contains(level) && lines[0].contains(end), "{}", lines[0]);
        assert!(lines[0].contains("call{service=greeter.v1.Greeter "), "{}", lines[0]);
    }
}
