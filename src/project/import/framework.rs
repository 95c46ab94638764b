//! The frameworks whose projects are imported, each with its own file and a line in the list, and what they find.

use crate::config::Language;
use crate::project::import::go::GRPC_GO;
use crate::project::import::protos::ProtoSource;
use crate::project::import::python::GRPCIO;
use crate::project::import::source_files::{SourceFile, SourceFiles};

/// The frameworks, in the order in which users see them.
pub(super) const FRAMEWORKS: [&Framework; 2] = [&GRPC_GO, &GRPCIO];

/// A framework for gRPC services.
pub(super) struct Framework {
    /// Its name in messages.
    pub(super) name: &'static str,
    pub(super) language: Language,
    /// The import by which its sources are known, as messages show it.
    pub(super) import: &'static str,
    /// The calls and types by which services are known, as messages show them.
    pub(super) service_marks: &'static str,
    /// Whether a source uses the framework. Tests and generated files do not.
    pub(super) is_source: fn(&SourceFile) -> bool,
    /// Finds services and what must change in a source.
    pub(super) scan: fn(&SourceFile, &ScanContext<'_>, &mut Findings),
    /// Finds what must change beside the sources.
    pub(super) scan_project: fn(&ScanContext<'_>, &mut Findings),
    /// Returns the services that a mention may mean.
    pub(super) find_candidates: for<'a> fn(&'a [ProtoSource], &ServiceMention) -> Vec<Candidate<'a>>,
}

/// The state of a project before its sources are scanned.
pub(super) struct ScanContext<'a> {
    pub(super) files: &'a SourceFiles,
    pub(super) protos: &'a [ProtoSource],
    /// The name that the project gets.
    pub(super) project_name: &'a str,
}

/// The findings in the sources.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) served: Vec<ServiceMention>,
    pub(super) called: Vec<ServiceMention>,
    pub(super) changes: Vec<SourceChange>,
}

/// A place in a source that names a service as the framework's generated code does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServiceMention {
    pub(super) place: SourcePosition,
    /// The name of the service without its package.
    pub(super) name: String,
    /// The package or module of the generated code, if it is known.
    pub(super) module: Option<String>,
}

/// A service that a mention may mean.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) full_name: &'a str,
    pub(super) proto: &'a ProtoSource,
}

/// A file and a line in it, from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourcePosition {
    /// The path of the file below the project's folder.
    pub file: String,
    /// The line, from 1; none for a file that is not there.
    pub line: Option<usize>,
}

/// A line that must change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceChange {
    /// Where it is.
    pub place: SourcePosition,
    /// The import, call or name that is there.
    pub before: String,
    /// The text to write, or the part of OKRA that gives it.
    pub after: String,
}

impl Findings {
    pub(super) fn add_change(&mut self, place: &SourcePosition, before: impl Into<String>, after: impl Into<String>) {
        let change = SourceChange { place: place.clone(), before: before.into(), after: after.into() };
        // A name that occurs twice in a line is one change.
        if self.changes.last() != Some(&change) {
            self.changes.push(change);
        }
    }
}

impl SourcePosition {
    pub(super) fn new(file: &SourceFile, line: usize) -> Self {
        Self { file: file.path.clone(), line: Some(line) }
    }

    pub(super) fn of_missing(file: &str) -> Self {
        Self { file: file.to_owned(), line: None }
    }
}

impl std::fmt::Display for SourcePosition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

/// Returns the services of `.proto` files that have a name, as `is_name` compares it, and of those the ones that fit best: a
/// rank of 0 is no hint.
pub(super) fn best_candidates<'a>(
    protos: &'a [ProtoSource],
    is_name: impl Fn(&str) -> bool,
    rank: impl Fn(&ProtoSource) -> usize,
) -> Vec<Candidate<'a>> {
    let mut found: Vec<Candidate<'a>> = Vec::new();
    for proto in protos {
        for full_name in &proto.services {
            let name = full_name.rsplit_once('.').map_or(&**full_name, |(_, name)| name);
            if is_name(name) {
                found.push(Candidate { full_name, proto });
            }
        }
    }
    let best = found.iter().map(|candidate| rank(candidate.proto)).max().unwrap_or_default();
    found.retain(|candidate| rank(candidate.proto) == best);
    found.sort_by_key(|candidate| candidate.full_name);
    found.dedup_by_key(|candidate| candidate.full_name);
    found
}
