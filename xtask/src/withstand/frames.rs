//! Hostile clients that write their frames by hand: what no library of HTTP/2 would send.

use std::net::Ipv4Addr;
use std::time::Duration;

use miette::IntoDiagnostic as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpSocket, TcpStream};

use crate::withstand::Attack;
use crate::withstand::clients::{PREFACE, repeat};
use crate::withstand::peer::hostile;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// The attacks by such clients.
pub(crate) fn attacks() -> Vec<Attack> {
    vec![
        Attack {
            name: "clients that send bodies of a byte a frame to calls that do not read",
            begin: |address| Box::pin(bytes_apart(address)),
        },
        Attack {
            name: "clients that reset calls as fast as they can",
            begin: |address| Box::pin(rapid_resets(address)),
        },
        Attack {
            name: "clients that never end their headers",
            begin: |address| Box::pin(flood(address, || frame(CONTINUATION, 0, 1, b"\x00\x01x\x01x"), false)),
        },
        Attack {
            name: "clients that flood with settings",
            begin: |address| Box::pin(flood(address, || frame(SETTINGS, 0, 0, &[]), true)),
        },
        Attack {
            name: "clients that flood with window updates",
            begin: |address| Box::pin(flood(address, || frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]), true)),
        },
        Attack {
            name: "clients that flood with frames of a byte",
            begin: |address| Box::pin(flood(address, || frame(DATA, 0, 1, b"x"), true)),
        },
        Attack {
            name: "clients that close half of their connections and read nothing",
            begin: |address| Box::pin(half_closed(address)),
        },
        Attack { name: "clients that connect and leave", begin: |address| Box::pin(visitors(address)) },
    ]
}

fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = (content.len() as u32).to_be_bytes();
    [&length[..], &[kind, flags], &stream.to_be_bytes(), content].concat()
}

/// The headers of a call in HPACK, by its static table.
fn request_head(method: &str) -> Vec<u8> {
    let text = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
    let path = [vec![4], text(&hostile(method))].concat();
    let content_type = [vec![0x0f, 0x10], text("application/grpc")].concat();
    // POST and http.
    [&[0x83, 0x86], &path[..], &[1], &text("okra"), &content_type].concat()
}

/// Opens a connection whose answers are read and dropped.
async fn connect(address: &str) -> miette::Result<OwnedWriteHalf> {
    let mut stream = TcpStream::connect(address).await.into_diagnostic()?;
    stream.write_all(PREFACE).await.into_diagnostic()?;
    let (mut reading, writing) = stream.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut reading, &mut tokio::io::sink()).await });
    Ok(writing)
}

/// Sends the head of a call, then a frame without end.
async fn flood(address: String, flood: fn() -> Vec<u8>, ends_headers: bool) -> miette::Result<()> {
    repeat(4, || {
        let address = address.clone();
        async move {
            let mut connection = connect(&address).await?;
            let flags = if ends_headers { END_HEADERS } else { 0 };
            connection.write_all(&frame(HEADERS, flags, 1, &request_head("Collect"))).await.into_diagnostic()?;
            let flood = flood().repeat(1000);
            loop {
                connection.write_all(&flood).await.into_diagnostic()?;
            }
        }
    })
    .await
}

async fn bytes_apart(address: String) -> miette::Result<()> {
    repeat(8, || {
        let address = address.clone();
        async move {
            let mut connection = connect(&address).await?;
            for number in 0..60 {
                // Most of the calls wait for an instance.
                let id = 2 * number + 1;
                let head = frame(HEADERS, END_HEADERS, id, &request_head("Collect"));
                let parts = frame(DATA, 0, id, &[0]).repeat(60_000);
                connection.write_all(&[head, parts].concat()).await.into_diagnostic()?;
            }
            std::future::pending().await
        }
    })
    .await
}

async fn rapid_resets(address: String) -> miette::Result<()> {
    repeat(4, || {
        let address = address.clone();
        async move {
            let mut connection = connect(&address).await?;
            let head = request_head("Echo");
            for first in (1..u32::MAX / 2).step_by(200) {
                let ids = (first..first + 200).step_by(2);
                let calls =
                    ids.map(|id| [frame(HEADERS, END_HEADERS, id, &head), frame(RST_STREAM, 0, id, &[0, 0, 0, 8])]);
                let calls: Vec<_> = calls.flatten().flatten().collect();
                connection.write_all(&calls).await.into_diagnostic()?;
            }
            Ok(())
        }
    })
    .await
}

async fn half_closed(address: String) -> miette::Result<()> {
    repeat(200, || {
        let address = address.clone();
        async move {
            let mut stream = TcpStream::connect(&address).await.into_diagnostic()?;
            let head = "POST /test.withstand.v1.Hostile/Fill HTTP/1.1\r\nhost: okra\r\ncontent-type: application/json\r\n\
                        content-length: 16\r\n\r\n{\"size\":1000000}";
            stream.write_all(head.as_bytes()).await.into_diagnostic()?;
            stream.shutdown().await.into_diagnostic()?;
            tokio::time::sleep(Duration::from_secs(2)).await;
            Ok(())
        }
    })
    .await
}

async fn visitors(address: String) -> miette::Result<()> {
    repeat(64, || {
        let address = address.clone();
        async move {
            let socket = TcpSocket::new_v4().into_diagnostic()?;
            socket.bind((Ipv4Addr::new(127, 0, 0, random_octet()), 0).into()).into_diagnostic()?;
            let mut stream = socket.connect(address.parse().into_diagnostic()?).await.into_diagnostic()?;
            stream.write_all(PREFACE).await.into_diagnostic()?;
            stream.read(&mut [0; 64]).await.into_diagnostic()?;
            Ok(())
        }
    })
    .await
}

/// Returns a number from 2 to 251: one address would run out of ports.
fn random_octet() -> u8 {
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0_u8);
    (random % 250) as u8 + 2
}
