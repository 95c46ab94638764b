//! `okra import`: looks at a project of grpc-go or grpcio, writes its `okra.toml`, and lists what must change in its sources.
//! The sources are read line by line, without a parser, and never written.

mod error;
mod framework;
mod go;
mod protos;
mod python;
mod source_files;
mod source_text;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::config::{FILE_NAME, Language, Name};
use crate::language::{FileError, GuestLanguage, LANGUAGES};
use crate::project::import::framework::{FRAMEWORKS, Findings, Framework, ScanContext, ServiceMention};
use crate::project::import::protos::{ProtoSource, find_mistake, find_protos, find_roots};
use crate::project::import::source_files::{SKIPPED_FOLDERS, SourceFile, SourceFiles};

pub use error::ImportError;
pub use framework::{SourceChange, SourcePosition};

/// The choices of `okra import`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportOptions {
    /// The language, if the sources of several use gRPC.
    pub language: Option<Language>,
    /// Whether nothing is written.
    pub is_dry_run: bool,
    /// Whether an `okra.toml` that is there is written over.
    pub is_forced: bool,
}

/// The outcome for the text of `okra.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigOutcome {
    /// It was written.
    Written,
    /// There is an `okra.toml`, which was kept.
    Kept,
    /// Nothing was written, as asked.
    DryRun,
}

/// The services of a project, and what must change.
#[derive(Debug)]
pub struct ImportReport {
    /// The framework: `grpc-go` or `grpcio`.
    pub framework: &'static str,
    /// The number of sources that use it.
    pub sources: usize,
    /// The number of `.proto` files.
    pub protos: usize,
    /// Full names of the services that are served, each with the first place that says so.
    pub serves: BTreeMap<String, SourcePosition>,
    /// The same of the services that are called.
    pub calls: BTreeMap<String, SourcePosition>,
    /// Decisions that are open: services that are not clear, and `.proto` files that do not compile.
    pub questions: Vec<String>,
    /// Files that were not looked at, with the reason.
    pub skipped: Vec<String>,
    /// The text of `okra.toml`.
    pub config: String,
    /// Whether it was written.
    pub outcome: ConfigOutcome,
    /// The lines that must change, by file and line.
    pub changes: Vec<SourceChange>,
}

/// Looks at the project in `folder`, and writes its `okra.toml` unless there is one.
///
/// # Errors
/// If no language is found, or several are; if there are no `.proto` files; if no service is served; if a file cannot be read
/// or written.
pub fn import_project(folder: &Path, options: ImportOptions) -> Result<ImportReport, ImportError> {
    let files = SourceFiles::read(folder)?;
    let (framework, sources) = choose_framework(folder, &files, options.language)?;
    let protos = find_protos(&files);
    if protos.is_empty() {
        let skipped = format!("{}, hidden folders and links", SKIPPED_FOLDERS.join(", "));
        return Err(ImportError::NoProtos { folder: folder.to_owned(), skipped });
    }
    let name = choose_name(folder, &files, framework.language);
    let context = ScanContext { files: &files, protos: &protos, project_name: &name };
    let mut findings = Findings::default();
    for source in &sources {
        (framework.scan)(source, &context, &mut findings);
    }
    (framework.scan_project)(&context, &mut findings);

    let mut resolver = Resolver { framework, protos: &protos, questions: Vec::new(), unclear: Vec::new() };
    let serves = resolver.resolve("serves", &findings.served);
    if serves.is_empty() && resolver.questions.is_empty() {
        let expected = framework.service_marks;
        return Err(ImportError::NothingServed { folder: folder.to_owned(), expected });
    }
    let mut calls = resolver.resolve("calls", &findings.called);
    // A source that serves nothing and calls what the project serves is a client program, which stays as it is.
    let own_calls = findings.called.iter().filter(|mention| resolver.is_call_of(mention, &serves));
    let mut clients: BTreeSet<String> = own_calls.map(|mention| mention.place.file.clone()).collect();
    clients.retain(|file| !findings.served.iter().any(|mention| mention.place.file == *file));
    findings.changes.retain(|change| !clients.contains(&change.place.file));
    let Resolver { mut questions, unclear, .. } = resolver;
    calls.retain(|service, place| {
        let is_own = serves.contains_key(service);
        if is_own {
            questions.push(format!(
                "{place} calls {service}, which the project serves: left out of `calls`; a client program does not move, and \
                 needs no change"
            ));
        }
        !is_own
    });
    let mut services: BTreeSet<String> = serves.keys().chain(calls.keys()).cloned().collect();
    services.extend(unclear.iter().flat_map(|unclear| unclear.candidates.iter().cloned()));
    let roots = find_roots(folder, &files, &protos, &services);
    if let Some(mistake) = find_mistake(folder, &roots, &protos, &services) {
        questions.push(format!("{mistake}: correct the file, or `include` of [proto] in okra.toml"));
    }
    let config = config_text(&name, framework.language, &roots, &serves, &calls, &unclear);
    let outcome = write_config(folder, &config, options)?;
    findings.changes.sort();
    findings.changes.dedup();
    Ok(ImportReport {
        framework: framework.name,
        sources: sources.len(),
        protos: protos.len(),
        serves,
        calls,
        questions,
        skipped: files.skipped,
        config,
        outcome,
        changes: findings.changes,
    })
}

fn choose_framework<'a>(
    folder: &Path,
    files: &'a SourceFiles,
    language: Option<Language>,
) -> Result<(&'static Framework, Vec<&'a SourceFile>), ImportError> {
    if let Some(language) = language
        && !FRAMEWORKS.iter().any(|framework| framework.language == language)
    {
        return Err(ImportError::Language { language });
    }
    let chosen = || FRAMEWORKS.into_iter().filter(|framework| language.is_none_or(|own| own == framework.language));
    let used = chosen().map(|framework| {
        let sources: Vec<&SourceFile> = files.files.iter().filter(|file| (framework.is_source)(file)).collect();
        (framework, sources)
    });
    let mut used: Vec<_> = used.filter(|(_, sources)| !sources.is_empty()).collect();
    match (used.pop(), used.is_empty()) {
        (Some(found), true) => Ok(found),
        (Some(_), false) => Err(ImportError::SeveralLanguages { folder: folder.to_owned() }),
        (None, _) => {
            let expected: Vec<_> = chosen().map(|framework| format!("`{}`", framework.import)).collect();
            let (folder, files) = (folder.to_owned(), files.files.len());
            Err(ImportError::NoFramework { folder, expected: expected.join(" or "), files })
        }
    }
}

/// Returns the name of the Go module without its path, or of the folder, in kebab case.
fn choose_name(folder: &Path, files: &SourceFiles, language: Language) -> String {
    let module = go::module_path(files).filter(|_| language == Language::Go);
    let is_version = |part: &str| part.strip_prefix('v').is_some_and(|rest| rest.parse::<u32>().is_ok());
    let of_module = module.and_then(|path| path.rsplit('/').find(|part| !is_version(part)).map(str::to_owned));
    let of_folder = || {
        let folder = folder.canonicalize().ok()?;
        Some(folder.file_name()?.to_string_lossy().into_owned())
    };
    let name = kebab_case(&of_module.or_else(of_folder).unwrap_or_default());
    let reserved = LANGUAGES.into_iter().find(|own| own.language() == language).map(GuestLanguage::reserved_names);
    match Name::new(name.as_str()) {
        Ok(_) if reserved.is_some_and(|reserved| reserved.contains(&&*name)) => format!("{name}-service"),
        Ok(_) => name,
        Err(_) => "service".to_owned(),
    }
}

/// Returns the words of a name in lower case, each from its first letter on, joined by `-`.
fn kebab_case(name: &str) -> String {
    let mut spaced = String::new();
    let mut was_lower = false;
    for char in name.chars() {
        if char.is_ascii_uppercase() && was_lower {
            spaced.push('-');
        }
        was_lower = char.is_ascii_lowercase() || char.is_ascii_digit();
        spaced.push(if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '-' });
    }
    let words = spaced.split('-').map(|word| word.trim_start_matches(|char: char| char.is_ascii_digit()));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

/// A name in the sources that several services have.
struct UnclearService {
    /// The key of `okra.toml`.
    key: &'static str,
    place: SourcePosition,
    candidates: Vec<String>,
}

/// Finds the services that the sources mean among those of the `.proto` files.
struct Resolver<'a> {
    framework: &'static Framework,
    protos: &'a [ProtoSource],
    questions: Vec<String>,
    unclear: Vec<UnclearService>,
}

impl Resolver<'_> {
    /// Whether a mention means one of some services.
    fn is_call_of(&self, mention: &ServiceMention, services: &BTreeMap<String, SourcePosition>) -> bool {
        let candidates = (self.framework.find_candidates)(self.protos, mention);
        matches!(candidates.as_slice(), [only] if services.contains_key(only.full_name))
    }

    /// Returns the services that `mentions` mean, each with the first place. A name without a service, or with several, becomes a
    /// question. Clients have names that other types have, too, so a name that no service has counts for served services only.
    fn resolve(&mut self, key: &'static str, mentions: &[ServiceMention]) -> BTreeMap<String, SourcePosition> {
        let mut found = BTreeMap::new();
        let mut asked = BTreeSet::new();
        for mention in mentions {
            let candidates = (self.framework.find_candidates)(self.protos, mention);
            let names: Vec<String> = candidates.iter().map(|candidate| candidate.full_name.to_owned()).collect();
            let place = &mention.place;
            match names.as_slice() {
                [name] => {
                    found.entry(name.clone()).or_insert_with(|| place.clone());
                }
                [] if key == "serves" && asked.insert((mention.name.clone(), names.clone())) => {
                    self.questions.push(format!(
                        "{place} serves `{}`, which no .proto file below the folder defines: add the file and run `okra import` \
                         again",
                        mention.name
                    ));
                }
                [_, ..] if asked.insert((mention.name.clone(), names.clone())) => {
                    let files = candidates.iter().map(|found| format!("{} ({})", found.full_name, found.proto.path));
                    let listed = files.collect::<Vec<_>>().join(" or ");
                    self.questions.push(format!(
                        "{place} {key} `{}`, which is {listed}: write the right one into `{key}` of [proto] in okra.toml",
                        mention.name
                    ));
                    self.unclear.push(UnclearService { key, place: place.clone(), candidates: names });
                }
                _ => {}
            }
        }
        found
    }
}

fn config_text(
    name: &str,
    language: Language,
    roots: &[String],
    serves: &BTreeMap<String, SourcePosition>,
    calls: &BTreeMap<String, SourcePosition>,
    unclear: &[UnclearService],
) -> String {
    let language = LANGUAGES.into_iter().find(|own| own.language() == language).map_or("", |own| own.id());
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let list = |key: &str, values: Vec<String>| {
        let one_line = format!("{key} = [{}]\n", values.join(", "));
        if one_line.len() <= 100 { one_line } else { format!("{key} = [\n    {},\n]\n", values.join(",\n    ")) }
    };
    let mut text = format!("name = {}\nversion = \"0.1.0\"\nlanguage = \"{language}\"\n\n[proto]\n", quoted(name));
    let folders = roots.iter().map(|root| if root.is_empty() { "\".\"".to_owned() } else { quoted(root) });
    text.push_str(&list("include", folders.collect()));
    for (key, services) in [("serves", serves), ("calls", calls)] {
        for unclear in unclear.iter().filter(|unclear| unclear.key == key) {
            text.push_str(&format!("# one of {} for {}\n", unclear.candidates.join(", "), unclear.place));
        }
        if key == "serves" || !services.is_empty() {
            text.push_str(&list(key, services.keys().map(|service| quoted(service)).collect()));
        }
    }
    text
}

fn write_config(folder: &Path, text: &str, options: ImportOptions) -> Result<ConfigOutcome, FileError> {
    let path = folder.join(FILE_NAME);
    if options.is_dry_run {
        return Ok(ConfigOutcome::DryRun);
    }
    // What is there counts even if it is a link to nothing.
    if !options.is_forced && fs::symlink_metadata(&path).is_ok() {
        return Ok(ConfigOutcome::Kept);
    }
    fs::write(&path, text).map_err(FileError::on("write", &path))?;
    Ok(ConfigOutcome::Written)
}
