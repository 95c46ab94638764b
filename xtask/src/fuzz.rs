//! `cargo xtask fuzz`: the link under a fuzzer.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use miette::{Context as _, IntoDiagnostic as _, bail, miette};

use crate::okra::root;

const TARGETS: [&str; 2] = ["wire", "memory"];

/// LLVM's instrumentation for libFuzzer: coverage, and the operands of comparisons. These are options of stable rustc;
/// sanitizers are not, and the link does not need them.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

/// Builds the fuzz targets and runs each for `seconds`, from the corpus that is checked in and the inputs that earlier runs
/// found. An input that makes a target fail is written to a file that the message names.
pub(crate) fn run(seconds: u32) -> miette::Result<()> {
    let workspace = root();
    let folder = workspace.join("tests/fuzz");
    let built = target_folder(&workspace).join("fuzz");
    let platform = host()?;
    let build = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--bins", "--target", &platform, "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", &built)
        .env("RUSTFLAGS", FLAGS)
        .status()
        .into_diagnostic()
        .wrap_err("cannot start cargo")?;
    if !build.success() {
        bail!("the fuzz targets cannot be built");
    }
    for target in TARGETS {
        let found = built.join("corpus").join(target);
        let artifacts = built.join("artifacts").join(target);
        for folder in [&found, &artifacts] {
            fs::create_dir_all(folder)
                .into_diagnostic()
                .wrap_err_with(|| format!("cannot make {}", folder.display()))?;
        }
        println!("fuzzing `{target}` for {seconds} s");
        let output = Command::new(built.join(&platform).join("release").join(target))
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .args(["-timeout=10", "-max_len=4096", "-print_final_stats=1"])
            .args([&found, &folder.join("corpus").join(target)])
            .output()
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot start the fuzz target `{target}`"))?;
        let log = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            eprintln!("{log}");
            bail!(
                help = "fix it, and keep the input in tests/fuzz/corpus under a name that describes it",
                "the fuzz target `{target}` failed; its input is in {}",
                artifacts.display()
            );
        }
        let count = log.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        println!("{} inputs, nothing found", count.unwrap_or("some").trim());
    }
    Ok(())
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
