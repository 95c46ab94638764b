//! Servers as processes of their own, and the CPU time that they use.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use miette::{Context as _, IntoDiagnostic as _, miette};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

/// A server must be up within so much time; it may have to compile a component first.
const START: Duration = Duration::from_secs(300);

/// A server that is killed when this is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    process: u32,
    _child: Child,
}

impl Server {
    /// Starts a server and waits until it says on standard error where it listens.
    pub(crate) async fn start(mut command: Command) -> miette::Result<Self> {
        let name = format!("{:?}", command.as_std());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().into_diagnostic().wrap_err_with(|| format!("cannot start {name}"))?;
        let (process, stderr) = (child.id(), child.stderr.take());
        let (Some(process), Some(stderr)) = (process, stderr) else { return Err(miette!("{name} ended at once")) };
        let mut lines = BufReader::new(stderr).lines();
        let address = tokio::time::timeout(START, address(&mut lines)).await;
        let address = address.map_err(|_| miette!("{name} does not say where it listens")).flatten();
        let address = address.wrap_err(name)?;
        // Whatever else it has to say must not make it wait.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { address, process, _child: child })
    }

    /// Memory that it has of its own and shares with no other process, in bytes.
    pub(crate) fn memory(&self) -> miette::Result<u64> {
        let path = format!("/proc/{}/smaps_rollup", self.process);
        let rollup =
            std::fs::read_to_string(&path).into_diagnostic().wrap_err_with(|| format!("cannot read {path}"))?;
        let kibibytes = |line: &str| line.split_whitespace().nth(1)?.parse::<u64>().ok();
        let private = rollup.lines().filter(|line| line.starts_with("Private_")).filter_map(kibibytes);
        Ok(private.sum::<u64>() * 1024)
    }

    /// CPU time used so far, by all of its threads, in user and kernel.
    pub(crate) fn cpu(&self) -> miette::Result<Duration> {
        /// The kernel's unit for user space, on every architecture that we know.
        const TICKS_PER_SECOND: u64 = 100;
        let path = format!("/proc/{}/stat", self.process);
        let stat = std::fs::read_to_string(&path).into_diagnostic().wrap_err_with(|| format!("cannot read {path}"))?;
        // The name of the program, in parentheses, may have spaces. `utime` and `stime` are fields 14 and 15.
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let ticks: Vec<u64> = after_name.split_whitespace().skip(11).take(2).flat_map(str::parse).collect();
        let [user, kernel] = *ticks else { return Err(miette!("{path} is not as proc(5) says")) };
        Ok(Duration::from_millis((user + kernel) * 1000 / TICKS_PER_SECOND))
    }
}

async fn address(lines: &mut Lines<BufReader<ChildStderr>>) -> miette::Result<SocketAddr> {
    let mut said = String::new();
    while let Some(line) = lines.next_line().await.into_diagnostic()? {
        if let Some((_, address)) = line.split_once("listening on http://") {
            return address.trim().parse().into_diagnostic().wrap_err(line);
        }
        said = said + &line + "\n";
    }
    Err(miette!("it ended before it listened:\n{said}"))
}
