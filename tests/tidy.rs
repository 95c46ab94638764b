//! Rules of the source that a machine can check: which module imports which, how files begin and how long they are, and
//! which words and macros do not occur. No network, no build: this test reads the files of the working copy.
//!
//! A new import between two modules is a decision: change the table here, and the table in ARCHITECTURE.md with it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use source::{Import, Source, flatten, words};

#[path = "tidy/source.rs"]
mod source;

/// A module, and the modules that it may import.
type Row = (&'static str, &'static str);

/// The modules of `src/`, from the top down. A module imports modules below it, and of those only the ones that its row
/// names. Test code is exempt.
const MODULES: &[Row] = &[
    ("cli", "cases runtime instance gateway client project language package config telemetry grpc suggest call"),
    ("cases", "runtime gateway client suggest call"),
    ("project", "language instance package config suggest routes"),
    ("runtime", "router revision instance gateway host package link config grpc call"),
    ("router", "revision config grpc suggest call"),
    ("revision", "instance package link config call"),
    ("instance", "host package link config call"),
    ("gateway", "config telemetry grpc suggest json routes call"),
    ("host", "config grpc call"),
    ("client", "grpc suggest call"),
    ("language", "config"),
    ("package", "config suggest"),
    ("link", "call"),
    ("config", "suggest"),
    ("telemetry", ""),
    ("grpc", "call"),
    ("suggest", ""),
    ("json", ""),
    ("routes", ""),
    ("call", ""),
];

/// The same for the files and folders of `src/gateway/`; the longest row that fits a file is its own. What
/// `src/gateway.rs` defines itself may be imported by all of them.
const GATEWAY: &[Row] = &[
    ("transport", "dispatch state describe call peer catalog settings tls error"),
    ("dispatch", "protocol state describe call peer catalog settings error"),
    ("protocol/grpc_web", "state call peer catalog settings error"),
    ("protocol/grpc", "state call peer catalog settings error"),
    ("protocol/connect", "state call peer catalog settings error"),
    ("protocol/rest", "state call peer catalog settings error"),
    ("state", "describe call peer catalog settings error"),
    ("describe", "call catalog settings error"),
    ("call", "peer catalog settings error"),
    ("peer", "catalog"),
    ("catalog", "settings error"),
    ("settings", "tls memory error"),
    ("tls", "error"),
    ("memory", ""),
    ("file_limit", ""),
    ("error", ""),
];

/// Most lines of a source file.
const MAX_LINES: usize = 600;

/// Most occurrences of `super::super` in `src/`.
const MAX_SUPER_SUPER: usize = 5;

/// Folders whose files are not written by hand, each with the reason. The limit of lines and the rule of `//!` do not
/// hold in them.
const NOT_OURS: &[(&str, &str)] = &[
    ("guest-sdk/go/wit", "vendored from wit-bindgen"),
    ("guest-sdk/templates", "the beginning of projects, which belong to their authors"),
];

/// Folders that are no source at all, wherever they are.
const SKIPPED: [&str; 8] = ["gen", "target", ".git", ".okra", "node_modules", "__pycache__", ".venv", ".pytest_cache"];

/// What does not stand in a comment of `src/`: subjects without a name, metaphors, and first lines that begin neither with
/// a verb nor with a noun.
#[rustfmt::skip]
const BANNED_IN_COMMENTS: [&str; 11] = [
    "whoever", "nobody", "somebody", "anybody", " house", " room of", "only room", "each room", "/// Who ", "/// What ",
    "/// Of ",
];

/// What does not stand in code.
const BANNED_IN_CODE: [&str; 4] = ["todo!", "unimplemented!", "#[ignore]", "#[ignore ="];

#[test]
fn modules_import_only_what_their_row_of_the_table_allows() {
    let mut wrong = Vec::new();
    for import in imports() {
        let (from, to) = (import.from[0].as_str(), import.to[0].as_str());
        if from == to {
            continue;
        }
        match (row(MODULES, from), row(MODULES, to)) {
            (None, _) => wrong.push(format!("{}: module `{from}` has no row in the table", import.place)),
            (_, None) => wrong.push(format!("{}: module `{to}` has no row in the table", import.place)),
            (Some(mut allowed), Some(_)) => {
                if !allowed.any(|allowed| allowed == to) {
                    wrong.push(format!("{}: `{from}` imports `{to}`", import.place));
                }
            }
        }
    }
    report(&wrong, "imports that the table at the top of tests/tidy.rs does not allow");
}

#[test]
fn folders_of_the_gateway_import_only_what_their_row_of_the_table_allows() {
    let reexports = reexports(&root().join("src/gateway.rs"));
    let mut wrong = Vec::new();
    for import in imports().iter().filter(|import| import.from[0] == "gateway" && import.to[0] == "gateway") {
        let Some(from) = gateway_row(&import.from[1..]) else {
            if import.from.len() > 1 {
                let file = import.from[1..].join("/");
                wrong.push(format!("{}: `{file}` has no row in the table", import.place));
            }
            continue;
        };
        let Some(to) = gateway_target(&import.to[1..], &reexports) else { continue };
        // A folder stands for all rows below it.
        let is_allowed =
            |allowed: &str| allowed == to || to.strip_prefix(allowed).is_some_and(|rest| rest.starts_with('/'));
        if from != to && !row(GATEWAY, from).unwrap().any(is_allowed) {
            wrong.push(format!("{}: `{from}` imports `{to}`", import.place));
        }
    }
    report(&wrong, "imports within src/gateway that the table at the top of tests/tidy.rs does not allow");
}

#[test]
fn the_tables_go_down_only_and_name_each_module_once() {
    let mut wrong = Vec::new();
    for (name, table) in [("MODULES", MODULES), ("GATEWAY", GATEWAY)] {
        for (index, (module, allowed)) in table.iter().enumerate() {
            if table[..index].iter().any(|(other, _)| other == module) {
                wrong.push(format!("{name}: `{module}` has two rows"));
            }
            // A folder stands for all rows below it.
            let is_below = |import: &str| {
                table[index + 1..].iter().any(|(other, _)| *other == import || other.starts_with(&format!("{import}/")))
            };
            for import in allowed.split_whitespace().filter(|import| !is_below(import)) {
                wrong.push(format!("{name}: `{module}` may import `{import}`, which is not below it"));
            }
        }
    }
    report(&wrong, "rows of the tables that allow a circle");
}

#[test]
fn each_module_of_the_crate_has_a_row_and_each_row_a_module() {
    let folder = root().join("src");
    let mut wrong = Vec::new();
    let modules = modules_of(&folder);
    for module in modules.iter().filter(|module| row(MODULES, module).is_none()) {
        wrong.push(format!("src/{module}: no row in the table"));
    }
    for (module, _) in MODULES.iter().filter(|(module, _)| !modules.contains(*module)) {
        wrong.push(format!("MODULES: `{module}` is not a module of src/"));
    }
    for (module, _) in GATEWAY {
        let path = folder.join("gateway").join(module);
        if !path.is_dir() && !path.with_extension("rs").is_file() {
            wrong.push(format!("GATEWAY: `{module}` is neither a file nor a folder of src/gateway/"));
        }
    }
    report(&wrong, "differences between the tables and the modules");
}

#[test]
fn modules_do_not_import_each_other_in_a_circle() {
    let mut edges: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for Import { from, to, place } in imports() {
        if from[0] != to[0] {
            edges.entry(from[0].clone()).or_default().entry(to[0].clone()).or_insert(place);
        }
    }
    let mut wrong = Vec::new();
    for (from, targets) in &edges {
        for (to, place) in targets {
            if reaches(&edges, to, from, &mut BTreeSet::new()) {
                wrong.push(format!("{place}: `{from}` imports `{to}`, which imports `{from}` again"));
            }
        }
    }
    report(&wrong, "imports that are part of a circle");
}

#[test]
fn architecture_md_has_the_table_of_this_test() {
    const BEGIN: &str = "<!-- imports: begin -->";
    const END: &str = "<!-- imports: end -->";
    let document = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let block = document.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END)).map(|(block, _)| block.trim());
    let wanted = rendered();
    assert!(
        block == Some(wanted.trim()),
        "ARCHITECTURE.md does not have the table of tests/tidy.rs. Paste this:\n\n{BEGIN}\n{wanted}{END}\n"
    );
}

#[test]
fn source_files_have_at_most_600_lines() {
    let mut wrong = Vec::new();
    for path in files(&root(), &["rs", "go", "py"]).into_iter().filter(|path| is_ours(path)) {
        let text = read(&path);
        let is_generated = text.lines().next().is_some_and(|line| line.contains("enerated by OKRA"));
        let lines = text.lines().count();
        if lines > MAX_LINES && !is_generated {
            wrong.push(format!("{}: {lines} lines", shown(&path)));
        }
    }
    report(&wrong, "files of more than 600 lines");
}

#[test]
fn source_files_begin_with_what_they_are() {
    let all = files(&root(), &["rs"]).into_iter().filter(|path| is_ours(path));
    let is_source = |path: &PathBuf| {
        let path = shown(path);
        path.starts_with("src/") || path.starts_with("xtask/src/") || is_sdk_source(&path)
    };
    let missing = all.filter(is_source).filter(|path| !read(path).trim_start().starts_with("//!"));
    let wrong: Vec<_> = missing.map(|path| format!("{}:1: no `//!`", shown(&path))).collect();
    report(&wrong, "files that do not begin with `//!`");
}

#[test]
fn unsafe_code_is_in_one_file() {
    let mut wrong = Vec::new();
    for source in sources("src") {
        if shown(&source.path) == "src/link/abi.rs" {
            continue;
        }
        for line in source.lines_of_code().filter(|(_, line)| words(line).any(|word| word == "unsafe")) {
            wrong.push(format!("{}:{}: unsafe", shown(&source.path), line.0));
        }
    }
    report(&wrong, "unsafe code outside of src/link/abi.rs");
}

#[test]
fn comments_name_their_subjects() {
    let mut wrong = Vec::new();
    for source in sources("src") {
        for (number, comment) in &source.comments {
            let lower = comment.to_lowercase();
            for word in BANNED_IN_COMMENTS {
                // First lines are compared as they are written, words in any case.
                let is_there = if word.starts_with("///") { comment.starts_with(word) } else { lower.contains(word) };
                if is_there && !(word.starts_with("///") && source.is_inside_of_docs(*number)) {
                    wrong.push(format!("{}:{number}: `{}` in a comment", shown(&source.path), word.trim()));
                }
            }
        }
    }
    report(&wrong, "comments to write again: the subject is a thing with a name (CONTRIBUTING.md)");
}

#[test]
fn nothing_is_left_to_do_or_ignored() {
    let mut wrong = Vec::new();
    for folder in ["src", "tests/it", "guest-sdk", "xtask", "tests/bench"] {
        for source in sources(folder) {
            for (number, line) in source.lines_of_code() {
                for banned in BANNED_IN_CODE.iter().filter(|banned| line.contains(*banned)) {
                    wrong.push(format!("{}:{number}: `{banned}`", shown(&source.path)));
                }
            }
        }
    }
    report(&wrong, "code that is not finished, and tests that do not run");
}

#[test]
fn paths_begin_with_crate() {
    let mut found = Vec::new();
    for source in sources("src") {
        for (number, _) in source.lines_of_code().filter(|(_, line)| line.contains("super::super")) {
            found.push(format!("{}:{number}: `super::super`", shown(&source.path)));
        }
    }
    if found.len() > MAX_SUPER_SUPER {
        report(&found, "`super::super` more than 5 times: write `crate::`");
    }
}

/// All imports of `src/`, without those of test code.
fn imports() -> Vec<Import> {
    let is_shipped = |source: &Source| {
        let path = shown(&source.path);
        let is_test = path.ends_with("/tests.rs") || path.contains("/tests/") || path.starts_with("src/testing");
        !is_test && !["src/gateway/fake.rs", "src/lib.rs", "src/main.rs"].contains(&path.as_str())
    };
    sources("src").iter().filter(|source| is_shipped(source)).flat_map(Source::imports).collect()
}

/// Names that a module takes from its own modules and passes on, with the path behind the module.
fn reexports(path: &Path) -> BTreeMap<String, Vec<String>> {
    let source = Source::new(path.to_owned(), &fs::read_to_string(path).unwrap_or_default());
    let mut found = Vec::new();
    for (start, _) in source.shipped.match_indices("use ") {
        flatten(&source.shipped[start + 4..], &[], &mut found);
    }
    let passed_on = found.into_iter().filter(|path| path.len() > 1 && path[0] != "crate");
    passed_on.map(|path| (path[path.len() - 1].clone(), path)).collect()
}

fn row(table: &[Row], module: &str) -> Option<impl Iterator<Item = &'static str> + use<>> {
    table.iter().find(|(name, _)| *name == module).map(|(_, allowed)| allowed.split_whitespace())
}

/// The row of the gateway's table that is the longest beginning of a path.
fn gateway_row(path: &[String]) -> Option<&'static str> {
    let path = format!("{}/", path.join("/"));
    let fitting = GATEWAY.iter().filter(|(row, _)| path.starts_with(&format!("{row}/")));
    fitting.map(|(row, _)| *row).max_by_key(|row| row.len())
}

fn gateway_target(path: &[String], reexports: &BTreeMap<String, Vec<String>>) -> Option<&'static str> {
    gateway_row(path).or_else(|| gateway_row(reexports.get(path.first()?)?))
}

fn reaches(
    edges: &BTreeMap<String, BTreeMap<String, String>>,
    from: &str,
    to: &str,
    seen: &mut BTreeSet<String>,
) -> bool {
    from == to
        || (seen.insert(from.to_owned())
            && edges.get(from).is_some_and(|next| next.keys().any(|next| reaches(edges, next, to, seen))))
}

/// The tables as Markdown.
fn rendered() -> String {
    let mut text = String::new();
    for (head, table) in [("module of `src/`", MODULES), ("part of `src/gateway/`", GATEWAY)] {
        let _ = writeln!(text, "| {head} | may import |\n|---|---|");
        for (module, allowed) in table {
            let allowed = if allowed.is_empty() { "nothing".to_owned() } else { allowed.replace(' ', ", ") };
            let _ = writeln!(text, "| `{module}` | {allowed} |");
        }
        text.push('\n');
    }
    text
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn modules_of(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_module = |path: &PathBuf| match path.is_dir() {
        // git leaves empty folders behind.
        true => !files(path, &["rs"]).is_empty(),
        false => path.extension().is_some_and(|extension| extension == "rs"),
    };
    let modules = entries.filter(is_module);
    let names = modules.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned());
    names.filter(|name| !["lib", "main", "testing"].contains(&name.as_str())).collect()
}

/// Files below a folder with one of these extensions, sorted.
fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !SKIPPED.contains(&name.as_str()) {
            found.extend(files(&path, extensions));
        } else if path.extension().is_some_and(|it| extensions.contains(&it.to_string_lossy().as_ref())) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn sources(folder: &str) -> Vec<Source> {
    let files = files(&root().join(folder), &["rs"]);
    files.into_iter().map(|path| Source::new(path.clone(), &read(&path))).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

fn is_ours(path: &Path) -> bool {
    !NOT_OURS.iter().any(|(folder, _)| shown(path).starts_with(folder))
}

fn is_sdk_source(path: &str) -> bool {
    path.strip_prefix("guest-sdk/").is_some_and(|path| path.contains("/src/"))
}

fn report(wrong: &[String], what: &str) {
    let mut lines = wrong.to_vec();
    lines.dedup();
    assert!(lines.is_empty(), "{what}:\n{}\n", lines.join("\n"));
}
