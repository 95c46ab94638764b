//! The steps of the corpus, their results and what is printed of them.

use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum;

use crate::corpus::command::failure_group;
use crate::corpus::known::KnownFailures;
use crate::corpus::language::{GuestLanguage, LANGUAGES};
use crate::counts::TestCounts;

/// What is done with a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CorpusStep {
    /// `okra generate` ends well.
    Generate,
    /// `go vet` finds nothing in the generated Go.
    Vet,
    /// CPython imports the generated modules.
    Import,
    /// `mypy --strict` finds nothing in the generated modules.
    Mypy,
    /// `okra build` builds a component that answers UNIMPLEMENTED.
    Build,
    /// Random messages come back from a component as they went.
    Echo,
}

pub(crate) const STEPS: [CorpusStep; 6] =
    [CorpusStep::Generate, CorpusStep::Vet, CorpusStep::Import, CorpusStep::Mypy, CorpusStep::Build, CorpusStep::Echo];

impl CorpusStep {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Vet => "vet",
            Self::Import => "import",
            Self::Mypy => "mypy",
            Self::Build => "build",
            Self::Echo => "echo",
        }
    }

    /// Whether the step is a check of generated code in a language.
    pub(crate) fn checks(self, language: GuestLanguage) -> bool {
        match self {
            Self::Vet => language == GuestLanguage::Go,
            Self::Import | Self::Mypy => language == GuestLanguage::Python,
            Self::Generate | Self::Build | Self::Echo => false,
        }
    }
}

/// What came of a step for a service in a language.
pub(crate) struct StepResult {
    pub(crate) step: CorpusStep,
    pub(crate) language: GuestLanguage,
    pub(crate) service: String,
    /// The line that says what went wrong, if something did.
    pub(crate) failure: Option<String>,
}

/// Prints counts by step and language, the failures by group, and the entries of the list that pass. A failure that is known is not
/// counted.
pub(crate) fn print_report(results: &[StepResult], known: &KnownFailures) -> TestCounts {
    let mut counts = TestCounts::default();
    println!();
    for step in STEPS {
        for language in LANGUAGES {
            let results = || results.iter().filter(|result| result.step == step && result.language == language);
            let total = results().count();
            if total == 0 {
                continue;
            }
            let failures: Vec<_> = results().filter(|result| result.failure.is_some()).collect();
            let new = failures.iter().filter(|result| !known.cover(result)).count();
            let (passed, listed) = (total - failures.len(), failures.len() - new);
            counts.passed += passed as u64;
            counts.failed += new as u64;
            let name = format!("{} {}", step.name(), language.name());
            println!("{name:<16} {passed:>5} passed, {new:>4} failed, {listed:>4} known to fail");
            print_groups(&failures, known);
        }
    }
    for line in known.find_passing(results) {
        println!("known to fail, and passes; remove it from the list: {line}");
    }
    println!("\n{counts}");
    counts
}

/// Prints each group of failures with its number of services and one of them.
fn print_groups(failures: &[&StepResult], known: &KnownFailures) {
    let mut groups = BTreeMap::<(bool, String), Vec<&StepResult>>::new();
    for result in failures {
        let group = failure_group(result.failure.as_deref().unwrap_or_default());
        groups.entry((known.cover(result), group)).or_default().push(result);
    }
    for ((is_known, _), results) in groups {
        let [first, ..] = results[..] else { continue };
        let packages: BTreeSet<_> =
            results.iter().map(|result| result.service.rsplit_once('.').map(|(package, _)| package)).collect();
        let known = if is_known { "known: " } else { "" };
        let failure = first.failure.as_deref().unwrap_or_default();
        let (services, packages) = (results.len(), packages.len());
        println!("  {known}{services} services of {packages} packages, such as {}: {failure}", first.service);
    }
}
