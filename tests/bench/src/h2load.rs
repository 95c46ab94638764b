//! The same calls from a client that is not ours: nghttp2's h2load.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use miette::{Context as _, IntoDiagnostic as _, ensure, miette};
use prost::Message as _;
use tempfile::TempDir;
use tokio::process::Command;

use crate::client::{Call, Connection};
use crate::comparison::{ROUNDS, Spread};
use crate::load::Measured;
use crate::messages;
use crate::report::percentiles;
use crate::server::Server;
use crate::servers::{self, Host, Servers};

const SMALL: &str = "/bench.echo.v1.Echo/Small";

/// Connections, and the streams of each.
pub(crate) const SHAPES: [(&str, u32, u32); 6] = [
    ("h2load-4x16", 4, 16),
    ("h2load-16x4", 16, 4),
    ("h2load-1x64", 1, 64),
    ("h2load-64x1", 64, 1),
    ("h2load-1x1", 1, 1),
    ("h2load-1000x1", 1000, 1),
];

/// The services of a process, of which one is called.
const SERVICES: [usize; 3] = [1, 100, 1000];

/// The threads of a server that take connections.
const THREADS: [usize; 2] = [1, 2];

/// The shape in which services and threads are counted.
const MIXED: (u32, u32) = (4, 16);

/// The measurements by the number of services and of threads.
pub(crate) const BY_SERVICES: &str = "h2load-services";
pub(crate) const BY_THREADS: &str = "h2load-threads";

/// The length of a round in seconds. h2load takes no parts of one.
const SECONDS: u64 = 1;

/// The client, with the request that it sends.
pub(crate) struct H2load<'a> {
    program: &'a Path,
    folder: TempDir,
}

impl<'a> H2load<'a> {
    /// Writes the request for the client at this path.
    pub(crate) fn new(program: &'a Path) -> miette::Result<Self> {
        let folder = tempfile::tempdir().into_diagnostic()?;
        let message = messages::note().encode_to_vec();
        let length = u32::try_from(message.len()).into_diagnostic()?;
        let frame = [&[0], &length.to_be_bytes()[..], &message].concat();
        std::fs::write(folder.path().join("request"), frame).into_diagnostic()?;
        Ok(Self { program, folder })
    }

    /// Measures the named shapes, prints a table of each by `print`, and returns the ratios of CPU time.
    pub(crate) async fn run(
        &self,
        is_chosen: impl Fn(&str) -> bool,
        print: impl Fn(String) -> miette::Result<()>,
    ) -> miette::Result<Vec<(String, Spread)>> {
        let mut ratios = Vec::new();
        let shapes: Vec<_> = SHAPES.into_iter().filter(|(name, ..)| is_chosen(name)).collect();
        if !shapes.is_empty() {
            let hosts = [Host::Okra, Host::Native, Host::NativeMimalloc];
            let servers = Servers::start(hosts.into_iter().collect()).await?;
            let sides = [
                ("okra", servers.at(hosts[0])?),
                ("tonic", servers.at(hosts[1])?),
                ("tonic, mi", servers.at(hosts[2])?),
            ];
            for (name, connections, streams) in shapes {
                let measured = self.rounds(&sides.map(|(_, server)| server), (connections, streams)).await?;
                let about = format!("{name}: {connections} connections x {streams} streams, small messages");
                print(table(&about, &sides.map(|(label, _)| label.to_owned()), &measured))?;
                for (theirs, suffix) in measured.iter().skip(1).zip(["", "-mimalloc"]) {
                    ratios.push((format!("{name}{suffix}"), cpu_ratio(&measured[0], theirs)));
                }
            }
        }
        if is_chosen(BY_SERVICES) {
            let folder = tempfile::tempdir().into_diagnostic()?;
            let mut all = Vec::new();
            for services in SERVICES {
                all.push(servers::among(folder.path(), services).await?);
            }
            let sides: Vec<_> = all.iter().collect();
            let measured = self.rounds(&sides, MIXED).await?;
            print(table(
                &format!("{BY_SERVICES}: services in the process"),
                &SERVICES.map(|n| n.to_string()),
                &measured,
            ))?;
            for (services, many) in SERVICES.into_iter().zip(&measured).skip(1) {
                ratios.push((format!("{BY_SERVICES}-{services}"), cpu_ratio(many, &measured[0])));
            }
        }
        if is_chosen(BY_THREADS) {
            let (mut all, mut labels) = (Vec::new(), Vec::new());
            for threads in THREADS {
                all.extend(servers::with_threads(threads).await?);
                labels.extend([format!("okra {threads}"), format!("tonic {threads}")]);
            }
            let sides: Vec<_> = all.iter().collect();
            let measured = self.rounds(&sides, MIXED).await?;
            print(table(&format!("{BY_THREADS}: threads that take connections"), &labels, &measured))?;
        }
        Ok(ratios)
    }

    /// Measures servers in turn, and who goes first in turn as well.
    async fn rounds(&self, servers: &[&Server], shape: (u32, u32)) -> miette::Result<Vec<Vec<Measured>>> {
        for server in servers {
            // What h2load does not see: the status, and the message that comes back.
            let note = messages::note();
            let call = Call::new(SMALL, &note);
            let answer = Connection::open(server.address).await?.answer(&call).await?;
            ensure!(
                call.message_of(&answer) == note.encode_to_vec(),
                "the server answers something else than it should"
            );
        }
        let mut measured: Vec<Vec<Measured>> = servers.iter().map(|_| Vec::new()).collect();
        for number in 0..=ROUNDS {
            let mut order: Vec<_> = servers.iter().zip(&mut measured).collect();
            order.rotate_left(number % servers.len());
            for (server, measured) in order {
                let round = self.round(server, shape).await?;
                // The first round warms up.
                if number > 0 {
                    measured.push(round);
                }
            }
        }
        Ok(measured)
    }

    async fn round(&self, server: &Server, (connections, streams): (u32, u32)) -> miette::Result<Measured> {
        let log = self.folder.path().join("log");
        // h2load appends to it.
        std::fs::write(&log, "").into_diagnostic()?;
        let mut command = Command::new(self.program);
        command
            .args(["-D", &SECONDS.to_string(), "-c", &connections.to_string(), "-m", &streams.to_string()])
            .args(["-H", "content-type: application/grpc", "-H", "te: trailers", "-d"])
            .arg(self.folder.path().join("request"))
            .arg("--log-file")
            .arg(&log)
            .arg(format!("http://{}{SMALL}", server.address))
            .kill_on_drop(true);
        let cpu = server.cpu()?;
        let output = command.output().await.into_diagnostic().wrap_err("cannot start h2load")?;
        let cpu = server.cpu()?.saturating_sub(cpu);
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "h2load ended with {}:\n{text}", output.status);
        let calls =
            count(&text, "succeeded").ok_or_else(|| miette!("h2load says something else than it did:\n{text}"))?;
        ensure!(calls > 0 && count(&text, "failed") == Some(0), "calls failed:\n{text}");
        let latencies = std::fs::read_to_string(&log).into_diagnostic()?;
        let latencies = latencies.lines().filter_map(|line| line.split('\t').nth(2)?.parse().ok());
        Ok(Measured {
            calls,
            elapsed: Duration::from_secs(SECONDS),
            cpu,
            memory: server.memory()?,
            latencies: latencies.map(Duration::from_micros).collect(),
        })
    }
}

/// Reads a number of the line `requests: 10 total, 10 started, 10 done, 10 succeeded, 0 failed, ...`.
fn count(text: &str, what: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("requests: "))?;
    line.split(", ").find_map(|part| part.strip_suffix(what)?.trim().parse().ok())
}

/// Returns their CPU time of a call divided by ours.
fn cpu_ratio(ours: &[Measured], theirs: &[Measured]) -> Spread {
    Spread::of(ours.iter().zip(theirs).map(|(our, their)| their.cpu_per_call() / our.cpu_per_call()).collect())
}

fn table(about: &str, labels: &[String], measured: &[Vec<Measured>]) -> String {
    let mut text = format!("\n{about}\n");
    let _ = writeln!(
        text,
        "{:<10} {:>10} {:>12} {:>16} {:>10} {:>10}",
        "", "calls/s", "CPU us/call", "least to most", "p50 us", "p99 us"
    );
    for (label, rounds) in labels.iter().zip(measured) {
        let spread = |figure: fn(&Measured) -> f64| Spread::of(rounds.iter().map(figure).collect());
        let (rate, cpu) = (spread(Measured::rate), spread(Measured::cpu_per_call));
        let percents =
            rounds.iter().map(|round| percentiles(round, [50, 99]).map(|latency| latency.as_secs_f64() * 1e6));
        let (p50, p99): (Vec<_>, Vec<_>) = percents.map(|[p50, p99]| (p50, p99)).unzip();
        let (p50, p99) = (Spread::of(p50).median, Spread::of(p99).median);
        let range = format!("{:.1} to {:.1}", cpu.least, cpu.most);
        let _ = writeln!(
            text,
            "{label:<10} {:>10.0} {:>12.1} {range:>16} {p50:>10.0} {p99:>10.0}",
            rate.median, cpu.median
        );
    }
    text
}
