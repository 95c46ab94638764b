//! The text of a source in Go or Python, line by line, without its comments, and without what its strings say. No parser: what
//! is looked for are imports and names.

/// The rules of comments and strings of a language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    Go,
    Python,
}

/// A line of a source.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SourceLine {
    /// Its number, from 1.
    pub(super) number: usize,
    /// The line without comments.
    pub(super) text: String,
    /// The same with blanks in place of what strings say.
    pub(super) code: String,
}

/// A name in code, such as `pb.RegisterGreeterServer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    /// The part before its last dot; empty if there is none.
    pub(super) qualifier: &'a str,
    /// The part after its last dot.
    pub(super) name: &'a str,
    /// Whether `(` follows it.
    pub(super) is_called: bool,
}

/// Splits a source into its lines, in linear time.
pub(super) fn split_lines(source: &str, syntax: Syntax) -> Vec<SourceLine> {
    let (mut text, mut code) = (String::with_capacity(source.len()), String::with_capacity(source.len()));
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let (length, in_text, in_code) = match comment_length(rest, syntax) {
            Some(length) => (length, false, false),
            None => match string_length(rest, first, syntax) {
                // A string of several lines in Python is mostly a comment.
                Some((length, is_long)) => (length, !(is_long && syntax == Syntax::Python), false),
                None => (first.len_utf8(), true, true),
            },
        };
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        for (target, is_kept) in [(&mut text, in_text), (&mut code, in_code)] {
            match is_kept {
                true => target.push_str(token),
                false => target.extend(token.chars().map(|char| if char == '\n' { '\n' } else { ' ' })),
            }
        }
        rest = after;
    }
    let lines = text.lines().zip(code.lines()).enumerate();
    lines
        .map(|(index, (text, code))| SourceLine { number: index + 1, text: text.to_owned(), code: code.to_owned() })
        .collect()
}

fn comment_length(rest: &str, syntax: Syntax) -> Option<usize> {
    let to_end_of_line = || rest.find('\n').unwrap_or(rest.len());
    match (syntax, rest.as_bytes()) {
        (Syntax::Go, [b'/', b'/', ..]) | (Syntax::Python, [b'#', ..]) => Some(to_end_of_line()),
        (Syntax::Go, [b'/', b'*', ..]) => Some(rest.find("*/").map_or(rest.len(), |at| at + 2)),
        _ => None,
    }
}

/// Returns the bytes of the string at the beginning with its quotes, and whether it may have several lines.
fn string_length(rest: &str, first: char, syntax: Syntax) -> Option<(usize, bool)> {
    if !matches!((syntax, first), (_, '"' | '\'') | (Syntax::Go, '`')) {
        return None;
    }
    if first == '`' {
        return Some((rest.get(1..)?.find('`').map_or(rest.len(), |at| at + 2), true));
    }
    let triple = if first == '"' { "\"\"\"" } else { "'''" };
    if syntax == Syntax::Python && rest.starts_with(triple) {
        return Some((rest.get(3..)?.find(triple).map_or(rest.len(), |at| at + 6), true));
    }
    let mut is_escaped = false;
    for (index, char) in rest.char_indices().skip(1) {
        match char {
            '\n' => return Some((index, false)),
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if char == first => return Some((index + 1, false)),
            _ => {}
        }
    }
    Some((rest.len(), false))
}

/// Returns the names in a line of code.
pub(super) fn words(code: &str) -> impl Iterator<Item = Word<'_>> {
    let mut rest = code;
    std::iter::from_fn(move || {
        rest = rest.get(rest.find(is_word)?..)?;
        let (word, after) = rest.split_at_checked(rest.find(|char| !is_word(char)).unwrap_or(rest.len()))?;
        rest = after;
        let (qualifier, name) = word.rsplit_once('.').unwrap_or(("", word));
        Some(Word { qualifier, name, is_called: after.trim_start().starts_with('(') })
    })
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(source: &str, syntax: Syntax) -> Vec<String> {
        split_lines(source, syntax).into_iter().map(|line| line.code.trim().to_owned()).collect()
    }

    #[test]
    fn comments_and_strings_are_no_code() {
        let go = "a // b\n/* c\n d */ e(\"f \\\" g\", 'h')\n`i\n j` k\n\"open\nl";
        assert_eq!(code(go, Syntax::Go), ["a", "", "e(        ,    )", "", "k", "", "l"]);
        let python = "a # b\n\"\"\"c\n # d\n\"\"\" e\nf('#', \"'\")";
        assert_eq!(code(python, Syntax::Python), ["a", "", "", "e", "f(   ,    )"]);
        let text = split_lines("import \"a\" // b", Syntax::Go);
        assert_eq!(text.first().map(|line| line.text.trim()), Some("import \"a\""));
    }

    #[test]
    fn what_never_ends_ends_with_the_file() {
        for open in ["/*", "`", "\"", "'", "'\\", "ä", ""] {
            assert!(split_lines(open, Syntax::Go).len() <= 1, "{open}");
        }
        for open in ["'''", "\"\"\"", "#", "''''"] {
            assert_eq!(split_lines(open, Syntax::Python).len(), 1, "{open}");
        }
    }

    #[test]
    fn names_have_a_qualifier_and_may_be_called() {
        let found: Vec<_> = words("x := a.b.New (c)").map(|word| (word.qualifier, word.name, word.is_called)).collect();
        assert_eq!(found, [("", "x", false), ("a.b", "New", true), ("", "c", false)]);
    }
}
