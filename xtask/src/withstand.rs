//! `cargo xtask withstand`: hostile guests, clients and packages, each beside a neighbour that is called all the while.

mod clients;
mod frames;
mod guests;
mod neighbour;
mod packages;
mod peer;

use std::fs;
use std::num::NonZero;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::{self, available_parallelism};
use std::time::{Duration, Instant};

use clap::Args;
use miette::{IntoDiagnostic as _, miette};

use crate::counts::TestCounts;
use crate::okra::{OkraBinary, RunningServer, root};
use crate::withstand::neighbour::{Latencies, Neighbour};

/// The guest that takes what it can get.
const HOSTILE: &str = "tests/guests/hostile";
/// The service beside it.
const NEIGHBOUR: &str = "examples/hello";

/// The server's limits. They are small, so that they are met.
const SERVER: &str = "[limits]\nmemory = \"512MiB\"\ncalls = 2000\nconnections = 2000\n";

/// The most that an attack may make of the neighbour's 99th percentile: so many times, or so much more. Below the latter is what
/// the scheduler of a busy machine does by itself.
const MAX_RATIO: f64 = 1.2;
const MAX_MORE: Duration = Duration::from_millis(2);

/// Time in which memory comes back, and the bytes that may stay: allocators keep some.
const RECOVERY: Duration = Duration::from_secs(5);
const KEPT_BYTES: u64 = 96 << 20;

/// What is withstood.
#[derive(Args, Clone)]
pub(crate) struct WithstandOptions {
    /// Attacks to run, by their names or a part of them; all by default.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// How long each attack goes on, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The `okra` binary; built in release by default.
    #[arg(long, value_name = "FILE")]
    okra: Option<PathBuf>,
    /// Whether the neighbour's latencies are judged: only on a machine that does nothing else.
    #[arg(skip = true)]
    judges_latency: bool,
}

/// What runs instead of an attack while the neighbour's latencies without one are taken: it keeps the processors at work.
const ONLY_BUSY: &str = "nothing";

/// An attack that goes on until it is dropped.
type Attacking = Pin<Box<dyn Future<Output = miette::Result<()>> + Send>>;

/// An attack on a server.
struct Attack {
    name: &'static str,
    begin: fn(String) -> Attacking,
}

/// Returns the attacks by guests and by clients.
fn attacks() -> impl Iterator<Item = Attack> {
    guests::attacks().into_iter().chain(clients::attacks()).chain(frames::attacks())
}

/// Runs the attacks and prints what became of each.
pub(crate) fn run(options: &WithstandOptions) -> miette::Result<ExitCode> {
    let okra = options.okra.clone().map_or_else(OkraBinary::build_release, |binary| Ok(OkraBinary::at(binary)))?;
    Ok(suite(&okra, options)?.exit_code())
}

/// Runs the short form.
pub(crate) fn short_suite(okra: &OkraBinary) -> miette::Result<TestCounts> {
    suite(okra, &WithstandOptions { names: Vec::new(), seconds: 1, okra: None, judges_latency: false })
}

fn suite(okra: &OkraBinary, options: &WithstandOptions) -> miette::Result<TestCounts> {
    let is_chosen =
        |name: &str| options.names.is_empty() || options.names.iter().any(|part| name.contains(part.as_str()));
    let attacks: Vec<Attack> = attacks().filter(|attack| is_chosen(attack.name)).collect();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().into_diagnostic()?;
    let mut counts = TestCounts::default();
    let mut count = |name: &str, outcome: miette::Result<String>| match outcome {
        Ok(figures) => {
            println!("passed {name}: {figures}");
            counts.passed += 1;
        }
        Err(error) => {
            println!("FAILED {name}: {error}");
            counts.failed += 1;
        }
    };
    let packages: Vec<_> = packages::attacks().into_iter().filter(|attack| is_chosen(attack.name)).collect();
    if !attacks.is_empty() || !packages.is_empty() {
        build(okra, &[HOSTILE, NEIGHBOUR])?;
    }
    if !attacks.is_empty() {
        let folder = tempfile::tempdir().into_diagnostic()?;
        let config = folder.path().join("server.toml");
        fs::write(&config, SERVER).into_diagnostic()?;
        let config = config.display().to_string();
        let mut setting = Setting::new(okra, config, Duration::from_secs(options.seconds), options.judges_latency)?;
        for attack in attacks {
            let outcome = runtime.block_on(setting.withstand(&attack));
            count(attack.name, outcome);
        }
    }
    if !packages.is_empty() {
        let server = okra.serve(&[&package_of(NEIGHBOUR, "hello")], |_| ())?;
        for attack in packages {
            count(attack.name, beside_neighbour(&runtime, &server.address, || attack.run(okra)));
        }
    }
    println!("\n{counts}");
    Ok(counts)
}

/// Builds projects.
fn build(okra: &OkraBinary, projects: &[&str]) -> miette::Result<()> {
    for project in projects {
        let built = okra.command().arg("build").arg(root().join(project)).status().into_diagnostic()?;
        if !built.success() {
            return Err(miette!("cannot build {project}"));
        }
    }
    Ok(())
}

/// Returns the path of a package that was built.
fn package_of(project: &str, name: &str) -> String {
    format!("{project}/target/okra/{name}.wasm")
}

/// Runs an attack by a package while the neighbour is called, which a process of its own serves.
fn beside_neighbour(
    runtime: &tokio::runtime::Runtime,
    address: &str,
    attack: impl FnOnce() -> miette::Result<String> + Send,
) -> miette::Result<String> {
    let neighbour = runtime.block_on(Neighbour::connect(address))?;
    thread::scope(|scope| {
        let attacking = scope.spawn(attack);
        let (mut calls, mut failed) = (0, 0);
        while !attacking.is_finished() {
            let beside = runtime.block_on(neighbour.call_for(Duration::from_millis(200)))?;
            (calls, failed) = (calls + beside.calls, failed + beside.failed);
        }
        let figures = attacking.join().map_err(|_| miette!("the attack panicked"))??;
        match failed {
            0 => Ok(format!("{figures}, {calls} calls of the neighbour")),
            failed => Err(miette!("{failed} of {calls} calls of the neighbour failed; {figures}")),
        }
    })
}

/// A server with the hostile guest and its neighbour.
struct Setting<'a> {
    okra: &'a OkraBinary,
    config: String,
    length: Duration,
    judges_latency: bool,
    server: RunningServer,
    /// The neighbour's latencies without an attack.
    alone: Option<Latencies>,
}

impl<'a> Setting<'a> {
    fn new(okra: &'a OkraBinary, config: String, length: Duration, judges_latency: bool) -> miette::Result<Self> {
        let server = start(okra, &config)?;
        Ok(Self { okra, config, length, judges_latency, server, alone: None })
    }

    /// Runs an attack beside the neighbour. Returns figures, for people.
    ///
    /// # Errors
    /// What the attack has harmed.
    async fn withstand(&mut self, attack: &Attack) -> miette::Result<String> {
        if !self.server.is_running() {
            self.server = start(self.okra, &self.config)?;
        }
        let address = self.server.address.clone();
        let neighbour = Neighbour::connect(&address).await?;
        let alone = match self.alone.take() {
            Some(alone) => alone,
            None => {
                // A virtual machine whose processors are all at work may be slower by itself.
                let _busy = Attacker::start(ONLY_BUSY, &address)?;
                neighbour.call_for(Duration::from_millis(500)).await?;
                neighbour.call_for(self.length.max(Duration::from_secs(2))).await?
            }
        };
        let memory = self.server.memory()?;
        let mut attacker = Attacker::start(attack.name, &address)?;
        let beside = neighbour.call_for(self.length).await;
        let mut faults = Vec::new();
        if attacker.0.try_wait().into_diagnostic()?.is_some() {
            faults.push("the attack broke off".to_owned());
        }
        drop(attacker);
        if !self.server.is_running() {
            self.alone = Some(alone);
            return Err(miette!("the process ended"));
        }
        let figures = match beside {
            Err(error) => {
                faults.push(error.to_string());
                String::new()
            }
            Ok(beside) => {
                let ratio = beside.p99.as_secs_f64() / alone.p99.as_secs_f64();
                let is_slow = ratio > MAX_RATIO && beside.p99.saturating_sub(alone.p99) > MAX_MORE;
                if self.judges_latency && is_slow {
                    faults.push(format!("the neighbour's calls took {:?} instead of {:?}", beside.p99, alone.p99));
                }
                if beside.failed > 0 {
                    faults.push(format!("{} of the neighbour's calls failed: {}", beside.failed, beside.first_failure));
                }
                format!(
                    "{} calls, p99 {:?} ({ratio:.2} of alone), longest {:?}",
                    beside.calls, beside.p99, beside.longest
                )
            }
        };
        self.alone = Some(alone);
        let back = match self.wait_for_memory(memory).await {
            Ok(back) => back,
            Err(error) => {
                faults.push(error.to_string());
                Duration::ZERO
            }
        };
        // Whatever was attacked serves again.
        if let Err(error) = peer::hostile_echo(&address).await {
            faults.push(format!("the attacked service does not serve: {error}"));
        }
        if faults.is_empty() {
            Ok(format!("{figures}, memory back in {back:.1?}"))
        } else {
            Err(miette!("{}; {figures}", faults.join("; ")))
        }
    }

    /// Waits until the server's memory is what it was before. Returns how long that took.
    async fn wait_for_memory(&self, before: u64) -> miette::Result<Duration> {
        let began = Instant::now();
        loop {
            let memory = self.server.memory()?;
            if memory <= before + KEPT_BYTES {
                return Ok(began.elapsed());
            }
            if began.elapsed() > RECOVERY {
                let mib = |bytes: u64| bytes >> 20;
                return Err(miette!("{} MiB of memory {RECOVERY:?} later, {} before", mib(memory), mib(before)));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// A process that attacks, in time that no other process wants: on another machine it would take nothing from the server. Killed
/// when dropped.
struct Attacker(Child);

impl Attacker {
    fn start(name: &str, address: &str) -> miette::Result<Self> {
        // The link stays right if the file of the binary is replaced meanwhile.
        let own = format!("/proc/{}/exe", std::process::id());
        let mut command = Command::new("chrt");
        command.args(["--idle", "0"]).arg(own).args(["withstand-attack", name, address]).stdin(Stdio::null());
        command.spawn().map(Self).into_diagnostic()
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Attacks a server until the process is killed.
pub(crate) fn attack(name: &str, address: &str) -> miette::Result<()> {
    if name == ONLY_BUSY {
        let threads = available_parallelism().map_or(1, NonZero::get);
        let spinning: Vec<_> = (0..threads)
            .map(|_| {
                thread::spawn(|| {
                    loop {
                        std::hint::spin_loop()
                    }
                })
            })
            .collect();
        return spinning.into_iter().try_for_each(|thread| thread.join().map_err(|_| miette!("a thread ended")));
    }
    let attack = attacks().find(|attack| attack.name == name);
    let attack = attack.ok_or_else(|| miette!("no attack {name:?}"))?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().into_diagnostic()?;
    runtime.block_on((attack.begin)(address.to_owned()))
}

fn start(okra: &OkraBinary, config: &str) -> miette::Result<RunningServer> {
    let [hostile, neighbour] = [(HOSTILE, "hostile"), (NEIGHBOUR, "hello")]
        .map(|(project, name)| format!("{project}/target/okra/{name}.wasm"));
    okra.serve(&[&hostile, &neighbour, "--config", config], |_| ())
}
