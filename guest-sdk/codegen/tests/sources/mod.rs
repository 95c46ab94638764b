//! Looks up public names in the sources of the SDKs, by the text of their declarations. It parses no language: the SDKs
//! are formatted by rustfmt, gofmt and black, so that a declaration has one form.

use std::fs;
use std::path::{Path, PathBuf};

/// The sources of the SDK of a language.
pub(crate) struct Sources {
    language: &'static str,
}

impl Sources {
    pub(crate) fn read(language: &'static str) -> Self {
        Self { language }
    }

    /// Finds a name of the table.
    ///
    /// # Errors
    /// The file that lacks it.
    pub(crate) fn find(&self, name: &str) -> Result<(), String> {
        match (name.split_once(' '), self.language) {
            (Some(("std", _)), _) => Ok(()),
            (Some(("wit", name)), _) => find_generated(name),
            (_, "Rust") => find_rust(name),
            (_, "Go") => find_go(name),
            _ => find_python(name),
        }
    }
}

/// The calls by which each SDK asks the host for an item, with the files that have them.
pub(crate) fn host_calls(item: &[&str]) -> Vec<(String, String)> {
    let interface = item.first().copied().unwrap_or_default();
    let last = item.last().copied().unwrap_or_default();
    let (snake, camel) = (last.replace('-', "_"), camel(last));
    let calls = match item {
        ["context", _] => [
            ("context", format!("host::{snake}(")),
            ("go", format!("hostContext.{camel}(")),
            ("py", format!("_host.{snake}(")),
        ],
        ["log", "write" | "enabled"] => [
            ("log", format!("host::{snake}(")),
            ("go", format!("hostLog.{camel}(")),
            ("py", format!("_log_host.{snake}(")),
        ],
        ["log", "level", _] => {
            let upper = last.to_uppercase();
            [("log", format!(" {camel};")), ("go", format!("hostLog.Level{camel}\n")), ("py", upper)]
        }
        ["outgoing", "scope", "constructor"] => [
            ("outgoing", "host::Scope::new()".to_owned()),
            ("go", "hostOutgoing.MakeScope()".to_owned()),
            ("py", "_outgoing_host.Scope()".to_owned()),
        ],
        ["outgoing", "scope", _] => [
            ("outgoing", format!("handle.{snake}(")),
            ("go", format!("of.{camel}(")),
            ("py", format!("scope.{snake}(")),
        ],
        _ => return Vec::new(),
    };
    let file = |place: &str| match place {
        "go" => format!("guest-sdk/codegen/src/go/host/{interface}.go.in"),
        "py" => "guest-sdk/python/src/okra/_component.py".to_owned(),
        module => format!("guest-sdk/rust/src/{module}.rs"),
    };
    calls.into_iter().map(|(place, call)| (file(place), call)).collect()
}

/// Reads a file of the repository.
pub(crate) fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn camel(name: &str) -> String {
    let capital = |word: &str| word.get(..1).unwrap_or_default().to_uppercase() + word.get(1..).unwrap_or_default();
    name.split('-').map(capital).collect()
}

/// The files of a folder with an ending, without tests, as one text.
fn read_folder(folder: &str, ending: &str) -> String {
    let entries = fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let is_source = |file: &&PathBuf| {
        let name = file.to_string_lossy();
        name.ends_with(ending) && !name.ends_with("_test.go")
    };
    files.iter().filter(is_source).map(|file| fs::read_to_string(file).expect("a source")).collect()
}

fn found(is_there: bool, file: impl Into<String>) -> Result<(), String> {
    if is_there { Ok(()) } else { Err(file.into()) }
}

/// Any of the lines of a text, without its indentation.
fn any_line(text: &str, matches: impl Fn(&str) -> bool) -> bool {
    text.lines().any(|line| matches(line.trim()))
}

/// Checks that the SDK for Rust offers an item. That wit-bindgen generates the item is not enough.
fn find_generated(name: &str) -> Result<(), String> {
    let first = name.split("::").next().unwrap_or_default();
    match first.starts_with(char::is_lowercase) {
        true => {
            found(read("guest-sdk/rust/src/lib.rs").contains(&format!("module `{first}`")), "guest-sdk/rust/src/lib.rs")
        }
        false => find_rust(first),
    }
}

fn find_rust(name: &str) -> Result<(), String> {
    const LIB: &str = "guest-sdk/rust/src/lib.rs";
    let lib = read(LIB);
    let parts: Vec<&str> = name.split("::").collect();
    let (file, text, parts) = match parts.as_slice() {
        [module, rest @ ..] if module.starts_with(char::is_lowercase) => {
            let file = format!("guest-sdk/rust/src/{module}.rs");
            if !any_line(&lib, |line| line == format!("pub mod {module};")) || !root().join(&file).is_file() {
                return Err(LIB.to_owned());
            }
            let folder = format!("guest-sdk/rust/src/{module}");
            let nested = if root().join(&folder).is_dir() { read_folder(&folder, ".rs") } else { String::new() };
            (file.clone(), read(&file) + &nested, rest)
        }
        all => {
            let is_exported = |line: &str| line.starts_with("pub use ") && has_word(line, all.first().unwrap_or(&""));
            found(any_line(&lib, is_exported), LIB)?;
            ("guest-sdk/rust/src/error.rs".to_owned(), read("guest-sdk/rust/src/error.rs"), all)
        }
    };
    let is_declared = |name: &str| {
        any_line(&text, |line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let declarations =
                ["pub fn", "pub struct", "pub enum", "pub trait"].map(|keyword| format!("{keyword} {name}"));
            declarations.iter().any(|start| line.strip_prefix(start.as_str()).is_some_and(|rest| !starts_in_word(rest)))
                || line.starts_with(&format!("pub {name}:"))
                || line.starts_with("pub use ") && has_word(line, name)
                // In the macros: `open_set!`, its cases, `levels!` and `codes!`.
                || line == format!("{name} {{")
                || matches!(words[..], [case, "=", text] if case == name && text.starts_with('"'))
                || matches!(words[..], [level, export, _] if level == name && export.starts_with("__log_"))
                || matches!(words[..], [_, function, text] if function == name && text.starts_with('"'))
        })
    };
    found(parts.iter().all(|part| is_declared(part)), file)
}

fn find_go(name: &str) -> Result<(), String> {
    let (parents, last) = name.rsplit_once('/').map_or(("", name), |(parents, last)| (parents, last));
    let (package, item) = last.split_once('.').unwrap_or((last, ""));
    let folder = match parents {
        "" => "guest-sdk/go".to_owned(),
        _ => format!("guest-sdk/go/{package}"),
    };
    let text = read_folder(&folder, ".go");
    let (item, member) = item.split_once('.').map_or((item, None), |(item, member)| (item, Some(member)));
    let is_public = item.starts_with(char::is_uppercase) && member.unwrap_or("X").starts_with(char::is_uppercase);
    let starts = |line: &str, start: String| line.strip_prefix(&start).is_some_and(|rest| !starts_in_word(rest));
    let is_there = match member {
        None => text.lines().any(|line| {
            [format!("func {item}"), format!("type {item}"), format!("\t{item}")]
                .into_iter()
                .any(|start| starts(line, start))
        }),
        Some(member) => {
            let block = text.split_once(&format!("\ntype {item} ")).map_or("", |(_, after)| after);
            let block = block.split("\n}").next().unwrap_or_default();
            let is_method = |line: &str| {
                let method = line.strip_prefix("func (").and_then(|rest| rest.split_once(") "));
                method.is_some_and(|(receiver, rest)| {
                    receiver.split([' ', '*']).next_back() == Some(item) && starts(rest, member.to_owned())
                })
            };
            block.lines().any(|line| starts(line, format!("\t{member}"))) || text.lines().any(is_method)
        }
    };
    found(is_public && is_there, folder)
}

fn find_python(name: &str) -> Result<(), String> {
    const FOLDER: &str = "guest-sdk/python/src/okra";
    let item = name.strip_prefix("okra.").unwrap_or(name);
    let (item, member) = item.split_once('.').map_or((item, None), |(item, member)| (item, Some(member)));
    let init = format!("{FOLDER}/__init__.py");
    let all = read(&init);
    let exported = all.split_once("__all__ = [").map_or("", |(_, list)| list);
    found(any_line(exported, |line| line == format!("\"{item}\",")), init)?;
    let text = read_folder(FOLDER, ".py");
    let is_item = |line: &&str| {
        ["class", "def"].iter().any(|keyword| {
            line.strip_prefix(&format!("{keyword} {item}")).is_some_and(|rest| rest.starts_with(['(', ':']))
        })
    };
    let mut lines = text.lines().skip_while(|line| !is_item(line));
    let is_there = match (lines.next(), member) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(_), Some(member)) => {
            let mut body = lines.take_while(|line| line.is_empty() || line.starts_with("    "));
            let declarations = [format!("    def {member}("), format!("    {member}:"), format!("    {member} = ")];
            !member.starts_with('_') && body.any(|line| declarations.iter().any(|start| line.starts_with(start)))
        }
    };
    found(is_there, FOLDER)
}

fn starts_in_word(rest: &str) -> bool {
    rest.starts_with(|char: char| char.is_alphanumeric() || char == '_')
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|char: char| !char.is_alphanumeric() && char != '_').any(|found| found == word)
}
