//! Names: from protobuf identifiers to WIT's, without clashes.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use heck::ToKebabCase;

/// A protobuf identifier as a WIT name: words of lower-case letters and digits, each beginning with a letter, joined by
/// `-`.
///
/// - Words end at `_`, and where capitals say so: `createInvoice` is `create-invoice`, `HTTPServer` is `http-server`.
/// - A digit belongs to the word before it, also after `_`: `address_2` is `address2`, `HTTP2Server` is `http2-server`.
///   Digits do not end a word by themselves: `getV2API` is `get-v2api`.
/// - What does not begin with a letter gets an `x`: `_1st` is `x1st`, `_` is `x`.
///
/// The result may be a keyword of WIT: see [`escaped`].
pub fn kebab(identifier: &str) -> String {
    let identifier: String = identifier.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let mut name = String::with_capacity(identifier.len());
    for word in identifier.to_kebab_case().split('-') {
        if !name.is_empty() && word.starts_with(|c: char| c.is_ascii_lowercase()) {
            name.push('-');
        }
        name.push_str(word);
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name.insert(0, 'x');
    }
    name
}

/// Whether WIT reads this as a keyword.
pub fn is_keyword(name: &str) -> bool {
    matches!(
        name,
        "as" | "async"
            | "bool"
            | "borrow"
            | "char"
            | "constructor"
            | "enum"
            | "error-context"
            | "export"
            | "f32"
            | "f64"
            | "flags"
            | "from"
            | "func"
            | "future"
            | "import"
            | "include"
            | "interface"
            | "list"
            | "map"
            | "option"
            | "own"
            | "package"
            | "record"
            | "resource"
            | "result"
            | "s16"
            | "s32"
            | "s64"
            | "s8"
            | "static"
            | "stream"
            | "string"
            | "tuple"
            | "type"
            | "u16"
            | "u32"
            | "u64"
            | "u8"
            | "use"
            | "variant"
            | "with"
            | "world"
    )
}

/// A name as it is written in WIT: with `%` when it is a keyword.
pub fn escaped(name: &str) -> Cow<'_, str> {
    if is_keyword(name) { Cow::Owned(format!("%{name}")) } else { Cow::Borrowed(name) }
}

/// Makes the names of one scope unique, keeping their order.
///
/// Of equal names the first stays as it is; each later one gets the lowest number from 2 that makes it a name nobody else
/// has. So a name that occurs once is never changed, not even by the number of another.
pub fn unique(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let names: Vec<String> = names.into_iter().collect();
    let mut taken: HashSet<String> = names.iter().cloned().collect();
    // For each name that has come, the number to try next.
    let mut numbers: HashMap<String, u64> = HashMap::new();
    names
        .into_iter()
        .map(|name| {
            let Some(number) = numbers.get_mut(&name) else {
                numbers.insert(name.clone(), 2);
                return name;
            };
            loop {
                let numbered = format!("{name}{number}");
                *number += 1;
                if taken.insert(numbered.clone()) {
                    return numbered;
                }
            }
        })
        .collect()
}

/// The name of an enum's value without the name of the enum before it: `STATE_DRAFT` of `State` is `DRAFT`.
///
/// Case and underscores do not count in the comparison, so `HTTPCODE_OK` and `HTTP_CODE_OK` of `HttpCode` are both `OK`.
/// The name stays whole when what would remain does not begin with a letter: `VERSION_1` of `Version`.
pub fn without_enum_prefix<'a>(enumeration: &str, value: &'a str) -> &'a str {
    let mut rest = value;
    for wanted in enumeration.chars().filter(|c| *c != '_') {
        let mut chars = rest.trim_start_matches('_').chars();
        match chars.next() {
            Some(found) if found.eq_ignore_ascii_case(&wanted) => rest = chars.as_str(),
            _ => return value,
        }
    }
    match rest.strip_prefix('_') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_alphabetic()) => rest,
        _ => value,
    }
}

/// Name of a WIT package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageName {
    /// Such as `shop`.
    pub namespace: String,
    /// Such as `billing`.
    pub name: String,
    /// Such as `1.0.0`.
    pub version: String,
}

/// The WIT package of a protobuf package.
///
/// - A last part such as `v1`, `v1p2`, `v1beta`, `v1beta2` or `v1p2beta3` is the version: `1.0.0`, `1.2.0`, `1.0.0-beta`,
///   `1.0.0-beta2`, `1.2.0-beta3`. `alpha`, `beta` and `test` are known, numbers have no leading zero. Without one the
///   version is `0.0.0`.
/// - The first of the other parts is the namespace, the rest joined by `-` the name. A single part is the name, in
///   namespace `proto`; no part at all is `proto:default`.
pub fn package(proto: &str) -> PackageName {
    let mut parts: Vec<&str> = proto.split('.').filter(|part| !part.is_empty()).collect();
    let version = parts.last().and_then(|part| version(part));
    if version.is_some() {
        parts.pop();
    }
    let (namespace, name) = match parts.as_slice() {
        [] => ("proto", "default".to_owned()),
        [name] => ("proto", (*name).to_owned()),
        [namespace, rest @ ..] => (*namespace, rest.join("_")),
    };
    PackageName {
        namespace: kebab(namespace),
        name: kebab(&name),
        version: version.unwrap_or_else(|| "0.0.0".to_owned()),
    }
}

fn version(part: &str) -> Option<String> {
    let (major, rest) = number(part.strip_prefix('v')?)?;
    let (minor, rest) = match rest.strip_prefix('p') {
        Some(rest) => number(rest)?,
        None => (0, rest),
    };
    if rest.is_empty() {
        return Some(format!("{major}.{minor}.0"));
    }
    let revision = ["alpha", "beta", "test"].iter().find_map(|channel| rest.strip_prefix(channel))?;
    match number(revision) {
        Some((_, "")) => {}
        None if revision.is_empty() => {}
        _ => return None,
    }
    Some(format!("{major}.{minor}.0-{rest}"))
}

/// The number at the beginning and what follows it.
fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    if digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests;
