//! `cargo xtask corpus`: the services of public APIs are put through OKRA in each language.

mod checks;
mod command;
mod guests;
mod handlers;
mod known;
mod language;
mod report;
mod services;
mod sources;

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;

use clap::Args;
use miette::miette;

use crate::corpus::checks::{BatchCheck, CorpusTools, split_batches};
use crate::corpus::guests::{build_guest, echo_messages};
use crate::corpus::known::{KnownFailures, matches_pattern};
use crate::corpus::language::{GuestLanguage, LANGUAGES};
use crate::corpus::report::{CorpusStep, STEPS, StepResult, print_report};
use crate::corpus::services::CorpusService;
use crate::corpus::sources::SOURCES;
use crate::counts::TestCounts;
use crate::okra::OkraBinary;
use crate::tools::{PythonEnvironment, cache_folder};

/// Services that are built in each language, in the order of [`LANGUAGES`].
const BUILD_SAMPLE: [usize; 3] = [100, 50, 20];

/// Services whose messages are echoed in each language.
const ECHO_SAMPLE: usize = 30;

/// What is put through OKRA.
#[derive(Args, Clone)]
pub(crate) struct CorpusOptions {
    /// Only services whose full name matches, such as `google.pubsub.*`; `*` stands for any text.
    #[arg(long, value_name = "PATTERN")]
    services: Vec<String>,
    /// Only sources with these names.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    sources: Vec<String>,
    /// Number of services that are built, and that are echoed, in each language.
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Chooses other samples and other messages.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Steps to run.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = STEPS, hide_default_value = true)]
    steps: Vec<CorpusStep>,
    /// Languages of the guests.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = LANGUAGES, hide_default_value = true)]
    languages: Vec<GuestLanguage>,
    /// The `okra` binary; built from this working copy by default.
    #[arg(long, value_name = "FILE")]
    okra: Option<PathBuf>,
    /// Languages of the echo guests; those of `languages` by default.
    #[arg(skip)]
    echo_languages: Option<Vec<GuestLanguage>>,
}

impl CorpusOptions {
    /// Returns the short form, which is part of `cargo xtask test`.
    fn short() -> Self {
        let services = [
            "google.longrunning.*",
            "google.pubsub.*",
            "google.spanner.v1.*",
            "etcdserverpb.*",
            "containerd.services.*",
            "runtime.v1.*",
        ];
        Self {
            services: services.map(str::to_owned).to_vec(),
            sources: ["googleapis", "etcd", "containerd", "cri"].map(str::to_owned).to_vec(),
            sample: Some(2),
            seed: 1,
            steps: STEPS.into_iter().filter(|step| *step != CorpusStep::Build).collect(),
            languages: LANGUAGES.to_vec(),
            okra: None,
            echo_languages: Some(vec![GuestLanguage::Rust]),
        }
    }

    fn chooses(&self, service: &CorpusService) -> bool {
        self.services.is_empty() || self.services.iter().any(|pattern| matches_pattern(pattern, &service.name))
    }
}

/// Installs the tools, runs the steps and prints their counts.
pub(crate) fn run(options: &CorpusOptions) -> miette::Result<ExitCode> {
    let okra = options.okra.clone().map_or_else(OkraBinary::build, |binary| Ok(OkraBinary::at(binary)))?;
    Ok(suite(&okra, &PythonEnvironment::set_up()?, options)?.exit_code())
}

/// Runs the short form.
pub(crate) fn short_suite(okra: &OkraBinary, python: &PythonEnvironment) -> miette::Result<TestCounts> {
    suite(okra, python, &CorpusOptions::short())
}

fn suite(okra: &OkraBinary, python: &PythonEnvironment, options: &CorpusOptions) -> miette::Result<TestCounts> {
    let known = KnownFailures::load()?;
    let projects = cache_folder()?.join("corpus/projects");
    std::fs::create_dir_all(&projects).map_err(|error| miette!("cannot make {}: {error}", projects.display()))?;
    // Two runs at the same time do not share their projects.
    let folder = tempfile::tempdir_in(&projects).map_err(|error| miette!("cannot make a folder: {error}"))?;
    let tools = CorpusTools { okra, python, go: python.go()?, folder: folder.path().to_owned() };

    let mut services = Vec::new();
    let mut seen = HashSet::new();
    for source in SOURCES.iter().filter(|source| source.is_tested) {
        if !options.sources.is_empty() && !options.sources.iter().any(|name| name == source.name) {
            continue;
        }
        let found = CorpusService::find(source, python, &mut seen)?;
        let chosen: Vec<_> = found.into_iter().filter(|service| options.chooses(service)).collect();
        println!("{}: {} services", source.name, chosen.len());
        services.extend(chosen);
    }
    println!("{} services", services.len());

    let mut results = check_batches(&tools, &services, options)?;
    results.extend(run_guests(&tools, &services, options)?);
    Ok(print_report(&results, &known))
}

/// Generates the code of all services in each language and checks it, as many batches at a time as there are processors.
fn check_batches(
    tools: &CorpusTools<'_>,
    services: &[CorpusService],
    options: &CorpusOptions,
) -> miette::Result<Vec<StepResult>> {
    let is_generated =
        |step: &CorpusStep| *step == CorpusStep::Generate || LANGUAGES.iter().any(|language| step.checks(*language));
    if !options.steps.iter().any(is_generated) {
        return Ok(Vec::new());
    }
    let batches = split_batches(services);
    let jobs = options.languages.iter().flat_map(|language| batches.iter().map(|batch| (*language, *batch)));
    run_jobs(jobs.collect(), |index, (language, batch)| {
        let folder = tools.folder.join(format!("batch-{index}"));
        let mut check = BatchCheck { tools, language, steps: &options.steps, folder, results: Vec::new() };
        check.generate(batch)?;
        std::fs::remove_dir_all(&check.folder).ok();
        let mut failed = 0;
        for result in &check.results {
            if let Some(failure) = &result.failure {
                println!("{} {} {}: {failure}", result.step.name(), language.name(), result.service);
                failed += 1;
            }
        }
        let (first, last) = (batch.first(), batch.last());
        let names = [first, last].map(|service| service.map(|service| service.name.as_str()).unwrap_or_default());
        println!("{} {} to {}: {failed} of {} failed", language.name(), names[0], names[1], check.results.len());
        Ok(check.results)
    })
}

/// Builds the guests of the samples, and sends messages through those that echo.
fn run_guests(
    tools: &CorpusTools<'_>,
    services: &[CorpusService],
    options: &CorpusOptions,
) -> miette::Result<Vec<StepResult>> {
    let mut jobs = Vec::new();
    for (language, build_sample) in LANGUAGES.into_iter().zip(BUILD_SAMPLE) {
        for (step, size) in [(CorpusStep::Build, build_sample), (CorpusStep::Echo, ECHO_SAMPLE)] {
            let languages = options.echo_languages.as_ref().filter(|_| step == CorpusStep::Echo);
            if !options.steps.contains(&step) || !languages.unwrap_or(&options.languages).contains(&language) {
                continue;
            }
            let mut sample: Vec<_> = services.iter().collect();
            sample.sort_by_key(|service| service.shuffle_key(options.seed, step.name()));
            sample.truncate(options.sample.unwrap_or(size));
            jobs.extend(sample.into_iter().map(|service| (step, language, service)));
        }
    }
    run_jobs(jobs, |_, (step, language, service)| {
        let ran = match step {
            CorpusStep::Echo => echo_messages(tools, language, service, options.seed)?,
            _ => build_guest(tools, language, service)?,
        };
        let failure = ran.err();
        println!("{} {} {}: {}", step.name(), language.name(), service.name, failure.as_deref().unwrap_or("passed"));
        Ok(vec![StepResult { step, language, service: service.name.clone(), failure }])
    })
}

/// Runs jobs in as many threads as there are processors. The results are in the order of the jobs.
fn run_jobs<J: Copy + Send + Sync, R: Send>(
    jobs: Vec<J>,
    run: impl Fn(usize, J) -> miette::Result<Vec<R>> + Sync,
) -> miette::Result<Vec<R>> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let next = Mutex::new(jobs.iter().copied().enumerate());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let job = next.lock().ok().and_then(|mut next| next.next());
                    let Some((index, job)) = job else { break };
                    let result = run(index, job);
                    if let Ok(mut done) = done.lock() {
                        done.push((index, result));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().map_err(|_| miette!("a thread panicked"))?;
    done.sort_by_key(|(index, _)| *index);
    let results: miette::Result<Vec<Vec<R>>> = done.into_iter().map(|(_, result)| result).collect();
    Ok(results?.into_iter().flatten().collect())
}
