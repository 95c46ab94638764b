//! JSON as it is: a parser and a writer. Numbers keep their text, and objects their order and their equal keys.

use std::fmt::{self, Write as _};

use super::JsonError;

/// How many arrays and objects may lie within each other. A list of messages is two for each message.
const MAX_NESTING: u32 = 300;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Parses a text that is one JSON value.
pub(crate) fn parse(text: &str) -> Result<Json, JsonError> {
    let mut parser = Parser { text, at: 0 };
    let value = parser.value(0)?;
    parser.skip_space();
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.error("more text behind the value")),
    }
}

impl Json {
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::String(_) => "a string",
            Json::Array(_) => "an array",
            Json::Object(_) => "an object",
        }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Json::Null => f.write_str("null"),
            Json::Bool(value) => write!(f, "{value}"),
            Json::Number(text) => f.write_str(text),
            Json::String(text) => write_string(text, f),
            Json::Array(values) => {
                f.write_char('[')?;
                for (index, value) in values.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    write!(f, "{comma}{value}")?;
                }
                f.write_char(']')
            }
            Json::Object(entries) => {
                f.write_char('{')?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    if index > 0 {
                        f.write_char(',')?;
                    }
                    write_string(key, f)?;
                    write!(f, ":{value}")?;
                }
                f.write_char('}')
            }
        }
    }
}

/// Writes a string with its quotes.
pub(super) fn write_string(text: &str, output: &mut impl fmt::Write) -> fmt::Result {
    output.write_char('"')?;
    for char in text.chars() {
        match char {
            '"' => output.write_str("\\\"")?,
            '\\' => output.write_str("\\\\")?,
            '\n' => output.write_str("\\n")?,
            '\r' => output.write_str("\\r")?,
            '\t' => output.write_str("\\t")?,
            // U+2028 and U+2029 end lines in JavaScript; `<` and its kin mean something in HTML.
            '\0'..='\u{1f}' | '\u{7f}' | '\u{2028}' | '\u{2029}' => write!(output, "\\u{:04x}", u32::from(char))?,
            _ => output.write_char(char)?,
        }
    }
    output.write_char('"')
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn error(&self, reason: &str) -> JsonError {
        let before = self.text.get(..self.at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        JsonError::new(format!("the text is not JSON: {reason} at line {line}, column {column}"))
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, token: &str) -> bool {
        let is_there = self.rest().starts_with(token);
        if is_there {
            self.at += token.len();
        }
        is_there
    }

    fn value(&mut self, nesting: u32) -> Result<Json, JsonError> {
        if nesting > MAX_NESTING {
            return Err(self.error(&format!("more than {MAX_NESTING} arrays and objects within each other")));
        }
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(nesting),
            Some(b'[') => self.array(nesting),
            Some(b'"') => self.string().map(Json::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ if self.take("null") => Ok(Json::Null),
            _ if self.take("true") => Ok(Json::Bool(true)),
            _ if self.take("false") => Ok(Json::Bool(false)),
            _ => Err(self.error("a value is missing")),
        }
    }

    fn object(&mut self, nesting: u32) -> Result<Json, JsonError> {
        self.at += 1;
        let mut entries = Vec::new();
        self.skip_space();
        if self.take("}") {
            return Ok(Json::Object(entries));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.error("a name is missing"));
            }
            let key = self.string()?;
            self.skip_space();
            if !self.take(":") {
                return Err(self.error("a `:` is missing"));
            }
            entries.push((key, self.value(nesting + 1)?));
            self.skip_space();
            if self.take("}") {
                return Ok(Json::Object(entries));
            }
            if !self.take(",") {
                return Err(self.error("a `,` or `}` is missing"));
            }
        }
    }

    fn array(&mut self, nesting: u32) -> Result<Json, JsonError> {
        self.at += 1;
        let mut values = Vec::new();
        self.skip_space();
        if self.take("]") {
            return Ok(Json::Array(values));
        }
        loop {
            values.push(self.value(nesting + 1)?);
            self.skip_space();
            if self.take("]") {
                return Ok(Json::Array(values));
            }
            if !self.take(",") {
                return Err(self.error("a `,` or `]` is missing"));
            }
        }
    }

    fn number(&mut self) -> Result<Json, JsonError> {
        let length = number_length(self.rest()).ok_or_else(|| self.error("a number is not complete"))?;
        let text = self.rest().get(..length).unwrap_or_default().to_owned();
        self.at += length;
        Ok(Json::Number(text))
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut string = String::new();
        loop {
            let plain = self.rest().find(|char| matches!(char, '"' | '\\' | '\0'..='\u{1f}'));
            let Some(plain) = plain else { return Err(self.error("a string does not end")) };
            string.push_str(self.rest().get(..plain).unwrap_or_default());
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => {
                    self.at += 1;
                    string.push(self.escape()?);
                }
                _ => return Err(self.error("a control character in a string")),
            }
        }
    }

    /// Reads what is behind a `\`.
    fn escape(&mut self) -> Result<char, JsonError> {
        let char = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                let first = self.hex()?;
                let code = match first {
                    0xd800..=0xdbff if self.take("\\u") => match self.hex()? {
                        second @ 0xdc00..=0xdfff => 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                        _ => first,
                    },
                    _ => first,
                };
                return char::from_u32(code).ok_or_else(|| self.error("half of a surrogate pair"));
            }
            _ => return Err(self.error("an unknown escape")),
        };
        self.at += 1;
        Ok(char)
    }

    fn hex(&mut self) -> Result<u32, JsonError> {
        let digits = self.rest().get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.error("four digits are missing"))?;
        self.at += 4;
        Ok(code)
    }
}

/// Returns the length of the JSON number that a text begins with.
pub(super) fn number_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && bytes.get(at) == Some(&b'0')) {
        return None;
    }
    at += whole;
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent == 0 {
            return None;
        }
        at += 1 + sign + exponent;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_and_written_as_it_is() {
        for text in
            ["null", "[true,false,null]", "{\"a\":1,\"a\":-0.5e+10,\"\":[{}]}", "\"\\u0000\\n\\\"\\\\é𝄞\"", "[[],{}]"]
        {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        assert_eq!(parse(" [ \"\\ud834\\udd1e\\/\\u00e9\" ] ").unwrap().to_string(), "[\"𝄞/é\"]");
    }

    #[test]
    fn what_is_not_json_is_told_with_its_place() {
        for text in [
            "",
            "nul",
            "01",
            "-",
            "1.",
            "1e",
            ".5",
            "+1",
            "[1,]",
            "{\"a\":}",
            "{a:1}",
            "{\"a\":1,}",
            "\"a",
            "\"\n\"",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "1 2",
            "NaN",
            "'a'",
            "[1 2]",
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with("the text is not JSON: ") && error.contains("line "), "{text}: {error}");
        }
    }

    #[test]
    fn nesting_has_a_limit() {
        let nested = |count: usize| "[".repeat(count) + &"]".repeat(count);
        assert!(parse(&nested(301)).is_ok());
        assert!(parse(&nested(302)).is_err());
        assert!(parse(&"[".repeat(1_000_000)).is_err());
    }
}
