//! Services of grpc-go. The tables are those of `docs/go.md`.

use std::collections::BTreeMap;

use okra_codegen::go::import_path;

use crate::config::Language;
use crate::project::import::framework::{
    Candidate, Findings, Framework, ScanContext, ServiceMention, SourcePosition, best_candidates,
};
use crate::project::import::protos::{ProtoSource, quoted};
use crate::project::import::source_files::{SourceFile, SourceFiles};
use crate::project::import::source_text::{SourceLine, Syntax, Word, split_lines, words};

pub(super) const GRPC_GO: Framework = Framework {
    name: "grpc-go",
    language: Language::Go,
    import: "google.golang.org/grpc",
    service_marks: "`RegisterNAMEServer(` or `UnimplementedNAMEServer`",
    is_source,
    scan,
    scan_project,
    find_candidates,
};

const HOST_TLS: &str = "remove it: TLS and certificates are the host's, in server.toml";
const HOST_INTERCEPTORS: &str = "remove it: what interceptors do is the host's, or a function that handlers call";
const HOST_HEALTH: &str = "remove it: the host answers health checks";
const HOST_REFLECTION: &str = "remove it: the host answers reflection";
const HOST_LOG: &str = "remove it: the host has a log of its own";
const HOST_LISTENS: &str = "remove it: `okra serve --listen` says where to listen";
const HOST_KEEPALIVE: &str = "remove it: keepalive is the host's, in server.toml";
const NO_REFLECTION_OF_MESSAGES: &str = "not there: `proto.MessageName` gives the name of a message";
const NO_CONNECTION: &str = "remove it: a client has no address; its service is under `calls` in okra.toml";

/// Import paths, and what to write.
const IMPORTS: [(&str, &str); 30] = [
    ("google.golang.org/grpc", "`okra/grpc`"),
    ("google.golang.org/grpc/status", "`okra/status`"),
    ("google.golang.org/grpc/codes", "`okra/codes`"),
    ("google.golang.org/grpc/metadata", "`okra/metadata`"),
    ("google.golang.org/grpc/peer", "`okra`: `okra.FromContext(ctx).Peer()`"),
    ("google.golang.org/grpc/keepalive", HOST_KEEPALIVE),
    ("google.golang.org/grpc/test/bufconn", "`okra/okratest`: contexts and streams for tests"),
    ("google.golang.org/protobuf/proto", "`okra/proto`"),
    ("google.golang.org/protobuf/encoding/protojson", "`okra/protojson`"),
    ("google.golang.org/protobuf/encoding/prototext", "not there: `String` of a message is for logs"),
    ("google.golang.org/protobuf/types/known/anypb", "`okra/anypb`"),
    ("google.golang.org/protobuf/types/known/timestamppb", "`okra/timestamppb`"),
    ("google.golang.org/protobuf/types/known/durationpb", "`okra/durationpb`"),
    ("google.golang.org/protobuf/types/known/emptypb", "`okra/emptypb`"),
    ("google.golang.org/protobuf/types/known/wrapperspb", "remove it: fields of wrappers are pointers to scalars"),
    ("google.golang.org/protobuf/types/known/fieldmaskpb", "remove it: fields are `[]string`"),
    ("google.golang.org/protobuf/types/known/structpb", "remove it: fields are `json.RawMessage`"),
    ("google.golang.org/genproto/googleapis/rpc/errdetails", "`okra/errdetails`"),
    ("github.com/golang/protobuf/proto", "`okra/proto`"),
    ("github.com/golang/protobuf/jsonpb", "`okra/protojson`"),
    ("github.com/golang/protobuf/ptypes/any", "`okra/anypb`"),
    ("github.com/golang/protobuf/ptypes/timestamp", "`okra/timestamppb`"),
    ("github.com/golang/protobuf/ptypes/duration", "`okra/durationpb`"),
    ("github.com/golang/protobuf/ptypes/empty", "`okra/emptypb`"),
    ("golang.org/x/net/context", "`context`"),
    ("net", "remove it if nothing uses it any more: there are no sockets"),
    ("net/http", "there are no sockets: the types are there, servers and clients do not work"),
    ("database/sql", "there are no sockets: another service must hold the data, called through `calls` in okra.toml"),
    ("os/signal", "remove it: the host ends instances"),
    ("flag", "there are no arguments: write constants"),
];

/// The beginnings of import paths, and what to write. They count after [`IMPORTS`], in this order.
const IMPORT_PREFIXES: [(&str, &str); 10] = [
    ("google.golang.org/grpc/credentials", HOST_TLS),
    ("google.golang.org/grpc/health", HOST_HEALTH),
    ("google.golang.org/grpc/reflection", HOST_REFLECTION),
    ("google.golang.org/grpc/admin", HOST_LOG),
    ("google.golang.org/grpc/channelz", HOST_LOG),
    ("google.golang.org/protobuf/reflect", NO_REFLECTION_OF_MESSAGES),
    ("google.golang.org/protobuf/", "not there: docs/go.md lists the packages of the SDK"),
    ("github.com/grpc-ecosystem/go-grpc-", HOST_INTERCEPTORS),
    ("github.com/grpc-ecosystem/grpc-gateway", "remove it: the host serves REST by google.api.http"),
    ("google.golang.org/grpc/", "not there: docs/go.md lists the packages of the SDK"),
];

/// The beginnings of import paths of services that the host has, and what to write.
const HOST_SERVICES: [(&str, &str); 4] = [
    ("google.golang.org/grpc/health", HOST_HEALTH),
    ("google.golang.org/grpc/reflection", HOST_REFLECTION),
    ("google.golang.org/grpc/admin", HOST_LOG),
    ("google.golang.org/grpc/channelz", HOST_LOG),
];

/// Functions and types by their import path and name, and what to write.
const NAMES: [(&str, &str, &str); 37] = [
    ("net", "Listen", HOST_LISTENS),
    ("net", "Dial", "there are no sockets: call another service through `calls` in okra.toml"),
    ("google.golang.org/grpc", "NewServer", "remove it: `main` registers services alone, and returns"),
    ("google.golang.org/grpc", "NewClient", NO_CONNECTION),
    ("google.golang.org/grpc", "Dial", NO_CONNECTION),
    ("google.golang.org/grpc", "DialContext", NO_CONNECTION),
    ("google.golang.org/grpc", "WithTransportCredentials", NO_CONNECTION),
    ("google.golang.org/grpc", "WithInsecure", NO_CONNECTION),
    ("google.golang.org/grpc", "UnaryInterceptor", HOST_INTERCEPTORS),
    ("google.golang.org/grpc", "StreamInterceptor", HOST_INTERCEPTORS),
    ("google.golang.org/grpc", "ChainUnaryInterceptor", HOST_INTERCEPTORS),
    ("google.golang.org/grpc", "ChainStreamInterceptor", HOST_INTERCEPTORS),
    ("google.golang.org/grpc", "UnaryServerInfo", HOST_INTERCEPTORS),
    ("google.golang.org/grpc", "StreamServerInfo", HOST_INTERCEPTORS),
    ("google.golang.org/grpc", "WithUnaryInterceptor", HOST_INTERCEPTORS),
    ("google.golang.org/grpc", "WithStreamInterceptor", HOST_INTERCEPTORS),
    ("google.golang.org/grpc", "StatsHandler", HOST_INTERCEPTORS),
    ("google.golang.org/grpc", "Creds", HOST_TLS),
    ("google.golang.org/grpc", "KeepaliveParams", HOST_KEEPALIVE),
    ("google.golang.org/grpc", "KeepaliveEnforcementPolicy", HOST_KEEPALIVE),
    ("google.golang.org/grpc", "MaxRecvMsgSize", "remove it: sizes are the host's, in server.toml"),
    ("google.golang.org/grpc", "MaxSendMsgSize", "remove it: sizes are the host's, in server.toml"),
    ("google.golang.org/grpc", "MaxConcurrentStreams", "remove it: limits are the host's, in server.toml"),
    ("google.golang.org/grpc", "SendHeader", "the same, but the header goes with the first message"),
    ("google.golang.org/grpc/peer", "FromContext", "`okra.FromContext(ctx).Peer()`"),
    ("google.golang.org/grpc/reflection", "Register", HOST_REFLECTION),
    ("google.golang.org/grpc/health", "NewServer", HOST_HEALTH),
    ("flag", "Parse", "remove it: there are no arguments"),
    ("os", "Getenv", "there is no environment: write a constant"),
    ("os", "LookupEnv", "there is no environment: write a constant"),
    ("os", "Open", "there are no files: `//go:embed` puts them into the component"),
    ("os", "ReadFile", "there are no files: `//go:embed` puts them into the component"),
    ("io/ioutil", "ReadFile", "there are no files: `//go:embed` puts them into the component"),
    ("os", "Create", "there are no files"),
    ("os", "WriteFile", "there are no files"),
    ("net/http", "ListenAndServe", "remove it: the host serves HTTP"),
    ("os/signal", "Notify", "remove it: the host ends instances"),
];

fn is_generated(file: &SourceFile) -> bool {
    file.path.ends_with(".pb.go") || file.text.starts_with("// Code generated ")
}

fn is_source(file: &SourceFile) -> bool {
    let is_code = file.has_extension("go") && !is_generated(file) && !file.path.ends_with("_test.go");
    is_code && file.text.contains("\"google.golang.org/grpc")
}

fn find_candidates<'a>(protos: &'a [ProtoSource], mention: &ServiceMention) -> Vec<Candidate<'a>> {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let name = plain(&mention.name);
    let module = mention.module.as_deref().unwrap_or_default();
    best_candidates(protos, |other| plain(other) == name, |proto| fit(proto, module))
}

/// Returns how well the generated code of a `.proto` file fits an import path.
fn fit(proto: &ProtoSource, path: &str) -> usize {
    let has_end =
        |folder: &str| !folder.is_empty() && path.strip_suffix(folder).is_some_and(|rest| rest.ends_with('/'));
    if path.is_empty() {
        0
    } else if proto.go_package.as_deref() == Some(path) {
        3
    } else if has_end(proto.folder()) {
        2
    } else {
        usize::from(has_end(&proto.package.replace('.', "/")))
    }
}

/// Returns the path of the module in `go.mod`.
pub(super) fn module_path(files: &SourceFiles) -> Option<&str> {
    let line = files.get("go.mod")?.text.lines().find_map(|line| line.trim().strip_prefix("module "))?;
    line.split("//").next()?.split_whitespace().next().map(|path| path.trim_matches(['"', '`']))
}

fn scan(file: &SourceFile, context: &ScanContext<'_>, findings: &mut Findings) {
    let lines = split_lines(&file.text, Syntax::Go);
    let mut packages = BTreeMap::new();
    for (line, name, path) in imports(&lines) {
        let place = SourcePosition::new(file, line);
        let name = name.unwrap_or_else(|| default_name(&path).to_owned());
        if let Some(after) = replacement(&path, context) {
            findings.add_change(&place, format!("\"{path}\""), after);
        }
        packages.insert(name, path);
    }
    let has_server = lines.iter().any(|line| words(&line.code).any(|word| word.name == "NewServer"));
    for line in &lines {
        let place = SourcePosition::new(file, line.number);
        let is_declaration = line.code.trim_start().starts_with("func ");
        for word in words(&line.code) {
            let path = packages.get(word.qualifier).map(String::as_str);
            if word.qualifier.is_empty() && is_declaration {
                continue;
            }
            scan_word(word, path, &place, findings);
            if has_server && word.is_called && path.is_none() && !word.qualifier.is_empty() && !is_declaration {
                match word.name {
                    "Serve" => findings.add_change(&place, written(word), HOST_LISTENS),
                    "GracefulStop" => findings.add_change(&place, written(word), "remove it: the host ends instances"),
                    _ => {}
                }
            }
        }
    }
}

fn scan_word(word: Word<'_>, path: Option<&str>, place: &SourcePosition, findings: &mut Findings) {
    if let Some((.., after)) = NAMES.iter().find(|(of, name, _)| path == Some(*of) && *name == word.name) {
        findings.add_change(place, written(word), *after);
    }
    let between = |start: &str, end: &str| {
        let name = word.name.strip_prefix(start)?.strip_suffix(end)?;
        (!name.is_empty()).then(|| name.to_owned())
    };
    let host = path.and_then(|path| HOST_SERVICES.iter().find(|(start, _)| path.starts_with(start)));
    if let Some((_, after)) = host {
        if between("Register", "Server").is_some() {
            findings.add_change(place, written(word), *after);
        }
        return;
    }
    let mention = |name| ServiceMention { place: place.clone(), name, module: path.map(str::to_owned) };
    if let Some(name) = between("Register", "Server").filter(|_| word.is_called) {
        let before = format!("{}(server, service)", written(word));
        findings.add_change(place, before, format!("`{}(service)`", written(word)));
        findings.served.push(mention(name));
    } else if let Some(name) = between("Unimplemented", "Server") {
        findings.served.push(mention(name));
    // Other packages have clients, too: those of a service are known by the `.proto` files.
    } else if let Some(name) = between("New", "Client").filter(|_| word.is_called) {
        findings.called.push(mention(name));
    } else if word.is_called && word.name == "ProtoReflect" {
        findings.add_change(place, written(word), NO_REFLECTION_OF_MESSAGES);
    }
}

fn written(word: Word<'_>) -> String {
    if word.qualifier.is_empty() { word.name.to_owned() } else { format!("{}.{}", word.qualifier, word.name) }
}

/// Returns the imports of a source: line, the name that the source gives, path.
fn imports(lines: &[SourceLine]) -> Vec<(usize, Option<String>, String)> {
    let mut found = Vec::new();
    let mut is_within = false;
    for line in lines {
        let mut text = line.text.trim();
        if let Some(rest) = text.strip_prefix("import").filter(|rest| rest.starts_with([' ', '(', '"', '\t'])) {
            text = rest.trim_start();
            is_within = text.starts_with('(');
            text = text.trim_start_matches('(').trim_start();
        } else if !is_within {
            continue;
        }
        for part in text.split(';') {
            if let Some(path) = quoted(part) {
                let name = part.split(['"', '`']).next().map(str::trim).filter(|name| !name.is_empty());
                found.push((line.number, name.map(str::to_owned), path.to_owned()));
            }
        }
        is_within = is_within && !line.code.contains(')');
    }
    found
}

/// Returns the name of a package by its import path: mostly its last part, without a version.
fn default_name(path: &str) -> &str {
    let mut parts = path.rsplit('/');
    let last = parts.next().unwrap_or(path);
    let is_version = last.strip_prefix('v').is_some_and(|rest| rest.chars().all(|char| char.is_ascii_digit()));
    let name = if is_version { parts.next().unwrap_or(last) } else { last };
    name.split_once('.').map_or(name, |(name, _)| name).trim_start_matches("go-")
}

/// Returns what to write in place of an import, if it must change.
fn replacement(path: &str, context: &ScanContext<'_>) -> Option<String> {
    if let Some((_, after)) = IMPORTS.iter().find(|(before, _)| *before == path) {
        return Some((*after).to_owned());
    }
    let fitting = context.protos.iter().filter(|proto| fit(proto, path) >= 2).max_by_key(|proto| fit(proto, path));
    if let Some(proto) = fitting {
        let module = module_path(context.files).unwrap_or(context.project_name);
        return Some(format!("`{}`", import_path(&proto.package, module)));
    }
    let prefix = IMPORT_PREFIXES.iter().find(|(before, _)| path.starts_with(before))?;
    Some(prefix.1.to_owned())
}

fn scan_project(context: &ScanContext<'_>, findings: &mut Findings) {
    let requirement = "`require okra v0.1.0` and `replace okra => ./.okra/sdk/go`";
    match context.files.get("go.mod") {
        None => {
            let after = format!("`module {}`, `go 1.25`, {requirement}", context.project_name);
            findings.add_change(&SourcePosition::of_missing("go.mod"), "not there", after);
        }
        Some(file) if !file.text.contains("okra => ") => {
            let line = file.text.lines().position(|line| line.contains("google.golang.org/grpc "));
            let place = SourcePosition::new(file, line.unwrap_or_default() + 1);
            let after = format!("{requirement}; `go mod tidy` removes what nothing imports any more");
            findings.add_change(&place, "dependencies", after);
        }
        Some(_) => {}
    }
    let is_main = |file: &&SourceFile| {
        file.has_extension("go") && file.text.lines().any(|line| line.split_whitespace().eq(["package", "main"]))
    };
    let mut programs = context.files.files.iter().filter(is_main);
    if !programs.clone().any(|file| file.folder().is_empty()) {
        let known = programs.find(|file| file.text.contains("Register")).map(|file| &file.path);
        let from = known.map(|path| format!(", from {path}")).unwrap_or_default();
        let after = format!("package `main` of the folder of okra.toml, which `okra build` builds{from}");
        findings.add_change(&SourcePosition::of_missing("main.go"), "not there", after);
    }
    for file in context.files.files.iter().filter(|file| file.path.ends_with(".pb.go")) {
        let place = SourcePosition::new(file, 1);
        findings.add_change(&place, "made by protoc", "delete it: `okra generate` writes packages in gen/");
    }
}
