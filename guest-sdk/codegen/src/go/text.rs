//! The text of Go files, formatted as gofmt does.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

/// Packages that are not the project's, by the names under which they are imported.
const OTHERS: [&str; 16] = [
    "anypb",
    "codes",
    "context",
    "durationpb",
    "emptypb",
    "errdetails",
    "io",
    "json",
    "link",
    "math",
    "okra",
    "protoimpl",
    "status",
    "strconv",
    "timestamppb",
    "witTypes",
];

/// The imports of a file.
#[derive(Default)]
pub(super) struct Imports {
    /// By path: the name here.
    names: BTreeMap<String, String>,
    taken: HashSet<String>,
}

impl Imports {
    /// Imports a package, and gives its name here: its own, or one that is free.
    pub(super) fn add(&mut self, path: &str, own: &str) -> String {
        if let Some(name) = self.names.get(path) {
            return name.clone();
        }
        let mut name = own.to_owned();
        let mut number = 2;
        while is_projects(path) && (OTHERS.contains(&&*name) || self.taken.contains(&name)) {
            name = format!("{own}{number}");
            number += 1;
        }
        self.taken.insert(name.clone());
        self.names.insert(path.to_owned(), name.clone());
        name
    }

    /// Returns the import declaration of a file with this body. Go refuses imports that are not used, so those are left out.
    pub(super) fn text(&self, body: &str) -> String {
        let line = |(path, name): (&String, &String)| match path.rsplit('/').next() {
            Some(last) if last == name => format!("\t\"{path}\"\n"),
            _ => format!("\t{name} \"{path}\"\n"),
        };
        // The standard library first.
        let is_own = |path: &str| path == "okra" || path.starts_with("okra/") || is_projects(path);
        let used = self.names.iter().filter(|(_, name)| uses_package(body, name));
        let (own, standard): (Vec<_>, Vec<_>) = used.partition(|(path, _)| is_own(path));
        let groups = [standard, own].into_iter().filter(|group| !group.is_empty());
        let groups: Vec<String> = groups.map(|group| group.into_iter().map(line).collect()).collect();
        if groups.is_empty() { String::new() } else { format!("\nimport (\n{})\n", groups.join("\n")) }
    }
}

/// Whether a file's body names a member of a package: `NAME.`, not behind another name or dot, and not in a comment.
fn uses_package(body: &str, name: &str) -> bool {
    let member = format!("{name}.");
    let is_part = |before: char| before.is_alphanumeric() || before == '_' || before == '.';
    body.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .any(|line| line.match_indices(&member).any(|(at, _)| !line.get(..at).unwrap_or_default().ends_with(is_part)))
}

/// Whether a package was generated for the project.
fn is_projects(path: &str) -> bool {
    path.contains("/gen/") || path.contains("/internal/okra/")
}

/// Lines of columns, which gofmt aligns as far as no comment comes between them.
#[derive(Default)]
pub(super) struct Columns {
    text: String,
    run: Vec<Vec<String>>,
}

impl Columns {
    /// Adds a line, below its comment if it has one.
    pub(super) fn line(&mut self, comment: &str, cells: &[&str]) {
        if !comment.is_empty() {
            self.end_run();
            self.text.push_str(comment);
        }
        self.run.push(cells.iter().map(|cell| (*cell).to_owned()).collect());
    }

    fn end_run(&mut self) {
        let width = |column: usize| {
            self.run.iter().filter_map(|line| line.get(column)).map(String::len).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..3).map(width).collect();
        for line in &self.run {
            self.text.push('\t');
            for (index, (cell, width)) in line.iter().zip(&widths).enumerate() {
                if index + 1 == line.len() {
                    self.text.push_str(cell);
                } else {
                    let _ = write!(self.text, "{cell:width$} ");
                }
            }
            self.text.push('\n');
        }
        self.run.clear();
    }

    pub(super) fn finish(mut self) -> String {
        self.end_run();
        self.text
    }
}

/// A comment with the text of a `.proto` file. gofmt takes indented lines of it for lists and code, which it writes anew; so here
/// all lines begin at the margin.
pub(super) fn comment(docs: &str, indent: &str) -> String {
    let mut text = String::new();
    let mut blank = false;
    for line in docs.lines() {
        let line: String = line.chars().filter(|char| !char.is_control()).collect();
        let line = line.trim().replace("``", "`").replace("''", "'");
        if line.is_empty() {
            blank = !text.is_empty();
            continue;
        }
        if blank {
            let _ = writeln!(text, "{indent}//");
            blank = false;
        }
        let _ = writeln!(text, "{indent}// {line}");
    }
    text
}
