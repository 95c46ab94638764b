//! What a `.proto` file declares, found without parsing all of it: its package, its services and its types. What is wrong with a file is the
//! compiler's to tell.

/// The package, the services and the types of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Declarations {
    /// Empty for a file without one.
    pub(crate) package: String,
    /// Full names.
    pub(crate) services: Vec<String>,
    /// Full names of the messages and enums that are declared in no message.
    pub(crate) types: Vec<String>,
}

impl Declarations {
    /// Finds the declarations in the text of a file.
    pub(crate) fn find(text: &str) -> Self {
        let mut tokens = Tokens::new(text);
        let (mut package, mut services, mut types) = (String::new(), Vec::new(), Vec::new());
        let mut depth = 0_usize;
        let mut is_statement = true;
        while let Some(token) = tokens.next() {
            match token {
                "{" => depth += 1,
                // A `}` too many is a mistake that the compiler tells.
                "}" => depth = depth.saturating_sub(1),
                "package" if is_statement && depth == 0 => {
                    package = tokens.by_ref().take_while(|token| *token != ";").collect()
                }
                "service" if is_statement && depth == 0 => services.extend(tokens.next()),
                "message" | "enum" if is_statement && depth == 0 => types.extend(tokens.next()),
                _ => {}
            }
            is_statement = matches!(token, "{" | "}" | ";" | "package" | "export" | "local");
        }
        let full_name = |name: &str| if package.is_empty() { name.to_owned() } else { format!("{package}.{name}") };
        let services = services.into_iter().map(full_name).collect();
        let types = types.into_iter().map(full_name).collect();
        Self { package, services, types }
    }
}

/// Words, numbers and names with dots in them, and single characters. Comments are skipped; a string is one token, `"`.
pub(crate) struct Tokens<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, rest: text }
    }

    /// Returns the next token as it is written, strings with their quotes.
    pub(crate) fn next_written(&mut self) -> Option<&'a str> {
        self.rest = self.rest.get(first_token(self.rest)..)?;
        let first = self.rest.chars().next()?;
        let length = match first {
            '"' | '\'' => string_length(self.rest, first),
            _ if is_word(first) => self.rest.find(|char| !is_word(char)).unwrap_or(self.rest.len()),
            _ => first.len_utf8(),
        };
        let (token, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(token)
    }

    /// Returns how many bytes of the text have been read, the last token included.
    pub(crate) fn position(&self) -> usize {
        self.text.len() - self.rest.len()
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.next_written().map(|token| if token.starts_with(['"', '\'']) { "\"" } else { token })
    }
}

/// Returns where a text begins after blanks and comments, at most its length.
pub(crate) fn first_token(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|char: char| char.is_whitespace() || char == '\u{feff}');
        let end = match rest.as_bytes() {
            [b'/', b'/', ..] => rest.find('\n'),
            [b'/', b'*', ..] => rest.find("*/").map(|at| at + 2),
            _ => return text.len() - rest.len(),
        };
        rest = end.and_then(|end| rest.get(end..)).unwrap_or_default();
    }
}

/// The bytes of the string literal at the beginning, with its quotes. One without an end ends with its line.
fn string_length(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (index, char) in text.char_indices().skip(1) {
        match char {
            '\n' => return index,
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if char == quote => return index + 1,
            _ => {}
        }
    }
    text.len()
}

fn is_word(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '_' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str) -> (String, Vec<String>) {
        let Declarations { package, services, .. } = Declarations::find(text);
        (package, services)
    }

    #[test]
    fn packages_and_services_are_found_and_nothing_else() {
        let text = r#"
            // service Comment {}
            syntax = "proto3"; /* package comment; */
            package shop . users.v1;
            option (meta) = { service: "service Quoted { }" };
            message service { string package = 1; message package {} }
            service Users { option deprecated = true; rpc Get(A) returns (B) {} }
            service Admin{}
        "#;
        let services = ["shop.users.v1.Users", "shop.users.v1.Admin"].map(str::to_owned).to_vec();
        assert_eq!(find(text), ("shop.users.v1".to_owned(), services));
        assert_eq!(Declarations::find(text).types, ["shop.users.v1.service"]);
        assert_eq!(Declarations::find("enum E { A = 0; } message M { enum I { B = 0; } }").types, ["E", "M"]);
        assert_eq!(find("service Alone {}"), (String::new(), vec!["Alone".to_owned()]));
    }

    #[test]
    fn a_broken_file_declares_what_is_found_before_and_after_the_mistake() {
        let found = find("package a; message M { strin } } \" open\n; service S {");
        assert_eq!(found, ("a".to_owned(), vec!["a.S".to_owned()]));
        for text in ["", "package", "service", "\"", "/*", "//", "'\\", "{{{{", "}}}}"] {
            assert_eq!(find(text).1, Vec::<String>::new(), "{text}");
        }
    }
}
