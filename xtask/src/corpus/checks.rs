//! The steps that all services go through: what is generated for them is checked. Services are checked together, and apart only if
//! a check fails.

use std::path::PathBuf;

use crate::corpus::command::run_limited;
use crate::corpus::language::{CorpusProject, GuestLanguage};
use crate::corpus::report::{CorpusStep, StepResult};
use crate::corpus::services::CorpusService;
use crate::okra::OkraBinary;
use crate::tools::PythonEnvironment;

/// Most services and packages of a project.
const MAX_BATCH: usize = 150;

/// Time that a command may take, in seconds.
const COMMAND_LIMIT: u32 = 900;

/// Imports every module below the folder `gen`.
const IMPORT_ALL: &str = "import importlib, pathlib\nfor path in sorted(pathlib.Path('gen').rglob('__init__.py')):\n    \
                          importlib.import_module('.'.join(path.parent.parts))\n";

/// The programs that the steps run.
pub(crate) struct CorpusTools<'a> {
    pub(crate) okra: &'a OkraBinary,
    pub(crate) python: &'a PythonEnvironment,
    pub(crate) go: PathBuf,
    /// The folder of the projects.
    pub(crate) folder: PathBuf,
}

impl CorpusTools<'_> {
    /// Runs `okra generate` or `okra build`. Returns what is wrong if it fails.
    pub(crate) fn run_okra(&self, command: &str, project: &CorpusProject) -> miette::Result<Result<(), String>> {
        run_limited(self.okra.binary(), COMMAND_LIMIT, |okra| {
            okra.arg(command).arg(&project.folder).env("NO_COLOR", "1");
        })
    }

    /// Checks generated code. Returns what is wrong with it.
    fn check(&self, step: CorpusStep, project: &CorpusProject) -> miette::Result<Result<(), String>> {
        let sdk = project.folder.join(".okra/sdk/python");
        match step {
            CorpusStep::Vet => run_limited(&self.go, COMMAND_LIMIT, |go| {
                go.args(["vet", "./gen/..."]).current_dir(&project.folder).env("GOFLAGS", "-mod=mod");
            }),
            CorpusStep::Import => run_limited(self.python.program("python"), COMMAND_LIMIT, |python| {
                python.args(["-c", IMPORT_ALL]).current_dir(&project.folder).env("PYTHONPATH", &sdk);
            }),
            _ => run_limited(self.python.program("mypy"), COMMAND_LIMIT, |mypy| {
                mypy.args(["--strict", "--no-error-summary", "--python-version", "3.11", "--cache-dir"]);
                mypy.arg(project.folder.join("mypy-cache"))
                    .arg("gen")
                    .current_dir(&project.folder)
                    .env("MYPYPATH", &sdk);
            }),
        }
    }
}

/// Splits services into batches that a project each can serve: of one source, whole packages while they fit.
pub(crate) fn split_batches(services: &[CorpusService]) -> Vec<&[CorpusService]> {
    let mut batches = Vec::new();
    for of_source in services.chunk_by(|one, other| one.source == other.source) {
        let (mut start, mut end, mut size) = (0, 0, 0);
        for package in of_source.chunk_by(|one, other| one.package() == other.package()) {
            for part in package.chunks(MAX_BATCH - 1) {
                if size + part.len() + 1 > MAX_BATCH {
                    batches.extend(of_source.get(start..end));
                    (start, size) = (end, 0);
                }
                end += part.len();
                size += part.len() + 1;
            }
        }
        batches.extend(of_source.get(start..end).filter(|batch| !batch.is_empty()));
    }
    batches
}

/// A batch of services in one language.
pub(crate) struct BatchCheck<'a> {
    pub(crate) tools: &'a CorpusTools<'a>,
    pub(crate) language: GuestLanguage,
    pub(crate) steps: &'a [CorpusStep],
    /// The folder of the project, made anew for each check.
    pub(crate) folder: PathBuf,
    pub(crate) results: Vec<StepResult>,
}

impl BatchCheck<'_> {
    /// Generates the code of services, then checks it. Services that fail together are divided until those that fail are known.
    pub(crate) fn generate(&mut self, services: &[CorpusService]) -> miette::Result<()> {
        match (self.create(services)?, services) {
            (Ok(project), _) => {
                self.add(CorpusStep::Generate, services, None);
                self.check_all(&project, services)
            }
            (Err(failure), [_]) => {
                self.add(CorpusStep::Generate, services, Some(failure));
                Ok(())
            }
            (Err(_), _) => {
                let (one, other) = divide(services);
                self.generate(one)?;
                self.generate(other)
            }
        }
    }

    fn create(&self, services: &[CorpusService]) -> miette::Result<Result<CorpusProject, String>> {
        let [first, ..] = services else { return Ok(Err("no services".to_owned())) };
        let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
        let project = CorpusProject::create(self.folder.clone(), self.language, &first.input, &names)?;
        Ok(self.tools.run_okra("generate", &project)?.map(|()| project))
    }

    fn check_all(&mut self, project: &CorpusProject, services: &[CorpusService]) -> miette::Result<()> {
        let (steps, language) = (self.steps, self.language);
        let mut failed = Vec::new();
        for step in steps.iter().filter(|step| step.checks(language)) {
            match self.tools.check(*step, project)? {
                Ok(()) => self.add(*step, services, None),
                Err(failure) => failed.push((*step, failure)),
            }
        }
        for (step, failure) in failed {
            self.divide_failure(step, services, failure)?;
        }
        Ok(())
    }

    /// Finds those of services for which a check fails that has failed for all of them together.
    fn divide_failure(&mut self, step: CorpusStep, services: &[CorpusService], failure: String) -> miette::Result<()> {
        if services.len() == 1 {
            self.add(step, services, Some(failure));
            return Ok(());
        }
        let (one, other) = divide(services);
        for part in [one, other] {
            let checked = match self.create(part)? {
                Ok(project) => self.tools.check(step, &project)?,
                Err(failure) => Err(failure),
            };
            match checked {
                Ok(()) => self.add(step, part, None),
                Err(failure) => self.divide_failure(step, part, failure)?,
            }
        }
        Ok(())
    }

    fn add(&mut self, step: CorpusStep, services: &[CorpusService], failure: Option<String>) {
        for service in services {
            let (service, failure) = (service.name.clone(), failure.clone());
            self.results.push(StepResult { step, language: self.language, service, failure });
        }
    }
}

/// Divides services into two parts, between two packages if there are several.
fn divide(services: &[CorpusService]) -> (&[CorpusService], &[CorpusService]) {
    let middle = services.len() / 2;
    let is_border = |index: &usize| {
        let package = |index: usize| services.get(index).map(CorpusService::package);
        index.checked_sub(1).is_some_and(|before| package(before) != package(*index))
    };
    let borders = (1..services.len()).filter(is_border);
    let border = borders.min_by_key(|index| index.abs_diff(middle)).unwrap_or(middle);
    services.split_at(border)
}
