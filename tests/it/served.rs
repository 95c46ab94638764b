//! `okra serve` as a process of its own, at the limits of its operating system.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use okra::package::{Manifest, Package};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::host::package;

const GUEST: &str = "tests/guests/faults";
/// The beginning of an HTTP/2 connection, with empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A server that ends with the test.
struct ServeProcess {
    child: Child,
    address: String,
    /// The lines of its log after the one with its address.
    log: mpsc::Receiver<String>,
}

impl ServeProcess {
    /// Starts a server behind some commands of a shell, and waits until it listens.
    fn start(before: &str, limits: &str) -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        let config = folder.join("server.toml");
        std::fs::write(&config, format!("[limits]\n{limits}")).unwrap();
        let built = package(GUEST);
        let mut manifest = Manifest::clone(built.manifest());
        manifest.run.cpu = Duration::from_secs(60);
        manifest.run.instances = 16.try_into().unwrap();
        manifest.run.queue = 128;
        let package = folder.join("faults.wasm");
        std::fs::write(&package, Package::write(built.component(), built.descriptors(), &manifest).unwrap()).unwrap();
        let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("served");
        let mut child = Command::new("sh")
            .args(["-c", &format!("{before}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_okra"), "serve"])
            .arg(package)
            .args(["--listen", "127.0.0.1:0", "--config"])
            .arg(&config)
            .env("XDG_CACHE_HOME", cache)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address =
            lines.by_ref().find_map(|line| Some(line.unwrap().split_once("listening on http://")?.1.to_owned()));
        // A full pipe would stop the server's log.
        let (sender, log) = mpsc::channel();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        Self { child, address: address.expect("the server listens"), log }
    }
}

impl ServeProcess {
    /// Returns the MiB of memory that it has in use.
    fn memory_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        kibibytes.unwrap().parse::<u64>().unwrap() >> 10
    }
}

impl Drop for ServeProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn idle_connections_beyond_the_limit_of_open_files_lock_no_client_out() {
    let server = ServeProcess::start("ulimit -n 256", "");
    let mut idle = Vec::new();
    for number in 0..300 {
        let mut stream = TcpStream::connect(&server.address).await.unwrap();
        // Some are silent, some have begun to speak HTTP/2.
        if number % 2 == 0 {
            stream.write_all(PREFACE).await.unwrap();
        }
        idle.push(stream);
    }
    let calling = async {
        let channel = Endpoint::from_shared(format!("http://{}", server.address)).unwrap().connect().await.unwrap();
        let mut health = HealthClient::new(channel);
        health.check(HealthCheckRequest::default()).await.unwrap();
    };
    timeout(Duration::from_secs(60), calling).await.unwrap();
}

#[tokio::test]
async fn a_server_whose_guests_do_not_end_ends_after_its_grace() {
    let mut server = ServeProcess::start(":", "grace = \"1s\"\n");
    let mut calls = Vec::new();
    for _ in 0..32 {
        let mut stream = TcpStream::connect(&server.address).await.unwrap();
        let head = "POST /test.faults.v1.Faults/Spin HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
        stream.write_all(format!("{head}content-length: 2\r\n\r\n{{}}").as_bytes()).await.unwrap();
        calls.push(stream);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let began = Instant::now();
    Command::new("kill").arg(server.child.id().to_string()).status().unwrap();
    let ended = tokio::task::spawn_blocking(move || server.child.wait().map(|status| (status, server)));
    timeout(Duration::from_secs(9), ended).await.unwrap().unwrap().unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1), "the calls have their grace");
}

#[tokio::test]
async fn the_memory_of_a_burst_goes_back_to_the_operating_system() {
    let server = ServeProcess::start(":", "");
    let before = server.memory_mib();
    let mut bodies = Vec::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(&server.address).await.unwrap();
        let head = "POST /test.faults.v1.Faults/Spin HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
        stream.write_all(format!("{head}content-length: 4000001\r\n\r\n").as_bytes()).await.unwrap();
        stream.write_all(&vec![b' '; 4_000_000]).await.unwrap();
        bodies.push(stream);
    }
    let until = async |holds: &dyn Fn(u64) -> bool| {
        while !holds(server.memory_mib()) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(30), until(&|mib| mib > before + 100)).await.unwrap();
    drop(bodies);
    timeout(Duration::from_secs(30), until(&|mib| mib < before + 64)).await.unwrap();
}

#[tokio::test]
async fn a_guest_that_traps_made_the_host_look_up_its_own_stack() {
    let server = ServeProcess::start("export RUST_BACKTRACE=1", "");
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    let head = "POST /test.faults.v1.Faults/Panic HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
    stream.write_all(format!("{head}content-length: 2\r\n\r\n{{}}").as_bytes()).await.unwrap();
    let ended = std::iter::from_fn(|| server.log.recv_timeout(Duration::from_secs(30)).ok())
        .find(|line| line.contains("a call ended its instance"))
        .unwrap();
    assert!(ended.contains("wasm backtrace") && ended.contains("unreachable"), "{ended}");
    assert!(!ended.to_lowercase().contains("stack backtrace"), "{ended}");
}
