//! `cargo xtask fuzz`: everything that decodes data from outside, under a fuzzer.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use miette::{Context as _, IntoDiagnostic as _, bail, miette};

use crate::counts::TestCounts;
use crate::okra::root;

/// The targets, each of which has a binary and a corpus of its name in `tests/fuzz`.
const TARGETS: [&str; 11] = [
    "wire",
    "memory",
    "json",
    "json-write",
    "envelope",
    "rest",
    "metadata",
    "descriptors",
    "package",
    "manifest",
    "code-file",
];

/// LLVM's instrumentation for libFuzzer: coverage, and the operands of comparisons. These are options of stable rustc;
/// sanitizers are not, and the link does not need them.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

/// Builds the fuzz targets and runs each of those that `names` has, all if it is empty, for `length`, from the corpus that is
/// checked in and the inputs that earlier runs found. Prints a line for each, and what became of them. An input that makes a
/// target fail is written to a file that the line names.
///
/// # Errors
/// If the targets cannot be built or started, or there is no target of a name.
pub(crate) fn run(length: Duration, names: &[String]) -> miette::Result<TestCounts> {
    if let Some(name) = names.iter().find(|name| !TARGETS.contains(&name.as_str())) {
        bail!(help = format!("the targets are {}", TARGETS.join(", ")), "there is no target `{name}`");
    }
    let fuzzer = Fuzzer::build()?;
    let mut counts = TestCounts::default();
    for target in TARGETS.into_iter().filter(|target| names.is_empty() || names.iter().any(|name| name == target)) {
        match fuzzer.run(target, length)? {
            Ok(figures) => {
                println!("passed {target}: {figures}");
                counts.passed += 1;
            }
            Err(failure) => {
                println!("FAILED {target}: {failure}");
                counts.failed += 1;
            }
        }
    }
    println!("\n{} targets passed, {} failed", counts.passed, counts.failed);
    Ok(counts)
}

/// The fuzz targets, built.
struct Fuzzer {
    /// The folder of the targets' sources.
    sources: PathBuf,
    /// The folder of what is built and found.
    built: PathBuf,
    platform: String,
}

impl Fuzzer {
    fn build() -> miette::Result<Self> {
        let workspace = root();
        let (sources, built, platform) =
            (workspace.join("tests/fuzz"), target_folder(&workspace).join("fuzz"), host()?);
        let build = Command::new(env!("CARGO"))
            .args(["build", "--release", "--locked", "--bins", "--target", &platform, "--manifest-path"])
            .arg(sources.join("Cargo.toml"))
            .env("CARGO_TARGET_DIR", &built)
            .env("RUSTFLAGS", FLAGS)
            .status()
            .into_diagnostic()
            .wrap_err("cannot start cargo")?;
        if !build.success() {
            bail!("the fuzz targets cannot be built");
        }
        Ok(Self { sources, built, platform })
    }

    /// Runs a target. Returns figures, for people, or what failed.
    fn run(&self, target: &str, length: Duration) -> miette::Result<Result<String, String>> {
        let (found, artifacts) = (self.built.join("corpus").join(target), self.built.join("artifacts").join(target));
        for folder in [&found, &artifacts] {
            let made = fs::create_dir_all(folder).into_diagnostic();
            made.wrap_err_with(|| format!("cannot make {}", folder.display()))?;
        }
        let output = Command::new(self.built.join(&self.platform).join("release").join(target))
            .arg(format!("-max_total_time={}", length.as_secs().max(1)))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .args(["-timeout=10", "-rss_limit_mb=1024", "-max_len=8192", "-print_final_stats=1"])
            .args([&found, &self.sources.join("corpus").join(target)])
            .output()
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot start the fuzz target `{target}`"))?;
        let log = String::from_utf8_lossy(&output.stderr);
        let stat = |name: &str| {
            let value = log.lines().find_map(|line| line.strip_prefix(&format!("stat::{name}:")));
            value.map_or_else(|| "an unknown number of".to_owned(), |value| value.trim().to_owned())
        };
        if !output.status.success() {
            eprintln!("{log}");
            return Ok(Err(format!(
                "its input is in {}: fix it, and keep the input in tests/fuzz/corpus/{target} under a name that describes it",
                artifacts.display()
            )));
        }
        Ok(Ok(format!(
            "{} inputs, {} of them new ways through it",
            stat("number_of_executed_units"),
            stat("new_units_added")
        )))
    }
}

/// Returns the folder in which cargo builds the workspace.
fn target_folder(workspace: &Path) -> PathBuf {
    let set = env::var_os("CARGO_TARGET_DIR").filter(|set| !set.is_empty());
    let relative = set.map_or_else(|| workspace.join("target"), PathBuf::from);
    env::current_dir().unwrap_or_default().join(relative)
}

/// Returns the platform that rustc builds for. If it is named, cargo does not instrument build scripts and macros.
fn host() -> miette::Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().into_diagnostic().wrap_err("cannot start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(ToOwned::to_owned).ok_or_else(|| miette!("rustc does not say which platform it builds for"))
}
