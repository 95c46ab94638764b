//! The `okra` binary of this working copy: built, run, served.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use miette::{Context as _, IntoDiagnostic as _, miette};
use serde::Deserialize;

/// Longest time until a server listens. It builds guests that are stale first.
const START_TIMEOUT: Duration = Duration::from_secs(900);

/// Returns the folder of the workspace.
pub(crate) fn root() -> PathBuf {
    // Read at run time: working copies that share a target folder may run each other's binary.
    let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&manifest_dir).parent().map(Path::to_owned).unwrap_or_default()
}

/// The `okra` binary.
pub(crate) struct OkraBinary {
    binary: PathBuf,
}

impl OkraBinary {
    /// Builds it, and lets it install the toolchains for guests that are missing.
    pub(crate) fn build() -> miette::Result<Self> {
        Self::build_with(&[])
    }

    /// Does the same in release; the binaries of the benchmark are in the same folder.
    pub(crate) fn build_release() -> miette::Result<Self> {
        Self::build_with(&["--release"])
    }

    /// Takes a binary that was built before.
    pub(crate) fn at(binary: PathBuf) -> Self {
        Self { binary }
    }

    fn build_with(profile: &[&str]) -> miette::Result<Self> {
        let output = Command::new(env!("CARGO"))
            // The whole workspace, as the tests do: with the same features, dependencies are not built twice.
            .args(["build", "--workspace", "--locked", "--message-format", "json-render-diagnostics"])
            .args(profile)
            // Build scripts that see the folder of the xtask here would run again, and with them most crates compile again.
            .env_remove("CARGO_MANIFEST_DIR")
            .current_dir(root())
            .stderr(Stdio::inherit())
            .output()
            .into_diagnostic()
            .wrap_err("cannot start cargo")?;
        if !output.status.success() {
            return Err(miette!("okra does not compile"));
        }
        let okra = Self { binary: find_executable(&output.stdout).ok_or_else(|| miette!("cargo built no `okra`"))? };
        let doctor = okra.command().args(["doctor", "--fix"]).status().into_diagnostic()?;
        if doctor.success() { Ok(okra) } else { Err(miette!("a toolchain for guests is missing")) }
    }

    /// Returns the path of the binary.
    pub(crate) fn binary(&self) -> &Path {
        &self.binary
    }

    /// Returns a command that runs `okra` in the folder of the workspace.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.current_dir(root()).stdin(Stdio::null());
        command
    }

    /// Serves `paths` on a free port of this machine, and passes each line of the server's log to `log`.
    pub(crate) fn serve(&self, paths: &[&str], log: fn(&str)) -> miette::Result<RunningServer> {
        let mut command = self.command();
        command.arg("serve").args(paths).args(["--listen", "127.0.0.1:0"]).stderr(Stdio::piped());
        let mut child = command.spawn().into_diagnostic().wrap_err("cannot start `okra serve`")?;
        let stderr = child.stderr.take().ok_or_else(|| miette!("`okra serve` has no standard error"))?;
        let (found, address) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                log(&line);
                if let Some((_, address)) = line.split_once("listening on http://") {
                    let _ = found.send(address.trim().to_owned());
                }
            }
        });
        // If the server ends, the thread and its end of the channel do, too.
        match address.recv_timeout(START_TIMEOUT) {
            Ok(address) => Ok(RunningServer { address, child }),
            Err(_) => {
                let _ = child.kill();
                Err(miette!("`okra serve` does not listen: see its log above"))
            }
        }
    }
}

/// A running `okra serve`; killed when dropped.
pub(crate) struct RunningServer {
    /// Address of the server, such as `127.0.0.1:41005`.
    pub(crate) address: String,
    child: Child,
}

impl RunningServer {
    /// Whether the process runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Returns the bytes of memory that the process has in use.
    pub(crate) fn memory(&self) -> miette::Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).into_diagnostic().wrap_err("the server has no status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        kibibytes.map(|kibibytes| kibibytes << 10).ok_or_else(|| miette!("{path} has no VmRSS"))
    }

    /// Ends the server by SIGTERM and waits until its calls are over.
    pub(crate) fn stop(mut self) -> miette::Result<()> {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().into_diagnostic()?;
        let status = self.child.wait().into_diagnostic()?;
        if killed.success() && status.success() { Ok(()) } else { Err(miette!("`okra serve` ended with {status}")) }
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the path of the binary, as the messages of cargo name it.
fn find_executable(messages: &[u8]) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Artifact {
        target: Target,
        executable: Option<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    let lines = messages.split(|byte| *byte == b'\n');
    let mut artifacts = lines.filter_map(|line| serde_json::from_slice::<Artifact>(line).ok());
    artifacts.find_map(|artifact| artifact.executable.filter(|_| artifact.target.name == "okra"))
}
