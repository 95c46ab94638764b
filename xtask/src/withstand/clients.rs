//! Hostile clients.

use std::io::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use miette::IntoDiagnostic as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::withstand::Attack;
use crate::withstand::peer::{Peer, frame, hostile};

/// The attacks by clients.
pub(crate) fn attacks() -> Vec<Attack> {
    vec![
        Attack {
            name: "clients that send 300 bodies of 4 MB and never end them",
            begin: |address| Box::pin(bodies(address)),
        },
        Attack { name: "clients that read none of 300 answers of 3 MB", begin: |address| Box::pin(windows(address)) },
        Attack { name: "clients that read none of 100 streams", begin: |address| Box::pin(unread_streams(address)) },
        Attack { name: "clients that reset 200 calls at a time", begin: |address| Box::pin(resets(address)) },
        Attack { name: "clients that flood with pings", begin: |address| Box::pin(pings(address)) },
        Attack {
            name: "clients that open 500 streams and are silent",
            begin: |address| Box::pin(silent_streams(address)),
        },
        Attack { name: "clients that open 900 reflection streams", begin: |address| Box::pin(reflection(address)) },
        Attack { name: "clients with 800 idle connections", begin: |address| Box::pin(idle_connections(address)) },
        Attack {
            name: "clients that send a byte of a header at a time",
            begin: |address| Box::pin(slow_headers(address)),
        },
        Attack { name: "clients that send messages 100,000 deep", begin: |address| Box::pin(depth(address)) },
        Attack { name: "clients that send JSON 100,000 deep", begin: |address| Box::pin(json_depth(address)) },
        Attack {
            name: "clients that send a gigabyte of zeros in gzip",
            begin: |address| Box::pin(gzip_zeros(address)),
        },
        Attack {
            name: "clients that send 200,000 empty members of gzip",
            begin: |address| Box::pin(gzip_members(address)),
        },
        Attack { name: "clients that send 15 KB of headers", begin: |address| Box::pin(headers(address)) },
        Attack { name: "clients that send garbage", begin: |address| Box::pin(garbage(address)) },
        Attack { name: "clients with 400 deadlines of 5 ms", begin: |address| Box::pin(deadlines(address)) },
        Attack {
            name: "clients that send a megabyte of text for a number",
            begin: |address| Box::pin(misfits(address)),
        },
        Attack {
            name: "clients that send a byte of a body at a time",
            begin: |address| Box::pin(slow_bodies(address)),
        },
        Attack {
            name: "clients that ask for 3 MB in base64 and in JSON",
            begin: |address| Box::pin(conversions(address)),
        },
    ]
}

/// Does something for ever, one after another, on so many tasks.
pub(crate) async fn repeat<F>(tasks: usize, attack: impl Fn() -> F) -> miette::Result<()>
where
    F: Future<Output = miette::Result<()>> + Send + 'static,
{
    let mut running = tokio::task::JoinSet::new();
    loop {
        while running.len() < tasks {
            running.spawn(attack());
        }
        // The server may refuse an attacker; the next one comes a little later.
        if let Some(Ok(Err(_))) = running.join_next().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn bodies(address: String) -> miette::Result<()> {
    let mut open = Vec::new();
    for _ in 0..6 {
        let peer = Peer::connect(&address).await?;
        for _ in 0..50 {
            let (response, mut stream) = peer.open(&hostile("Echo"), &[]).await?;
            let mut part = frame(&vec![1; 4_100_000]);
            stream.send_data(part.split_to(part.len() - 1), false).into_diagnostic()?;
            open.push((response, stream));
        }
    }
    std::future::pending().await
}

async fn windows(address: String) -> miette::Result<()> {
    let mut open = Vec::new();
    for _ in 0..6 {
        let peer = Peer::with_window(&address, 0).await?;
        for _ in 0..50 {
            let (response, mut stream) = peer.open(&hostile("Fill"), &[]).await?;
            // 3,000,000 bytes.
            stream.send_data(frame(b"\x10\xc0\x8d\xb7\x01"), true).into_diagnostic()?;
            open.push((response, stream));
        }
    }
    std::future::pending().await
}

async fn unread_streams(address: String) -> miette::Result<()> {
    let mut open = Vec::new();
    for _ in 0..4 {
        let peer = Peer::with_window(&address, 0).await?;
        for _ in 0..25 {
            let (response, mut stream) = peer.open(&hostile("Feed"), &[]).await?;
            stream.send_data(frame(b"\x10\xc0\x84\x3d"), true).into_diagnostic()?;
            open.push((response, stream));
        }
    }
    std::future::pending().await
}

async fn resets(address: String) -> miette::Result<()> {
    repeat(2, || {
        let address = address.clone();
        async move {
            let peer = Peer::connect(&address).await?;
            loop {
                let mut open = Vec::new();
                for _ in 0..200 {
                    let (_, mut stream) = peer.open(&hostile("Echo"), &[]).await?;
                    stream.send_data(frame(&[]), false).into_diagnostic()?;
                    open.push(stream);
                }
                open.iter_mut().for_each(|stream| stream.send_reset(h2::Reason::CANCEL));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    })
    .await
}

/// The bytes with which a client of HTTP/2 begins, and its settings.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\x0012345678";

async fn pings(address: String) -> miette::Result<()> {
    repeat(4, || {
        let address = address.clone();
        async move {
            let mut stream = TcpStream::connect(&address).await.into_diagnostic()?;
            stream.write_all(PREFACE).await.into_diagnostic()?;
            let flood = PING.repeat(1000);
            loop {
                stream.write_all(&flood).await.into_diagnostic()?;
            }
        }
    })
    .await
}

async fn silent_streams(address: String) -> miette::Result<()> {
    let peer = Peer::connect(&address).await?;
    let mut open = Vec::new();
    for _ in 0..500 {
        open.push(peer.open(&hostile("Collect"), &[]).await?);
    }
    std::future::pending().await
}

async fn reflection(address: String) -> miette::Result<()> {
    let peer = Peer::connect(&address).await?;
    let mut open = Vec::new();
    for _ in 0..900 {
        open.push(peer.open("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", &[]).await?);
    }
    std::future::pending().await
}

async fn idle_connections(address: String) -> miette::Result<()> {
    let mut open = Vec::new();
    for _ in 0..800 {
        open.push(TcpStream::connect(&address).await.into_diagnostic()?);
    }
    std::future::pending().await
}

async fn slow_headers(address: String) -> miette::Result<()> {
    repeat(200, || {
        let address = address.clone();
        async move {
            let mut stream = TcpStream::connect(&address).await.into_diagnostic()?;
            for byte in b"POST /greeter.v1.Greeter/Hello HTTP/1.1\r\nx-slow: ".iter().chain(std::iter::repeat(&b'x')) {
                stream.write_all(&[*byte]).await.into_diagnostic()?;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Ok(())
        }
    })
    .await
}

/// Calls `Echo` again and again with a body.
async fn send(address: String, headers: &'static [(&'static str, &'static str)], body: Bytes) -> miette::Result<()> {
    repeat(8, || {
        let (address, body) = (address.clone(), body.clone());
        async move {
            let peer = Peer::connect(&address).await?;
            loop {
                peer.call_with(&hostile("Echo"), headers, body.clone()).await?;
            }
        }
    })
    .await
}

async fn depth(address: String) -> miette::Result<()> {
    let mut message = Vec::new();
    // Built from the innermost outwards, written backwards.
    for _ in 0..100_000 {
        let mut length = message.len();
        let mut head = vec![0x1a];
        while length >= 0x80 {
            head.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        head.push(length as u8);
        message.extend(head.into_iter().rev());
    }
    message.reverse();
    send(address, &[], frame(&message)).await
}

async fn json_depth(address: String) -> miette::Result<()> {
    let text = "{\"payload\":".repeat(100_000);
    repeat(8, || {
        let (address, text) = (address.clone(), text.clone());
        async move {
            let mut stream = TcpStream::connect(&address).await.into_diagnostic()?;
            let head = format!(
                "POST /test.withstand.v1.Hostile/Echo HTTP/1.1\r\nhost: okra\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\n\r\n",
                text.len()
            );
            stream.write_all(head.as_bytes()).await.into_diagnostic()?;
            stream.write_all(text.as_bytes()).await.into_diagnostic()?;
            stream.read(&mut [0; 4096]).await.into_diagnostic()?;
            Ok(())
        }
    })
    .await
}

fn compressed(message: &[u8]) -> Bytes {
    let mut body = vec![1];
    body.extend((message.len() as u32).to_be_bytes());
    body.extend(message);
    body.into()
}

async fn gzip_zeros(address: String) -> miette::Result<()> {
    static BODY: OnceLock<Bytes> = OnceLock::new();
    let body = BODY.get_or_init(|| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let zeros = vec![0; 1 << 20];
        (0..1024).for_each(|_| drop(encoder.write_all(&zeros)));
        compressed(&encoder.finish().unwrap_or_default())
    });
    send(address, &[("grpc-encoding", "gzip")], body.clone()).await
}

async fn gzip_members(address: String) -> miette::Result<()> {
    let member = GzEncoder::new(Vec::new(), Compression::fast()).finish().into_diagnostic()?;
    send(address, &[("grpc-encoding", "gzip")], compressed(&member.repeat(200_000))).await
}

async fn headers(address: String) -> miette::Result<()> {
    static LARGE: OnceLock<String> = OnceLock::new();
    let value = LARGE.get_or_init(|| "v".repeat(15_000));
    repeat(16, || {
        let address = address.clone();
        async move {
            let peer = Peer::connect(&address).await?;
            loop {
                peer.call_with(&hostile("Echo"), &[("x-large", value)], frame(&[])).await?;
            }
        }
    })
    .await
}

async fn garbage(address: String) -> miette::Result<()> {
    repeat(16, || {
        let address = address.clone();
        async move {
            let mut stream = TcpStream::connect(&address).await.into_diagnostic()?;
            stream.write_all(PREFACE).await.into_diagnostic()?;
            let mut state = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0_u8);
            let mut bytes = [0; 4096];
            for byte in &mut bytes {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *byte = (state >> 56) as u8;
            }
            stream.write_all(&bytes).await.into_diagnostic()?;
            stream.read(&mut [0; 4096]).await.into_diagnostic()?;
            Ok(())
        }
    })
    .await
}

async fn deadlines(address: String) -> miette::Result<()> {
    repeat(4, || {
        let address = address.clone();
        async move {
            let peer = Peer::connect(&address).await?;
            loop {
                let mut open = Vec::new();
                for _ in 0..100 {
                    let (response, mut stream) = peer.open(&hostile("Fill"), &[("grpc-timeout", "5m")]).await?;
                    stream.send_data(frame(b"\x10\xa0\x8d\x06"), true).into_diagnostic()?;
                    open.push((response, stream));
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
                open.iter_mut().for_each(|(_, stream)| stream.send_reset(h2::Reason::CANCEL));
            }
        }
    })
    .await
}

/// Posts a body over HTTP/1.1 and reads the answer.
async fn post(address: &str, content_type: &str, body: &[u8]) -> miette::Result<usize> {
    let mut stream = TcpStream::connect(address).await.into_diagnostic()?;
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: okra\r\nconnection: close\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
        hostile(if content_type.contains("web") || body.len() < 100 { "Fill" } else { "Echo" }),
        body.len()
    );
    stream.write_all(head.as_bytes()).await.into_diagnostic()?;
    stream.write_all(body).await.into_diagnostic()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.into_diagnostic()
}

async fn misfits(address: String) -> miette::Result<()> {
    let text = format!("{{\"size\":\"{}\"}}", "x".repeat(1 << 20));
    repeat(8, || {
        let (address, text) = (address.clone(), text.clone());
        async move { post(&address, "application/json", text.as_bytes()).await.map(drop) }
    })
    .await
}

async fn conversions(address: String) -> miette::Result<()> {
    repeat(8, || {
        let address = address.clone();
        async move {
            post(&address, "application/json", b"{\"size\":3000000}").await?;
            // The same in a frame, in base64.
            post(&address, "application/grpc-web-text", b"AAAAAAUQwI23AQ==").await?;
            Ok(())
        }
    })
    .await
}

async fn slow_bodies(address: String) -> miette::Result<()> {
    repeat(200, || {
        let address = address.clone();
        async move {
            let mut stream = TcpStream::connect(&address).await.into_diagnostic()?;
            let head = "POST /test.withstand.v1.Hostile/Echo HTTP/1.1\r\nhost: okra\r\ncontent-type: application/json\r\n\
                        content-length: 1000000\r\n\r\n";
            stream.write_all(head.as_bytes()).await.into_diagnostic()?;
            loop {
                stream.write_all(b" ").await.into_diagnostic()?;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    })
    .await
}
