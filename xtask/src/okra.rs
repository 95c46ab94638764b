//! The `okra` binary of this working copy: built, run, served.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use miette::{Context as _, IntoDiagnostic as _, miette};
use serde::Deserialize;

/// How long a server may take to come up once its services are built; Rust guests are built by it when they are stale.
const START: Duration = Duration::from_secs(900);

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.map(Path::to_owned).unwrap_or_default()
}

/// The `okra` binary.
pub(crate) struct Okra {
    binary: PathBuf,
}

impl Okra {
    /// Builds it, and has it bring the toolchain for guests where there is none.
    pub(crate) fn build() -> miette::Result<Self> {
        Self::built(&[])
    }

    /// The same for release; the benchmark's binaries lie beside it.
    pub(crate) fn build_release() -> miette::Result<Self> {
        Self::built(&["--release"])
    }

    fn built(profile: &[&str]) -> miette::Result<Self> {
        let output = Command::new(env!("CARGO"))
            // All of the workspace, as the tests do it: the features of dependencies stay the same, and so do their builds.
            .args(["build", "--workspace", "--locked", "--message-format", "json-render-diagnostics"])
            .args(profile)
            .current_dir(root())
            .stderr(Stdio::inherit())
            .output()
            .into_diagnostic()
            .wrap_err("cannot start cargo")?;
        if !output.status.success() {
            return Err(miette!("okra does not compile"));
        }
        let okra = Self { binary: executable(&output.stdout).ok_or_else(|| miette!("cargo built no `okra`"))? };
        let doctor = okra.command().args(["doctor", "--fix"]).status().into_diagnostic()?;
        if doctor.success() { Ok(okra) } else { Err(miette!("no toolchain for guests")) }
    }

    /// Where it is.
    pub(crate) fn binary(&self) -> &Path {
        &self.binary
    }

    /// `okra`, run in the folder of the workspace.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.current_dir(root()).stdin(Stdio::null());
        command
    }

    /// Serves `paths` on a free port of this machine. What the server logs goes to `log`, line by line.
    pub(crate) fn serve(&self, paths: &[&str], log: fn(&str)) -> miette::Result<Server> {
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
        // When the server ends, its end of the channel does too.
        match address.recv_timeout(START) {
            Ok(address) => Ok(Server { address, child }),
            Err(_) => {
                let _ = child.kill();
                Err(miette!("`okra serve` did not come up: see what it says above"))
            }
        }
    }
}

/// A running `okra serve`; killed when dropped.
pub(crate) struct Server {
    /// Such as `127.0.0.1:41005`.
    pub(crate) address: String,
    child: Child,
}

impl Server {
    /// Ends it as an operator would: SIGTERM, and it finishes what it has begun.
    pub(crate) fn stop(mut self) -> miette::Result<()> {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().into_diagnostic()?;
        let status = self.child.wait().into_diagnostic()?;
        if killed.success() && status.success() { Ok(()) } else { Err(miette!("`okra serve` ended with {status}")) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where cargo says it put the binary.
fn executable(messages: &[u8]) -> Option<PathBuf> {
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
