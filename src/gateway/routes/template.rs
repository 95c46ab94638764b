//! The path templates of HTTP rules: parsing, matching, order.

use std::cmp::Ordering;

use percent_encoding::percent_decode_str;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use crate::gateway::routes::PathValues;

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
        // A verb stands behind the last variable; in one, `:` is a part of its pattern.
        let closed = rest.rfind('}').map_or(0, |at| at + 1);
        let (rest, verb) = match rest.get(closed..).and_then(|tail| tail.rfind(':')) {
            Some(at) => rest.split_at(closed + at),
            None => (rest, ""),
        };
        let verb = verb.strip_prefix(':').map(str::to_owned);
        let mut this = Self { segments: Vec::new(), variables: Vec::new(), verb };
        let mut rest = rest;
        loop {
            rest = match rest.strip_prefix('{') {
                Some(inner) => {
                    let (variable, after) = inner.split_once('}').ok_or("a `{` is not closed")?;
                    let (name, pattern) = variable.split_once('=').unwrap_or((variable, "*"));
                    let from = this.segments.len();
                    pattern.split('/').try_for_each(|segment| this.push_segment(segment))?;
                    let field = find_field(message, name)?;
                    this.variables.push(Variable { field, from, to: this.segments.len() });
                    after
                }
                None => {
                    let end = rest.find('/').unwrap_or(rest.len());
                    let (segment, after) = rest.split_at(end);
                    this.push_segment(segment)?;
                    after
                }
            };
            match rest.strip_prefix('/') {
                Some(after) => rest = after,
                None if rest.is_empty() => return Ok(this),
                None => return Err(format!("`{rest}` stands where `/` is expected")),
            }
        }
    }

    /// Orders templates as they are tried: the more specific one first.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        let verbs = other.verb.is_some().cmp(&self.verb.is_some());
        self.segments.cmp(&other.segments).then(verbs)
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
            literal if literal.contains(['{', '}', '*']) => {
                return Err(format!("`{literal}` is no segment of a path"));
            }
            literal => Segment::Literal(literal.to_owned()),
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
        let whole = self.segments.last() != Some(&Segment::Rest);
        let fixed = self.segments.len() - usize::from(!whole);
        if parts.len() < fixed || whole && parts.len() != fixed {
            return None;
        }
        let fits = self.segments.iter().zip(&parts).all(|(segment, part)| match segment {
            Segment::Literal(literal) => percent_decode_str(part).eq(literal.bytes()),
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
            let decoded: Option<Vec<_>> = parts.iter().map(|part| decode(part, single)).collect();
            Some((variable.field.clone(), decoded?.join("/")))
        });
        values.collect()
    }

    /// Iterates over the fields that the path sets.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &[FieldDescriptor]> {
        self.variables.iter().map(|variable| variable.field.as_slice())
    }

    /// Returns the path with each variable as `{field}`.
    pub(crate) fn open_api(&self) -> String {
        let mut path = String::new();
        for (index, segment) in self.segments.iter().enumerate() {
            if let Some(variable) = self.variables.iter().find(|variable| (variable.from..variable.to).contains(&index))
            {
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
fn decode(part: &str, single: bool) -> Option<String> {
    if single {
        return percent_decode_str(part).decode_utf8().ok().map(|text| text.into_owned());
    }
    let part = part.replace("%2f", "%2F");
    let pieces: Result<Vec<_>, _> = part.split("%2F").map(|piece| percent_decode_str(piece).decode_utf8()).collect();
    Some(pieces.ok()?.join("%2F"))
}

/// Finds the field at a path such as `book.name`.
pub(crate) fn find_field(message: &MessageDescriptor, path: &str) -> Result<Vec<FieldDescriptor>, String> {
    let mut message = Some(message.clone());
    let mut fields = Vec::new();
    for name in path.split('.') {
        let within = message.as_ref().ok_or_else(|| format!("`{path}` looks for `{name}` in what is no message"))?;
        let found = within.get_field_by_name(name).or_else(|| within.get_field_by_json_name(name));
        let found = found.ok_or_else(|| format!("`{}` has no field `{name}`", within.full_name()))?;
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
