//! The path templates of HTTP rules: parsing, matching, order.

use std::cmp::Ordering;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use crate::routes::PathValues;

/// The bytes of a literal that are escaped: those that do not stand for themselves.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// Most parts of the path of a field: each is a level of the message that is made.
const MAX_FIELD_PARTS: usize = 32;

/// A path with variables, such as `/v1/{name=shelves/*}/books:read`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UrlTemplate {
    segments: Vec<Segment>,
    variables: Vec<Variable>,
    verb: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    /// Any one segment: `*`.
    One,
    /// All segments that follow: `**`.
    Rest,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Variable {
    field: Vec<FieldDescriptor>,
    /// The range of the segments that are its value.
    from: usize,
    to: usize,
}

impl UrlTemplate {
    /// Parses a path whose variables are fields of `message`.
    ///
    /// # Errors
    /// What is wrong with the path.
    pub(crate) fn parse(path: &str, message: &MessageDescriptor) -> Result<Self, String> {
        let rest = path.strip_prefix('/').ok_or("the path does not begin with `/`")?;
        let (rest, verb) = split_verb(rest)?;
        let mut this = Self { segments: Vec::new(), variables: Vec::new(), verb: verb.map(str::to_owned) };
        // Variables whose patterns are being read, with the first of their segments.
        let mut open = Vec::new();
        let mut rest = rest;
        loop {
            if let Some(inner) = rest.strip_prefix('{') {
                let end = inner.find(['=', '}', '/', '{']).ok_or("a `{` is not closed")?;
                let (name, after) = inner.split_at(end);
                let field = find_field(message, name)?;
                check_variable(&field)?;
                if this.fields().chain(open.iter().map(|(field, _): &(Vec<_>, _)| field.as_slice())).any(|f| f == field)
                {
                    return Err(format!("the variable `{name}` is there twice"));
                }
                open.push((field, this.segments.len()));
                if let Some(pattern) = after.strip_prefix('=') {
                    rest = pattern;
                    continue;
                }
                if !after.starts_with('}') {
                    return Err(format!("behind the variable `{name}`, `=` or `}}` is expected"));
                }
                this.push_segment("*")?;
                rest = after;
            } else {
                let end = rest.find(['/', '}']).unwrap_or(rest.len());
                let (segment, after) = rest.split_at(end);
                this.push_segment(segment)?;
                rest = after;
            }
            while let Some(after) = rest.strip_prefix('}') {
                let (field, from) = open.pop().ok_or("a `}` has no `{` before it")?;
                this.variables.push(Variable { field, from, to: this.segments.len() });
                rest = after;
            }
            match rest.strip_prefix('/') {
                Some(after) => rest = after,
                None if rest.is_empty() && open.is_empty() => return Ok(this),
                None if rest.is_empty() => return Err("a `{` is not closed".to_owned()),
                None => return Err(format!("`{rest}` stands where `/` is expected")),
            }
        }
    }

    /// Orders templates as they are tried: the more specific one first. A verb of several parts goes before its last part
    /// alone.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        let parts = |verb: &Option<String>| verb.as_ref().map_or(0, |verb| verb.split(':').count());
        let verbs = parts(&other.verb).cmp(&parts(&self.verb));
        verbs.then_with(|| self.segments.cmp(&other.segments)).then_with(|| self.verb.cmp(&other.verb))
    }

    /// Whether both match the same paths.
    pub(crate) fn is_equivalent(&self, other: &Self) -> bool {
        self.segments == other.segments && self.verb == other.verb
    }

    fn push_segment(&mut self, segment: &str) -> Result<(), String> {
        if self.segments.last() == Some(&Segment::Rest) {
            return Err("something stands behind `**`".to_owned());
        }
        self.segments.push(match segment {
            "*" => Segment::One,
            "**" => Segment::Rest,
            "" if self.segments.is_empty() => return Err("the path is empty".to_owned()),
            "" => return Err("a segment is empty".to_owned()),
            literal if is_literal(literal) => Segment::Literal(normalize(literal)),
            other => return Err(format!("`{other}` is no segment of a path")),
        });
        Ok(())
    }

    /// Matches a path and returns the text of each variable.
    pub(crate) fn values(&self, path: &str) -> Option<PathValues> {
        let path = path.strip_prefix('/')?;
        let path = match &self.verb {
            Some(verb) => path.strip_suffix(verb.as_str())?.strip_suffix(':')?,
            None => path,
        };
        let parts: Vec<_> = path.split('/').collect();
        // The value of a variable does not end with the verb: in `x:read:read` the verb is another one.
        if let (Some(verb), Some(last)) = (&self.verb, parts.last())
            && last.strip_suffix(verb.as_str()).is_some_and(|value| value.ends_with(':'))
        {
            return None;
        }
        let whole = self.segments.last() != Some(&Segment::Rest);
        let fixed = self.segments.len() - usize::from(!whole);
        if parts.len() < fixed || whole && parts.len() != fixed {
            return None;
        }
        let fits = self.segments.iter().zip(&parts).all(|(segment, part)| match segment {
            Segment::Literal(literal) => percent_decode_str(part).eq(percent_decode_str(literal)),
            Segment::One => !part.is_empty(),
            Segment::Rest => true,
        });
        if !fits {
            return None;
        }
        let values = self.variables.iter().map(|variable| {
            let open = variable.to == self.segments.len() && !whole;
            let to = if open { parts.len() } else { variable.to };
            let parts = parts.get(variable.from..to).unwrap_or_default();
            let single = !open && parts.len() == 1;
            let decoded: Vec<_> = parts.iter().map(|part| decode(part, single)).collect();
            (variable.field.clone(), decoded.join("/"))
        });
        Some(values.collect())
    }

    /// Iterates over the fields that the path sets.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &[FieldDescriptor]> {
        self.variables.iter().map(|variable| variable.field.as_slice())
    }

    /// Returns the path with each variable as `{field}`.
    pub(crate) fn open_api(&self) -> String {
        let mut path = String::new();
        for (index, segment) in self.segments.iter().enumerate() {
            let around = self.variables.iter().filter(|variable| (variable.from..variable.to).contains(&index));
            if let Some(variable) = around.max_by_key(|variable| variable.to - variable.from) {
                if variable.from == index {
                    path += &format!("/{{{}}}", field_path(&variable.field));
                }
                continue;
            }
            match segment {
                Segment::Literal(literal) => path += &format!("/{literal}"),
                Segment::One => path += "/*",
                Segment::Rest => path += "/**",
            }
        }
        if let Some(verb) = &self.verb {
            path += &format!(":{verb}");
        }
        path
    }
}

/// Returns the path of a field, such as `book.name`.
pub(crate) fn field_path(field: &[FieldDescriptor]) -> String {
    field.iter().map(FieldDescriptor::name).collect::<Vec<_>>().join(".")
}

/// Decodes a segment. A value of several segments keeps the slashes that are part of one of them.
fn decode(part: &str, single: bool) -> String {
    if single {
        return percent_decode_str(part).decode_utf8_lossy().into_owned();
    }
    let part = part.replace("%2f", "%2F");
    let pieces: Vec<_> = part.split("%2F").map(|piece| percent_decode_str(piece).decode_utf8_lossy()).collect();
    pieces.join("%2F")
}

/// Returns the one way of writing a literal, so that `%61` and `a` are equal.
fn normalize(literal: &str) -> String {
    percent_encode(&percent_decode_str(literal).collect::<Vec<_>>(), ESCAPED).to_string()
}

/// Whether the text stands for itself in a path: characters that RFC 3986, section 3.3, allows in a segment, but not `*`.
fn is_literal(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()+,;=:@%".contains(&byte);
    text.bytes().all(is_allowed) && has_whole_escapes(text)
}

/// Whether two hexadecimal digits stand behind each `%`.
pub(crate) fn has_whole_escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|behind| behind.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2)
}

/// Checks that a path can set a field: "path variables must not refer to any repeated or mapped field", nor to a message
/// without a text of its own.
fn check_variable(field: &[FieldDescriptor]) -> Result<(), String> {
    let Some(last) = field.last() else { return Ok(()) };
    let name = field_path(field);
    match last.kind() {
        _ if last.is_list() || last.is_map() => Err(format!("the variable `{name}` is a repeated field or a map")),
        Kind::Message(message) if !message.full_name().starts_with("google.protobuf.") => {
            Err(format!("the variable `{name}` is a message; a path can set its fields"))
        }
        _ => Ok(()),
    }
}

/// Splits a path into its segments and its verb. Directly behind a variable the verb begins at the first `:`, else at the
/// last one.
fn split_verb(path: &str) -> Result<(&str, Option<&str>), String> {
    // In a variable, `:` is a part of its pattern.
    let closed = path.rfind('}').map_or(0, |at| at + 1);
    let tail = path.get(closed..).unwrap_or_default();
    let at = if closed > 0 && tail.starts_with(':') { Some(0) } else { tail.rfind(':') };
    let Some((segments, verb)) = at.and_then(|at| path.split_at_checked(closed + at)) else { return Ok((path, None)) };
    match verb.strip_prefix(':') {
        Some(verb) if !verb.is_empty() && is_literal(verb) => Ok((segments, Some(verb))),
        _ => Err(format!("`{verb}` is not a verb: one stands at the end of a path")),
    }
}

/// Finds the field at a path such as `book.name`, of at most 32 parts.
pub(crate) fn find_field(message: &MessageDescriptor, path: &str) -> Result<Vec<FieldDescriptor>, String> {
    let parts = path.split('.').count();
    if parts > MAX_FIELD_PARTS {
        return Err(format!("the path of a field has {parts} parts, more than {MAX_FIELD_PARTS}"));
    }
    let mut message = Some(message.clone());
    let mut fields = Vec::new();
    for name in path.split('.') {
        let within = message.as_ref().ok_or_else(|| format!("`{path}` looks for `{name}` in what is no message"))?;
        let found = within.get_field_by_name(name).or_else(|| within.get_field_by_json_name(name));
        // The JSON name of a field `_` is empty.
        let found = found
            .filter(|_| !name.is_empty())
            .ok_or_else(|| format!("`{}` has no field `{name}`", within.full_name()))?;
        message = match found.kind() {
            Kind::Message(message) if !found.is_list() && !found.is_map() => Some(message),
            _ => None,
        };
        fields.push(found);
    }
    Ok(fields)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::gateway::fake::greeter;

    fn template(path: &str) -> Result<UrlTemplate, String> {
        UrlTemplate::parse(path, &greeter().get_message_by_name("greeter.v1.HelloRequest").unwrap())
    }

    fn values(path: &str, of: &str) -> Option<Vec<(String, String)>> {
        let values = template(path).unwrap().values(of)?;
        Some(values.into_iter().map(|(field, value)| (field_path(&field), value)).collect())
    }

    fn one(name: &str, value: &str) -> Option<Vec<(String, String)>> {
        Some(vec![(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn paths_are_matched_as_the_specification_says() {
        assert_eq!(values("/v1/hello/{name}", "/v1/hello/Ada"), one("name", "Ada"));
        assert_eq!(values("/v1/hello/{name}", "/v1/hello/A%20d%2Fa"), one("name", "A d/a"));
        assert_eq!(values("/v1/hello/{name}", "/v1/hello/"), None);
        assert_eq!(values("/v1/hello/{name}", "/v1/hello/a/b"), None);
        assert_eq!(values("/v1/{name=shelves/*/books/*}", "/v1/shelves/1/books/2"), one("name", "shelves/1/books/2"));
        assert_eq!(values("/v1/{name=shelves/*/books/*}", "/v1/shelves/1/films/2"), None);
        assert_eq!(values("/v1/{name=files/**}", "/v1/files/a/b%2Fc/d%20e"), one("name", "files/a/b%2Fc/d e"));
        assert_eq!(values("/v1/{name=**}:read", "/v1/a/b:read"), one("name", "a/b"));
        assert_eq!(values("/v1/{name}:read", "/v1/a"), None);
        assert_eq!(values("/v1/*/x", "/v1/y/x"), Some(vec![]));
        assert_eq!(values("/v1/{at.seconds}", "/v1/5"), one("at.seconds", "5"));
    }

    #[test]
    fn what_says_more_is_tried_first() {
        let mut templates =
            ["/v1/{name=**}", "/v1/{name}", "/v1/one", "/v1/one:two"].map(|path| template(path).unwrap());
        templates.sort_by(UrlTemplate::order);
        let paths: Vec<_> = templates.iter().map(UrlTemplate::open_api).collect();
        assert_eq!(paths, ["/v1/one:two", "/v1/one", "/v1/{name}", "/v1/{name}"]);
    }

    #[test]
    fn nonsense_is_refused() {
        for path in ["v1", "/", "/v1/{name", "/v1/{nobody}", "/v1/{name=**}/x", "/v1//x", "/v1/a*b", "/v1/{name}x"] {
            assert!(template(path).is_err(), "{path}");
        }
    }
}
