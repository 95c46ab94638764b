//! The parser of JSON: a text becomes a list of tokens, each of which knows where its value ends. Without recursion.

use std::borrow::Cow;

use crate::json::MAX_LEVELS;
use crate::json::error::JsonError;
use crate::json::number::number_length;

/// A JSON text that was parsed.
pub(super) struct JsonTape<'a> {
    text: &'a str,
    tokens: Vec<Token>,
}

/// A value, or the name of a member. Of 16 bytes: the tape has at most eight times the size of its text.
#[derive(Clone, Copy)]
struct Token {
    kind: JsonKind,
    has_escapes: bool,
    /// Its bytes in the text, of a string without quotes.
    start: u32,
    end: u32,
    /// Index of the token behind the value.
    next: u32,
}

/// The kind of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JsonKind {
    Null,
    True,
    False,
    Number,
    Text,
    Array,
    Object,
}

/// A value of a tape.
#[derive(Clone, Copy)]
pub(super) struct JsonValue<'a> {
    tape: &'a JsonTape<'a>,
    token: Token,
    index: u32,
}

/// The token that the parser expects next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Value,
    /// A value or the end of an array.
    FirstItem,
    Name,
    /// A name or the end of an object.
    FirstName,
    /// The comma or bracket behind a value, or the end of the text.
    Behind,
}

impl<'a> JsonTape<'a> {
    /// Parses a text.
    ///
    /// # Errors
    /// When it is not JSON, not UTF-8, or has more than 100 levels.
    pub(super) fn parse(json: &'a [u8]) -> Result<Self, JsonError> {
        if u32::try_from(json.len()).is_err() {
            return Err(JsonError::new("the JSON is larger than 4 GiB"));
        }
        let text = std::str::from_utf8(json);
        let text =
            text.map_err(|error| JsonError::new(format!("the JSON is not UTF-8 at byte {}", error.valid_up_to())))?;
        let mut parser = Parser { text, at: 0, tokens: Vec::new(), open: Vec::new() };
        parser.parse()?;
        Ok(Self { text, tokens: parser.tokens })
    }

    /// Returns the outermost value.
    pub(super) fn root(&'a self) -> JsonValue<'a> {
        self.value(0)
    }

    fn value(&'a self, index: u32) -> JsonValue<'a> {
        let token = self.tokens.get(index as usize).copied();
        debug_assert!(token.is_some(), "the parser ends every value");
        let nothing = Token { kind: JsonKind::Null, has_escapes: false, start: 0, end: 0, next: index + 1 };
        JsonValue { tape: self, token: token.unwrap_or(nothing), index }
    }
}

impl<'a> JsonValue<'a> {
    pub(super) fn kind(self) -> JsonKind {
        self.token.kind
    }

    pub(super) fn is_null(self) -> bool {
        self.token.kind == JsonKind::Null
    }

    /// Returns its bytes in the text; of a string without quotes and with its escapes.
    pub(super) fn raw(self) -> &'a str {
        self.tape.text.get(self.token.start as usize..self.token.end as usize).unwrap_or_default()
    }

    /// Returns the string that it is; `None` when it is not one.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        match (self.token.kind, self.token.has_escapes) {
            (JsonKind::Text, false) => Some(Cow::Borrowed(self.raw())),
            (JsonKind::Text, true) => Some(Cow::Owned(unescape(self.raw()))),
            _ => None,
        }
    }

    /// Iterates over the items of an array; over nothing when it is not one.
    pub(super) fn items(self) -> impl Iterator<Item = JsonValue<'a>> {
        let mut at = self.index + 1;
        let end = if self.token.kind == JsonKind::Array { self.token.next } else { 0 };
        std::iter::from_fn(move || {
            let item = (at < end).then(|| self.tape.value(at))?;
            at = item.token.next;
            Some(item)
        })
    }

    /// Iterates over the members of an object; over nothing when it is not one.
    pub(super) fn members(self) -> impl Iterator<Item = (Cow<'a, str>, JsonValue<'a>)> {
        let mut at = self.index + 1;
        let end = if self.token.kind == JsonKind::Object { self.token.next } else { 0 };
        std::iter::from_fn(move || {
            let name = (at < end).then(|| self.tape.value(at))?;
            let value = self.tape.value(name.token.next);
            at = value.token.next;
            Some((name.text().unwrap_or_default(), value))
        })
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
    /// Indexes of the arrays and objects that are open.
    open: Vec<usize>,
}

impl Parser<'_> {
    fn parse(&mut self) -> Result<(), JsonError> {
        let mut expected = Expected::Value;
        loop {
            self.skip_space();
            let byte = self.text.as_bytes().get(self.at).copied();
            expected = match (expected, byte) {
                (Expected::Behind, byte) => match (self.innermost(), byte) {
                    (None, None) => return Ok(()),
                    (Some(JsonKind::Array), Some(b',')) => self.skip(Expected::Value),
                    (Some(JsonKind::Object), Some(b',')) => self.skip(Expected::Name),
                    (Some(JsonKind::Array), Some(b']')) | (Some(JsonKind::Object), Some(b'}')) => self.close(),
                    (Some(JsonKind::Array), _) => return Err(self.error("`,` or `]`")),
                    (Some(_), _) => return Err(self.error("`,` or `}`")),
                    (None, _) => return Err(self.error("the end")),
                },
                (Expected::FirstItem, Some(b']')) | (Expected::FirstName, Some(b'}')) => self.close(),
                (Expected::Name | Expected::FirstName, Some(b'"')) => {
                    self.push_string()?;
                    self.skip_space();
                    if self.text.as_bytes().get(self.at) != Some(&b':') {
                        return Err(self.error("`:`"));
                    }
                    self.skip(Expected::Value)
                }
                (Expected::Name | Expected::FirstName, _) => return Err(self.error("a name in quotes")),
                (Expected::Value | Expected::FirstItem, Some(byte)) => self.push_value(byte)?,
                (Expected::Value | Expected::FirstItem, None) => return Err(self.error("a value")),
            };
        }
    }

    fn innermost(&self) -> Option<JsonKind> {
        self.open.last().and_then(|index| self.tokens.get(*index)).map(|token| token.kind)
    }

    fn skip(&mut self, expected: Expected) -> Expected {
        self.at += 1;
        expected
    }

    fn skip_space(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    }

    fn push(&mut self, kind: JsonKind, start: usize, end: usize, has_escapes: bool) {
        // The text has less than 4 GiB, and no more tokens than bytes.
        let narrow = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
        let next = narrow(self.tokens.len() + 1);
        self.tokens.push(Token { kind, has_escapes, start: narrow(start), end: narrow(end), next });
    }

    fn push_value(&mut self, byte: u8) -> Result<Expected, JsonError> {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let (kind, length) = match byte {
            b'{' => return self.open(JsonKind::Object, Expected::FirstName),
            b'[' => return self.open(JsonKind::Array, Expected::FirstItem),
            b'"' => {
                self.push_string()?;
                return Ok(Expected::Behind);
            }
            b'n' if rest.starts_with(b"null") => (JsonKind::Null, 4),
            b't' if rest.starts_with(b"true") => (JsonKind::True, 4),
            b'f' if rest.starts_with(b"false") => (JsonKind::False, 5),
            _ => match number_length(rest) {
                Some(length) => (JsonKind::Number, length),
                None => return Err(self.error("a value")),
            },
        };
        self.push(kind, start, start + length, false);
        self.at += length;
        Ok(Expected::Behind)
    }

    fn open(&mut self, kind: JsonKind, expected: Expected) -> Result<Expected, JsonError> {
        if self.open.len() >= MAX_LEVELS {
            return Err(JsonError::new(format!("the JSON is nested more than {MAX_LEVELS} levels deep")));
        }
        self.open.push(self.tokens.len());
        self.push(kind, self.at, self.at, false);
        Ok(self.skip(expected))
    }

    fn close(&mut self) -> Expected {
        self.at += 1;
        let next = u32::try_from(self.tokens.len()).unwrap_or(u32::MAX);
        let end = u32::try_from(self.at).unwrap_or(u32::MAX);
        if let Some(token) = self.open.pop().and_then(|index| self.tokens.get_mut(index)) {
            (token.next, token.end) = (next, end);
        }
        Expected::Behind
    }

    /// Pushes the string that begins here. Its escapes are checked, and undone when the string is asked for.
    fn push_string(&mut self) -> Result<(), JsonError> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let mut at = start;
        let mut has_escapes = false;
        loop {
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    has_escapes = true;
                    let length = escape_length(bytes.get(at..).unwrap_or_default());
                    let Some(length) = length else {
                        self.at = at;
                        return Err(self.error("an escape of JSON, with both halves of a surrogate pair"));
                    };
                    at += length;
                }
                Some(0..=0x1f) | None => {
                    self.at = at;
                    return Err(self.error("the end of a string"));
                }
                Some(_) => at += 1,
            }
        }
        self.push(JsonKind::Text, start, at, has_escapes);
        self.at = at + 1;
        Ok(())
    }

    fn error(&self, expected: &str) -> JsonError {
        let before = self.text.as_bytes().get(..self.at).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
        JsonError::new(format!("not JSON: expected {expected} at line {line} column {column}"))
    }
}

/// Returns the length of an escape; `None` when it is not valid, or half of a surrogate pair.
fn escape_length(text: &[u8]) -> Option<usize> {
    match text.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => match hex(text.get(2..6)?)? {
            0xd800..=0xdbff => {
                let low = text.get(6..8).filter(|begin| *begin == b"\\u").and_then(|_| hex(text.get(8..12)?));
                low.filter(|low| (0xdc00..=0xdfff).contains(low)).map(|_| 12)
            }
            0xdc00..=0xdfff => None,
            _ => Some(6),
        },
        _ => None,
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
}

/// Undoes the escapes of a string, which the parser has checked.
fn unescape(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, escape)) = rest.split_once('\\') {
        text.push_str(before);
        let mut chars = escape.chars();
        match chars.next() {
            Some('b') => text.push('\u{8}'),
            Some('f') => text.push('\u{c}'),
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some('t') => text.push('\t'),
            Some('u') => {
                let unit = |from: usize| escape.as_bytes().get(from..from + 4).and_then(hex).unwrap_or_default();
                let (code, length) = match unit(1) {
                    high @ 0xd800..=0xdbff => (0x10000 + ((high & 0x3ff) << 10) + (unit(7) & 0x3ff), 10),
                    code => (code, 4),
                };
                text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                chars = escape.get(1 + length..).unwrap_or_default().chars();
            }
            Some(itself) => text.push(itself),
            None => {}
        }
        rest = chars.as_str();
    }
    text.push_str(rest);
    text
}
