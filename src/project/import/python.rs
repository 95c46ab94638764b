//! Services of grpcio. The tables are those of `docs/python.md`.

use std::collections::BTreeMap;

use okra_codegen::python::module_name;

use crate::config::Language;
use crate::project::import::framework::{
    Candidate, Findings, Framework, ScanContext, ServiceMention, SourcePosition, best_candidates,
};
use crate::project::import::protos::ProtoSource;
use crate::project::import::source_files::SourceFile;
use crate::project::import::source_text::{SourceLine, Syntax, Word, split_lines, words};

pub(super) const GRPCIO: Framework = Framework {
    name: "grpcio",
    language: Language::Python,
    import: "grpc",
    service_marks: "`add_NAMEServicer_to_server(` or a class of `..._pb2_grpc.NAMEServicer`",
    is_source,
    scan,
    scan_project,
    find_candidates,
};

const HOST_HEALTH: &str = "remove it: the host answers health checks";
const HOST_REFLECTION: &str = "remove it: the host answers reflection";
const HOST_TLS: &str = "remove it: TLS and certificates are the host's, in server.toml";
const HOST_LISTENS: &str = "may stay and does nothing: `okra serve --listen` says where to listen";
const NO_THREADS: &str = "not there: an instance serves one call at a time, without threads";
const NO_FILES: &str =
    "there are no files at run time: read it while the module is imported, which is done at the build";

/// The beginnings of names of modules, and what gives the same in OKRA.
const MODULES: [(&str, &str); 10] = [
    ("grpc.aio", "not there: handlers are plain methods, as of `grpc.server`"),
    ("grpc_health", HOST_HEALTH),
    ("grpc_reflection", HOST_REFLECTION),
    ("grpc_channelz", "remove it: the host has a log of its own"),
    ("grpc_interceptor", "remove it: what interceptors do is the host's, or a function that handlers call"),
    ("grpc_tools", "remove it: `okra generate` writes package `gen`"),
    ("google.protobuf.internal", "not there: docs/python.md lists what messages have"),
    ("asyncio", NO_THREADS),
    ("threading", NO_THREADS),
    ("multiprocessing", NO_THREADS),
];

/// The modules of `google.protobuf` that `okra.grpc` has.
const SHARED_MODULES: [&str; 8] = [
    "any_pb2",
    "duration_pb2",
    "empty_pb2",
    "field_mask_pb2",
    "json_format",
    "struct_pb2",
    "timestamp_pb2",
    "wrappers_pb2",
];

/// Functions and methods, by the end of their written names, and what to write.
const NAMES: [(&str, &str); 22] = [
    ("grpc.server", "may stay and does nothing, without `interceptors`: the host has the threads"),
    (".add_insecure_port", HOST_LISTENS),
    (".add_secure_port", HOST_LISTENS),
    (".wait_for_termination", "may stay and does nothing: `service.py` must come to its end"),
    ("grpc.insecure_channel", "may stay: the address says nothing; the service is under `calls` in okra.toml"),
    ("grpc.secure_channel", "`grpc.insecure_channel`: the service is under `calls` in okra.toml"),
    ("grpc.ssl_channel_credentials", HOST_TLS),
    ("grpc.ssl_server_credentials", HOST_TLS),
    ("grpc.intercept_channel", "remove it: calls cannot be intercepted"),
    (".auth_context", "empty: `okra.Context.caller` and `client_certificate` have the client of mutual TLS"),
    (".peer_identities", "empty: `okra.Context.caller` and `client_certificate` have the client of mutual TLS"),
    (".peer", "the same, without `ipv4:` before it, and empty for local calls"),
    (".add_callback", "returns False: nothing runs after a call"),
    (".future", "not there: calls wait for their response"),
    (".with_call", "not there: `okra.outgoing` gives headers and trailers"),
    ("reflection.enable_server_reflection", HOST_REFLECTION),
    ("health.HealthServicer", HOST_HEALTH),
    ("os.getenv", "there is no environment: write a constant"),
    ("os.environ.get", "there is no environment: write a constant"),
    ("time.sleep", "the same; a call in it holds its instance"),
    ("signal.signal", "remove it: the host ends instances"),
    ("open", NO_FILES),
];

fn is_source(file: &SourceFile) -> bool {
    let name = file.file_name();
    let is_test = name.starts_with("test_") || name.ends_with("_test.py") || name == "conftest.py";
    let is_code = file.has_extension("py") && !is_generated(name) && !is_test;
    is_code && split_lines(&file.text, Syntax::Python).iter().any(|line| uses_grpc(line.code.trim()))
}

fn is_generated(name: &str) -> bool {
    name.ends_with("_pb2.py") || name.ends_with("_pb2_grpc.py")
}

fn uses_grpc(line: &str) -> bool {
    let mut words = line.split([' ', ',', ';', '\t']).filter(|word| !word.is_empty());
    let is_import = matches!(words.next(), Some("import" | "from"));
    is_import
        && words.any(|word| word == "grpc" || word.starts_with("grpc.") || word.ends_with("_pb2_grpc"))
        && !line.starts_with("from okra")
        && !line.starts_with("from gen")
}

fn find_candidates<'a>(protos: &'a [ProtoSource], mention: &ServiceMention) -> Vec<Candidate<'a>> {
    let path = mention.module.as_deref().and_then(|module| proto_path(module, "_pb2_grpc"));
    let fit = |proto: &ProtoSource| path.as_deref().map_or(0, |path| fit(proto, path));
    best_candidates(protos, |name| name == mention.name, fit)
}

/// Returns the path of the `.proto` file of a generated module: `a/b.proto` for `a.b_pb2`.
fn proto_path(module: &str, ending: &str) -> Option<String> {
    Some(format!("{}.proto", module.strip_suffix(ending)?.trim_start_matches('.').replace('.', "/")))
}

/// Returns how many folders and names of a path the path of a `.proto` file ends with.
fn fit(proto: &ProtoSource, path: &str) -> usize {
    // protoc writes `_` for `-` in the names of files.
    let own = proto.path.replace('-', "_");
    own.rsplit('/').zip(path.rsplit('/')).take_while(|(one, other)| one == other).count()
}

/// A name that a source imports.
struct PythonImport {
    line: usize,
    /// The module that `from` names; empty for `import`.
    from: String,
    /// The module or name.
    name: String,
    /// The name that it has in the source.
    local: String,
}

impl PythonImport {
    fn full_name(&self) -> String {
        match self.from.trim_end_matches('.') {
            "" => self.name.clone(),
            from => format!("{from}.{}", self.name),
        }
    }

    fn written(&self) -> String {
        let renamed = if self.local == self.name { String::new() } else { format!(" as {}", self.local) };
        match &*self.from {
            "" => format!("import {}{renamed}", self.name),
            from => format!("from {from} import {}{renamed}", self.name),
        }
    }
}

/// Returns the imports of a source, those in several lines included.
fn imports(lines: &[SourceLine]) -> Vec<PythonImport> {
    let mut found = Vec::new();
    let mut lines = lines.iter();
    while let Some(first) = lines.next() {
        let mut statement = first.code.trim().to_owned();
        if !statement.starts_with("import ") && !statement.starts_with("from ") {
            continue;
        }
        while (statement.contains('(') && !statement.contains(')')) || statement.ends_with('\\') {
            let Some(next) = lines.next() else { break };
            statement = format!("{} {}", statement.trim_end_matches('\\'), next.code.trim());
        }
        let statement = statement.split(';').next().unwrap_or_default();
        let (from, names) = match statement.strip_prefix("from ") {
            Some(rest) => rest.split_once(" import").unwrap_or((rest, "")),
            None => ("", statement.strip_prefix("import ").unwrap_or_default()),
        };
        for part in names.split([',', '(', ')']).map(str::trim).filter(|part| !part.is_empty()) {
            let (name, local) = part.split_once(" as ").unwrap_or((part, part));
            found.push(PythonImport {
                line: first.number,
                from: from.trim().to_owned(),
                name: name.trim().to_owned(),
                local: local.trim().to_owned(),
            });
        }
    }
    found
}

fn scan(file: &SourceFile, context: &ScanContext<'_>, findings: &mut Findings) {
    let lines = split_lines(&file.text, Syntax::Python);
    // Full names of what the source imports, by the names that it has in the source.
    let mut known = BTreeMap::new();
    for import in imports(&lines) {
        if let Some(after) = replacement(&import, context) {
            findings.add_change(&SourcePosition::new(file, import.line), import.written(), after);
        }
        known.insert(import.local.clone(), import.full_name());
    }
    for line in &lines {
        let code = line.code.trim_start();
        if code.starts_with("import ") || code.starts_with("from ") {
            continue;
        }
        let place = SourcePosition::new(file, line.number);
        if code.starts_with("if __name__") {
            let after = "call the function without it: `service.py` is imported and not run";
            findings.add_change(&place, line.text.trim(), after);
        }
        if code.starts_with("async def ") {
            findings.add_change(&place, "async def", "`def`: handlers are plain methods");
        }
        let is_class = code.starts_with("class ");
        for (index, word) in words(&line.code).enumerate() {
            // The name of a class itself is no use of another.
            if !(is_class && index == 1) {
                scan_word(word, is_class, &known, &place, findings);
            }
        }
        if line.code.contains("interceptors=") {
            findings.add_change(
                &place,
                "interceptors=",
                "remove it: `grpc.server(interceptors=...)` raises NotImplementedError",
            );
        }
    }
}

fn scan_word(
    word: Word<'_>,
    is_class: bool,
    known: &BTreeMap<String, String>,
    place: &SourcePosition,
    findings: &mut Findings,
) {
    let written =
        if word.qualifier.is_empty() { word.name.to_owned() } else { format!("{}.{}", word.qualifier, word.name) };
    let is_named = |name: &str| if name.starts_with('.') { written.ends_with(name) } else { written == name };
    if word.is_called
        && let Some((_, after)) = NAMES.iter().find(|(name, _)| is_named(name))
    {
        findings.add_change(place, &*written, *after);
    } else if written.starts_with("grpc.aio.") {
        findings.add_change(place, &*written, "not there: handlers are plain methods, as of `grpc.server`");
    }
    // The module is the qualifier's, or the one from which the name is imported.
    let full_name = match word.qualifier {
        "" => known.get(word.name).cloned().unwrap_or_default(),
        qualifier => format!("{}.{}", known.get(qualifier).map_or(qualifier, |name| name), word.name),
    };
    let module = full_name.rsplit_once('.').map(|(module, _)| module.to_owned());
    if module.as_ref().is_some_and(|module| module.starts_with("grpc_")) {
        return;
    }
    let is_generated = module.as_ref().is_some_and(|module| module.ends_with("_pb2_grpc"));
    let name = full_name.rsplit('.').next().filter(|name| !name.is_empty()).unwrap_or(word.name);
    let mention = |name: &str| ServiceMention { place: place.clone(), name: name.to_owned(), module: module.clone() };
    if let Some(name) = name.strip_prefix("add_").and_then(|name| name.strip_suffix("Servicer_to_server")) {
        findings.served.push(mention(name));
    } else if let Some(name) = name.strip_suffix("Servicer").filter(|_| is_class && is_generated) {
        findings.served.push(mention(name));
    } else if let Some(name) = name.strip_suffix("Stub").filter(|_| is_generated && word.is_called) {
        findings.called.push(mention(name));
    }
}

/// Returns what to write in place of an import, if it must change.
fn replacement(import: &PythonImport, context: &ScanContext<'_>) -> Option<String> {
    let full_name = import.full_name();
    let local = &import.local;
    let renamed = |module: &str| if local == module { String::new() } else { format!(" as {local}") };
    if let Some((_, after)) = MODULES.iter().find(|(module, _)| {
        full_name.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '_']))
    }) {
        return Some((*after).to_owned());
    }
    let is_shared = match &*import.from {
        "google.protobuf" => SHARED_MODULES.contains(&&*import.name),
        "google.rpc" | "grpc_status" | "grpc" => true,
        _ => false,
    };
    if full_name == "grpc" {
        return Some(format!("`from okra import grpc{}`", renamed("grpc")));
    }
    if is_shared {
        return Some(format!("`from okra.grpc import {}{}`", import.name, renamed(&import.name)));
    }
    if full_name == "google.protobuf" || full_name.starts_with("google.protobuf.") {
        return Some("not there: docs/python.md lists what messages have".to_owned());
    }
    // `from helloworld_pb2 import HelloReply`, or a module.
    let (module, name) = match full_name.rsplit_once('.') {
        Some((module, name)) if is_pb2(module) => (module, Some(name)),
        _ if is_pb2(&full_name) => (&*full_name, None),
        _ => return None,
    };
    let ending = if module.ends_with("_pb2_grpc") { "_pb2_grpc" } else { "_pb2" };
    let path = proto_path(module, ending)?;
    let best = context.protos.iter().filter(|proto| fit(proto, &path) > 0).max_by_key(|proto| fit(proto, &path));
    let package = best.map_or_else(|| "gen.PACKAGE".to_owned(), |proto| module_name(&proto.package));
    let own = ending.trim_start_matches('_');
    Some(match name {
        Some(name) => format!("`from {package}.{own} import {name}{}`", renamed(name)),
        None => format!("`from {package} import {own}{}`", renamed(own)),
    })
}

fn is_pb2(module: &str) -> bool {
    module.ends_with("_pb2") || module.ends_with("_pb2_grpc")
}

fn scan_project(context: &ScanContext<'_>, findings: &mut Findings) {
    if context.files.get("service.py").is_none() {
        let after = "imports the modules with the servicers and calls the function that adds them to a server";
        findings.add_change(&SourcePosition::of_missing("service.py"), "not there", after);
    }
    for name in ["requirements.txt", "pyproject.toml"] {
        let Some(file) = context.files.get(name) else { continue };
        for (index, line) in file.text.lines().enumerate() {
            let line = line.trim().trim_start_matches(['"', '\'']);
            let end = line.find(|char: char| !(char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.')));
            let package = line.get(..end.unwrap_or(line.len())).unwrap_or_default();
            if package.starts_with("grpcio") || package == "protobuf" {
                let place = SourcePosition::new(file, index + 1);
                findings.add_change(&place, package, "remove it: the SDK has what handlers need of it");
            }
        }
    }
    for file in context.files.files.iter().filter(|file| is_generated(file.file_name())) {
        let place = SourcePosition::new(file, 1);
        findings.add_change(&place, "made by protoc", "delete it: `okra generate` writes package `gen`");
    }
}
