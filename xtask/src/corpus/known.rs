//! The failures that are known: a list in the repository, each entry with its reason.

use std::fs;

use miette::{IntoDiagnostic as _, miette};

use crate::corpus::report::StepResult;
use crate::okra::root;

const KNOWN_FAILING: &str = "tests/corpus/known-failing.txt";

/// An entry of the list: `STEP LANGUAGE SERVICE: reason`. `*` in the name of a service stands for any text; a step or language that
/// is `*` is any.
#[derive(Debug)]
struct KnownFailure {
    step: String,
    language: String,
    service: String,
    line: String,
}

impl KnownFailure {
    fn parse(line: &str) -> Option<Self> {
        let (names, reason) = line.split_once(": ")?;
        let [step, language, service] = names.split_whitespace().collect::<Vec<_>>()[..] else { return None };
        let [step, language, service] = [step, language, service].map(str::to_owned);
        (!reason.trim().is_empty()).then(|| Self { step, language, service, line: line.to_owned() })
    }

    fn covers(&self, result: &StepResult) -> bool {
        matches_pattern(&self.step, result.step.name())
            && matches_pattern(&self.language, result.language.name())
            && matches_pattern(&self.service, &result.service)
    }
}

/// The list of known failures.
pub(crate) struct KnownFailures(Vec<KnownFailure>);

impl KnownFailures {
    /// Reads the list.
    pub(crate) fn load() -> miette::Result<Self> {
        let text = fs::read_to_string(root().join(KNOWN_FAILING)).into_diagnostic()?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let parse = |line| {
            KnownFailure::parse(line)
                .ok_or_else(|| miette!("{KNOWN_FAILING}: `{line}` is not `STEP LANGUAGE SERVICE: reason`"))
        };
        Ok(Self(lines.map(parse).collect::<miette::Result<_>>()?))
    }

    /// Whether an entry covers a result.
    pub(crate) fn cover(&self, result: &StepResult) -> bool {
        self.0.iter().any(|known| known.covers(result))
    }

    /// Returns the entries that cover results, none of which is a failure.
    pub(crate) fn find_passing(&self, results: &[StepResult]) -> Vec<&str> {
        let is_passing = |known: &&KnownFailure| {
            let mut covered = results.iter().filter(|result| known.covers(result)).peekable();
            covered.peek().is_some() && covered.all(|result| result.failure.is_none())
        };
        self.0.iter().filter(is_passing).map(|known| known.line.as_str()).collect()
    }
}

/// Whether a name matches a pattern, in which `*` stands for any text.
pub(crate) fn matches_pattern(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
            let ends = name.char_indices().map(|(index, _)| index).chain([name.len()]);
            ends.filter_map(|index| name.get(index..)).any(|name| matches_pattern(rest, name))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, is_match) in [
            ("a.B", "a.B", true),
            ("a.B", "a.BC", false),
            ("a.*", "a.b.C", true),
            ("*.C", "a.b.C", true),
            ("a.*.C", "a.C", false),
            ("*", "", true),
            ("a*b*c", "a1b2b3c", true),
        ] {
            assert_eq!(matches_pattern(pattern, name), is_match, "{pattern} {name}");
        }
    }

    #[test]
    fn an_entry_needs_a_reason() {
        assert!(KnownFailure::parse("vet go google.ads.*: too large").is_some());
        for line in ["vet go google.ads.*", "vet go google.ads.*: ", "vet google.ads.*: too large"] {
            assert!(KnownFailure::parse(line).is_none(), "{line}");
        }
    }
}
