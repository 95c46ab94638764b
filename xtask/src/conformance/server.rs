//! The server that the runner of the conformance suite starts: `okra serve` behind the runner's own protocol.

use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::Stdio;

use miette::{Context as _, IntoDiagnostic as _, miette};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

/// `connectrpc.conformance.v1.ServerCompatRequest`, as far as it matters here.
#[derive(prost::Message)]
struct ServerRequest {
    #[prost(bool, tag = "4")]
    use_tls: bool,
    #[prost(bytes = "vec", tag = "5")]
    client_tls_cert: Vec<u8>,
    #[prost(uint32, tag = "6")]
    message_receive_limit: u32,
    #[prost(message, optional, tag = "7")]
    server_creds: Option<TlsCredentials>,
}

/// `connectrpc.conformance.v1.TLSCreds`
#[derive(prost::Message)]
struct TlsCredentials {
    #[prost(bytes = "vec", tag = "1")]
    cert: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    key: Vec<u8>,
}

/// `connectrpc.conformance.v1.ServerCompatResponse`
#[derive(prost::Message)]
struct ServerResponse {
    #[prost(string, tag = "1")]
    host: String,
    #[prost(uint32, tag = "2")]
    port: u32,
    #[prost(bytes = "vec", tag = "3")]
    pem_cert: Vec<u8>,
}

/// Serves the guest until SIGTERM. The runner sends its request on standard input, and reads the address from standard
/// output.
pub(crate) fn serve(okra: &Path, package: &Path) -> miette::Result<()> {
    let request: ServerRequest = read_message()?;
    let folder = tempfile::tempdir().into_diagnostic()?;
    let config = folder.path().join("server.toml");
    std::fs::write(&config, write_settings(&request, folder.path())?).into_diagnostic()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().into_diagnostic()?;
    runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate()).into_diagnostic()?;
        let mut server = Command::new(okra)
            .arg("serve")
            .arg(package)
            .args(["--listen", "127.0.0.1:0", "--config"])
            .arg(&config)
            .env("OKRA_LOG", "okra::cli=info,warn")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .into_diagnostic()
            .wrap_err("cannot start `okra serve`")?;
        let stderr = server.stderr.take().ok_or_else(|| miette!("`okra serve` has no standard error"))?;
        let mut lines = BufReader::new(stderr).lines();
        let mut is_started = false;
        loop {
            tokio::select! {
                _ = terminated.recv() => return Ok(()),
                line = lines.next_line() => {
                    let line = line.into_diagnostic()?.ok_or_else(|| miette!("`okra serve` ended"))?;
                    match line.split_once("listening on ").and_then(|(_, url)| url.trim().rsplit_once(':')) {
                        Some((_, port)) if !is_started => {
                            let port = port.parse().into_diagnostic()?;
                            let creds = request.server_creds.as_ref().filter(|_| request.use_tls);
                            let pem_cert = creds.map(|creds| creds.cert.clone()).unwrap_or_default();
                            write_message(&ServerResponse { host: "127.0.0.1".to_owned(), port, pem_cert })?;
                            is_started = true;
                        }
                        _ => eprintln!("{line}"),
                    }
                }
            }
        }
    })
}

/// Returns the text of the server's file, and writes the certificates that it names.
fn write_settings(request: &ServerRequest, folder: &Path) -> miette::Result<String> {
    let mut text = String::new();
    let write = |name: &str, pem: &[u8]| std::fs::write(folder.join(name), pem).into_diagnostic();
    if request.use_tls {
        let creds = request.server_creds.as_ref().ok_or_else(|| miette!("TLS is requested without a certificate"))?;
        write("server.pem", &creds.cert)?;
        write("server.key", &creds.key)?;
        text += "[tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\n";
        if !request.client_tls_cert.is_empty() {
            write("clients.pem", &request.client_tls_cert)?;
            text += "clients = \"clients.pem\"\n";
        }
    }
    if request.message_receive_limit > 0 {
        text += &format!("[limits]\nmax-request = \"{}B\"\n", request.message_receive_limit);
    }
    Ok(text)
}

/// Reads a message with its size before it.
fn read_message<M: prost::Message + Default>() -> miette::Result<M> {
    let mut stdin = io::stdin().lock();
    let mut size = [0; 4];
    stdin.read_exact(&mut size).into_diagnostic()?;
    let mut message = vec![0; usize::try_from(u32::from_be_bytes(size)).into_diagnostic()?];
    stdin.read_exact(&mut message).into_diagnostic()?;
    M::decode(message.as_slice()).into_diagnostic()
}

/// Writes a message with its size before it.
fn write_message(message: &impl prost::Message) -> miette::Result<()> {
    let message = message.encode_to_vec();
    let mut stdout = io::stdout().lock();
    stdout.write_all(&u32::try_from(message.len()).into_diagnostic()?.to_be_bytes()).into_diagnostic()?;
    stdout.write_all(&message).into_diagnostic()?;
    stdout.flush().into_diagnostic()
}
