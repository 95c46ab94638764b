//! A source file taken apart: its code, its comments, and the paths in it. A reader of text, not a parser of Rust: it
//! knows comments, literals, `use` trees, inline modules and `#[cfg(test)]`, and no more.

use std::path::PathBuf;

use crate::shown;

/// One path of a file, as modules from the root of the crate.
pub(crate) struct Import {
    pub(crate) from: Vec<String>,
    pub(crate) to: Vec<String>,
    /// `file:line`.
    pub(crate) place: String,
}

/// A file, taken apart.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// The text with comments and literals blanked out.
    code: String,
    /// The same without test code.
    pub(crate) shipped: String,
    /// Comments with the numbers of their lines.
    pub(crate) comments: Vec<(usize, String)>,
}

impl Source {
    pub(crate) fn new(path: PathBuf, text: &str) -> Self {
        let (code, comments) = split(text);
        let shipped = without_tests(&code);
        Self { path, code, shipped, comments }
    }

    pub(crate) fn lines_of_code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Whether the line before is a doc comment, too.
    pub(crate) fn is_inside_of_docs(&self, number: usize) -> bool {
        self.comments.iter().any(|(other, comment)| other + 1 == number && comment.starts_with("///"))
    }

    /// The module that the file is, without `src`.
    fn module(&self) -> Vec<String> {
        let path = self.path.with_extension("");
        let names = path.iter().map(|name| name.to_string_lossy().into_owned());
        names.skip_while(|name| name != "src").skip(1).collect()
    }

    /// Paths that begin with `crate` or `super`.
    pub(crate) fn imports(&self) -> Vec<Import> {
        let (file, text) = (self.module(), &self.shipped);
        let mut found = Vec::new();
        for (start, _) in text.match_indices("crate::").chain(text.match_indices("super::")) {
            let before = text[..start].trim_end_matches("super::");
            let is_first = before.len() == start && !before.ends_with(|end: char| is_word(end) || end == ':');
            if is_first {
                found.push(start);
            }
        }
        found.sort_unstable();
        let mut imports = Vec::new();
        for start in found {
            let mut base = inline_modules(text, start, &file);
            let mut rest = &text[start..];
            if let Some(after) = rest.strip_prefix("crate::") {
                (base, rest) = (Vec::new(), after);
            }
            while let Some(after) = rest.strip_prefix("super::") {
                base.pop();
                rest = after;
            }
            let mut targets = Vec::new();
            flatten(rest, &base, &mut targets);
            let line = text[..start].matches('\n').count() + 1;
            let place = format!("{}:{line}", shown(&self.path));
            imports.extend(targets.into_iter().filter(|to| !to.is_empty()).map(|to| Import {
                from: file.clone(),
                to,
                place: place.clone(),
            }));
        }
        imports
    }
}

/// The paths of a `use` tree, or the one path of an expression; returns what follows it.
pub(crate) fn flatten<'a>(text: &'a str, base: &[String], found: &mut Vec<Vec<String>>) -> &'a str {
    let mut path = base.to_vec();
    let mut rest = text;
    loop {
        if let Some(mut inner) = rest.strip_prefix('{') {
            loop {
                inner = inner.trim_start_matches([' ', '\n', ',']);
                match inner.strip_prefix('}') {
                    Some(after) => return after,
                    None if inner.is_empty() => return inner,
                    None => {
                        let after = flatten(inner, &path, found);
                        // What a tree cannot have ends it, such as the braces of a block.
                        let end = after.find([',', '}']).unwrap_or(after.len());
                        inner = &after[end..];
                    }
                }
            }
        }
        let end = rest.find(|next: char| !is_word(next)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if !name.is_empty() && name != "self" {
            path.push(name.to_owned());
        }
        match after.strip_prefix("::") {
            Some(next) if !name.is_empty() && next.starts_with(|first: char| is_word(first) || first == '{') => {
                rest = next;
            }
            _ => {
                found.push(path);
                return after;
            }
        }
    }
}

/// The module at a place of a file: the file's own, and the inline modules around the place.
fn inline_modules(text: &str, place: usize, file: &[String]) -> Vec<String> {
    let mut modules = file.to_vec();
    let mut braces = Vec::new();
    for (index, char) in text[..place].char_indices() {
        match char {
            '{' => {
                let mut head = text[..index].split_whitespace().rev();
                let name = head.next().filter(|_| head.next() == Some("mod"));
                braces.push(name.is_some());
                modules.extend(name.map(str::to_owned));
            }
            '}' if braces.pop() == Some(true) => {
                modules.pop();
            }
            _ => {}
        }
    }
    modules
}

/// Splits a text into its code, with everything else blanked out, and its comments.
fn split(text: &str) -> (String, Vec<(usize, String)>) {
    let (mut code, mut comments, mut rest, mut line) = (String::new(), Vec::new(), text, 1);
    while let Some(first) = rest.chars().next() {
        let word_before = code.ends_with(is_word);
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if first == '"' {
            quoted(rest, '"')
        } else if first == 'r' && !word_before && rest[1..].trim_start_matches('#').starts_with('"') {
            let hashes = rest[1..].len() - rest[1..].trim_start_matches('#').len();
            let end = format!("\"{}", "#".repeat(hashes));
            rest[2 + hashes..].find(&end).map_or(rest.len(), |at| 2 + hashes + at + end.len())
        } else if first == '\'' && is_char(rest) {
            quoted(rest, '\'')
        } else {
            code.push(first);
            line += usize::from(first == '\n');
            rest = &rest[first.len_utf8()..];
            continue;
        };
        let (taken, after) = rest.split_at(length);
        if taken.starts_with("//") {
            comments.push((line, taken.to_owned()));
        }
        line += taken.matches('\n').count();
        code.extend(taken.chars().map(|char| if char == '\n' { '\n' } else { ' ' }));
        rest = after;
    }
    (code, comments)
}

/// Length of the literal at the beginning of a text.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, char) in text.char_indices().skip(1) {
        match (escaped, char) {
            (false, '\\') => escaped = true,
            (false, char) if char == quote => return index + 1,
            _ => escaped = false,
        }
    }
    text.len()
}

/// Whether a quote begins a character, and not a lifetime.
fn is_char(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    chars.next() == Some('\\') || chars.next() == Some('\'')
}

/// Blanks out each item behind `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    let mut left = code.to_owned();
    while let Some(start) = left.find("#[cfg(test)]") {
        let rest = &left[start..];
        let open = rest.find('{').unwrap_or(rest.len());
        let end = match rest.find(';') {
            Some(semicolon) if semicolon < open => semicolon + 1,
            _ => {
                let mut depth = 0;
                let close = rest.char_indices().find(|(_, char)| {
                    depth += i32::from(*char == '{') - i32::from(*char == '}');
                    *char == '}' && depth == 0
                });
                close.map_or(rest.len(), |(index, _)| index + 1)
            }
        };
        let blank: String = rest[..end].chars().map(|char| if char == '\n' { '\n' } else { ' ' }).collect();
        left.replace_range(start..start + end, &blank);
    }
    left
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

pub(crate) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|char| !is_word(char)).filter(|word| !word.is_empty())
}

#[test]
fn comments_strings_and_test_code_are_not_taken_for_code() {
    let source = Source::new(
        PathBuf::from("src/a/b.rs"),
        "//! crate::one\nuse crate::{two::{self, Two}, three as four}; // crate::five\n\
         const TEXT: &str = \"crate::six \\\" crate::seven\"; const RAW: &str = r#\"crate::eight\"#;\n\
         #[cfg(test)]\nmod tests { use crate::nine; }\nfn f<'a>(c: char) -> bool { c == '\"' && super::ten::g() }\n",
    );
    let found: Vec<_> = source.imports().into_iter().map(|import| import.to.join("::")).collect();
    assert_eq!(found, ["two", "two::Two", "three", "a::ten::g"]);
    assert_eq!(source.comments, [(1, "//! crate::one".to_owned()), (2, "// crate::five".to_owned())]);
}

#[test]
fn paths_of_modules_within_a_file_are_followed() {
    let text = "mod inner { use super::*; use super::super::near::Near; }\nuse super::sibling;\n";
    let source = Source::new(PathBuf::from("src/a/b.rs"), text);
    let found: Vec<_> = source.imports().into_iter().map(|import| import.to.join("::")).collect();
    assert_eq!(found, ["a::b", "a::near::Near", "a::sibling"]);
}
