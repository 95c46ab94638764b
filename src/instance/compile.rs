//! Compiling in a process of its own, so that the memory and the CPU time of the compiler have limits, and the server gets
//! all of them back.
//!
//! The process is `okra compile`: it reads a component from standard input, and writes the compiled code to standard output,
//! which is a file of the compile cache. Cancelled, the process is killed. `okra build` makes snapshots in the same way.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytesize::ByteSize;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use crate::config::CompileLimits;
use crate::instance::InstanceError;
use crate::instance::code_file::put_code;
use crate::instance::engine::compile_only_engine;
use crate::instance::snapshot::snapshot_component;

/// The name of the command.
const COMMAND: &str = "compile";

/// The most bytes of the compiler's standard error that are read.
const MAX_ERROR_BYTES: u64 = 16 << 10;

/// How much the allocator of the compiler reserves at once, in KiB.
const ARENA_KIB: &str = "32768";

/// SIGABRT, by which an allocation fails, SIGKILL and SIGXCPU, by which CPU time ends.
const ABORT: i32 = 6;
const KILL: i32 = 9;
const CPU_TIME: i32 = 24;

/// Where components are compiled.
#[derive(Clone, Debug, Default)]
pub enum Compiler {
    /// In this process, without limits: for components that are trusted.
    #[default]
    InProcess,
    /// In a process for each component.
    Child(ChildCompiler),
}

/// Compiles components in processes of their own.
#[derive(Clone, Debug)]
pub struct ChildCompiler {
    /// The `okra` binary.
    program: PathBuf,
    limits: CompileLimits,
}

impl Compiler {
    /// Compiles in processes of the running binary, which must be `okra`.
    pub fn child(limits: CompileLimits) -> Self {
        // The link stays right if the file of the binary is replaced meanwhile.
        let program = PathBuf::from("/proc/self/exe");
        let program = if program.exists() { program } else { std::env::current_exe().unwrap_or(program) };
        Self::child_of(program, limits)
    }

    /// Compiles in processes of this `okra` binary.
    pub fn child_of(program: PathBuf, limits: CompileLimits) -> Self {
        Self::Child(ChildCompiler { program, limits })
    }
}

impl Compiler {
    /// Compiles in processes of the running binary if that is `okra`, else in this process.
    pub(crate) fn of_this_program(limits: CompileLimits) -> Self {
        let is_okra = std::env::current_exe().is_ok_and(|path| path.file_stem().is_some_and(|name| name == "okra"));
        if is_okra { Self::child(limits) } else { Self::InProcess }
    }

    /// Returns the [snapshot](snapshot_component) of a component.
    ///
    /// # Errors
    /// The reason why the component has none.
    ///
    /// # Cancellation
    /// Kills the process, if it is another one.
    pub(crate) async fn snapshot(
        &self,
        package: &str,
        component: &[u8],
        random_numbers: u32,
    ) -> wasmtime::Result<Vec<u8>> {
        let Self::Child(child) = self else { return snapshot_component(component, random_numbers).await };
        let mut output = unnamed_file()?;
        let ended = child.run(&[format!("--start={random_numbers}")], package, component, output.try_clone()?).await;
        match ended {
            Ok(()) => {}
            Err(InstanceError::Compile(error)) => return Err(error),
            Err(error) => return Err(error.into()),
        }
        let mut snapshot = Vec::new();
        output.rewind()?;
        output.read_to_end(&mut snapshot)?;
        Ok(snapshot)
    }
}

/// Makes a file in memory that has no name and goes with its last handle.
pub(crate) fn unnamed_file() -> io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    Ok(File::from(memfd_create("okra-code", MemfdFlags::CLOEXEC)?))
}

impl ChildCompiler {
    /// Compiles the component of a package. The code and its digest go to `output`.
    ///
    /// # Errors
    /// When the component is not valid, the compiler needs more than its limits, or cannot be started.
    ///
    /// # Cancellation
    /// Kills the process.
    pub(crate) async fn compile(&self, package: &str, component: &[u8], output: File) -> Result<(), InstanceError> {
        self.run(&[], package, component, output).await
    }

    /// Runs the process with these arguments beside its limits.
    async fn run(&self, args: &[String], package: &str, component: &[u8], output: File) -> Result<(), InstanceError> {
        let CompileLimits { memory, cpu, timeout } = self.limits;
        let failed = |error: io::Error| {
            let error = wasmtime::Error::from(error).context(format!("`{} {COMMAND}`", self.program.display()));
            InstanceError::Compile(error)
        };
        let mut child = Command::new(&self.program)
            .arg(COMMAND)
            .arg(format!("--memory={}", memory.as_u64()))
            .arg(format!("--cpu={}", cpu.as_secs().max(1)))
            .args(args)
            // Address space that the allocator reserves would count, so it reserves little at once.
            .env("MIMALLOC_ARENA_RESERVE", ARENA_KIB)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let (input, errors) = (child.stdin.take(), child.stderr.take());
        let running = async {
            let write = async {
                if let Some(mut input) = input {
                    // A compiler that ends early says why on its standard error.
                    let _ = input.write_all(component).await;
                }
            };
            let read = async {
                let mut text = Vec::new();
                if let Some(errors) = errors {
                    let _ = errors.take(MAX_ERROR_BYTES).read_to_end(&mut text).await;
                }
                String::from_utf8_lossy(&text).into_owned()
            };
            let (status, (), text) = tokio::join!(child.wait(), write, read);
            status.map(|status| (status, text))
        };
        let Ok(ended) = tokio::time::timeout(timeout, running).await else {
            return Err(self.exceeded(package, time_text(timeout)));
        };
        let (status, text) = ended.map_err(failed)?;
        self.check_end(package, status, text.trim())
    }

    /// Checks how the compiler ended, given the text on its standard error.
    fn check_end(&self, package: &str, status: ExitStatus, text: &str) -> Result<(), InstanceError> {
        if status.success() {
            return Ok(());
        }
        // An allocation, a mapping, and the stack of a thread.
        let is_short_of_memory =
            ["memory allocation of", "os error 12", "Cannot allocate memory", "Resource temporarily unavailable"]
                .iter()
                .any(|part| text.contains(part));
        match status.signal() {
            Some(CPU_TIME | KILL) => Err(self.exceeded(package, format!("{} of CPU time", time_text(self.limits.cpu)))),
            Some(ABORT) if text.is_empty() => Err(self.exceeded(package, self.memory_text())),
            _ if is_short_of_memory => Err(self.exceeded(package, self.memory_text())),
            Some(signal) => Err(InstanceError::Compile(wasmtime::Error::msg(format!(
                "the compiler ended by signal {signal}: {text}"
            )))),
            None => Err(InstanceError::Compile(wasmtime::Error::msg(text.to_owned()))),
        }
    }

    fn memory_text(&self) -> String {
        format!("{} of memory", self.limits.memory)
    }

    fn exceeded(&self, package: &str, limit: String) -> InstanceError {
        InstanceError::CompileLimit { package: package.to_owned(), limit }
    }
}

fn time_text(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}

/// The compiler's process: compiles the component on standard input, and writes code and digest to standard output. Its own
/// limits come first.
///
/// # Errors
/// When the limits cannot be set, or the component is not valid.
pub(crate) fn compile_standard_input(memory: ByteSize, cpu: Duration) -> wasmtime::Result<()> {
    let component = read_standard_input(memory, cpu)?;
    let code = compile_only_engine()?.precompile_component(&component)?;
    Ok(put_code(&mut io::stdout().lock(), &code)?)
}

/// The same process for a [snapshot](snapshot_component) of the component, which goes to standard output.
///
/// # Errors
/// When the limits cannot be set, or the component has no snapshot.
pub(crate) async fn snapshot_standard_input(
    memory: ByteSize,
    cpu: Duration,
    random_numbers: u32,
) -> wasmtime::Result<()> {
    let component = read_standard_input(memory, cpu)?;
    let snapshot = snapshot_component(&component, random_numbers).await?;
    Ok(io::stdout().lock().write_all(&snapshot)?)
}

/// Lowers the limits of this process, and reads a component from standard input.
fn read_standard_input(memory: ByteSize, cpu: Duration) -> io::Result<Vec<u8>> {
    limit(Resource::As, memory.as_u64())?;
    limit(Resource::Cpu, cpu.as_secs())?;
    limit(Resource::Core, 0)?;
    let mut component = Vec::new();
    io::stdin().lock().read_to_end(&mut component)?;
    Ok(component)
}

/// Lowers a limit of this process for good.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let most = getrlimit(resource).maximum.map_or(most, |maximum| maximum.min(most));
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}
