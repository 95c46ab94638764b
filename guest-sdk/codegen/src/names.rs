//! protobuf names to WIT names.
//!
//! A WIT name is one or more words `[a-z][a-z0-9]*` joined by `-`.
//! <https://github.com/WebAssembly/component-model/blob/main/design/mvp/WIT.md#identifiers>

use std::collections::{HashMap, HashSet};

/// An identifier of a `.proto` file in kebab case.
///
/// Words end at `_` and where the case changes (`getUser`, `HTTPServer` is `http-server`). Digits stay with the word before
/// them, `_` or not: `address_2` is `address2`. A name that would begin with a digit begins with `x`.
pub fn kebab(identifier: &str) -> String {
    let chars: Vec<char> = identifier.chars().collect();
    let at = |index: usize| chars.get(index).copied();
    let mut name = String::with_capacity(identifier.len() + 4);
    for (index, &char) in chars.iter().enumerate() {
        if char == '_' {
            continue;
        }
        let before = index.checked_sub(1).and_then(at);
        let new_word = char.is_ascii_alphabetic()
            && match before {
                None => false,
                Some('_') => true,
                Some(before) if char.is_ascii_uppercase() => {
                    // The last capital of an acronym begins the next word.
                    let ends_acronym =
                        before.is_ascii_uppercase() && at(index + 1).is_some_and(|next| next.is_ascii_lowercase());
                    before.is_ascii_lowercase() || before.is_ascii_digit() || ends_acronym
                }
                Some(_) => false,
            };
        if new_word && !name.is_empty() {
            name.push('-');
        }
        name.push(char.to_ascii_lowercase());
    }
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        name.insert(0, 'x');
    }
    name
}

/// Words that WIT keeps for itself.
const KEYWORDS: [&str; 41] = [
    "as",
    "async",
    "bool",
    "borrow",
    "char",
    "constructor",
    "enum",
    "error-context",
    "export",
    "f32",
    "f64",
    "flags",
    "from",
    "func",
    "future",
    "import",
    "include",
    "interface",
    "list",
    "map",
    "option",
    "own",
    "package",
    "record",
    "resource",
    "result",
    "s16",
    "s32",
    "s64",
    "s8",
    "static",
    "stream",
    "string",
    "tuple",
    "type",
    "u16",
    "u32",
    "u64",
    "u8",
    "use",
    "variant",
];

/// Whether WIT text must write this name with `%`.
pub fn is_keyword(name: &str) -> bool {
    KEYWORDS.contains(&name) || matches!(name, "with" | "world" | "float32" | "float64")
}

/// The name as WIT text has it.
pub fn escaped(name: &str) -> String {
    if is_keyword(name) { format!("%{name}") } else { name.to_owned() }
}

/// Names that must differ: the members of a record, the types of an interface.
///
/// Of names that clash the first one stands, the others get the lowest number from 2 that makes them differ from every
/// name of the scope.
#[derive(Debug, Default)]
pub struct Scope {
    used: HashSet<String>,
    /// Of names that clashed: the next number to try. Those before it are taken for good.
    next: HashMap<String, u32>,
}

impl Scope {
    /// A scope in which some names are taken.
    pub fn with(names: impl IntoIterator<Item = String>) -> Self {
        Self { used: names.into_iter().collect(), next: HashMap::new() }
    }

    /// Gives each of the wanted names, in their order.
    pub fn assign(&mut self, wanted: &[String]) -> Vec<String> {
        // Names as they are wanted are set aside first: a suffix must not take the name of somebody else.
        let all: HashSet<&String> = wanted.iter().collect();
        wanted
            .iter()
            .map(|name| {
                if self.used.insert(name.clone()) {
                    return name.clone();
                }
                let next = self.next.entry(name.clone()).or_insert(2);
                loop {
                    let numbered = format!("{name}{next}");
                    *next += 1;
                    if !all.contains(&numbered) && self.used.insert(numbered.clone()) {
                        return numbered;
                    }
                }
            })
            .collect()
    }

    /// Gives one name.
    pub fn one(&mut self, name: &str) -> String {
        self.assign(&[name.to_owned()]).pop().unwrap_or_default()
    }
}

/// WIT namespace, name and version of a protobuf package.
///
/// `shop.billing.v1` is `shop:billing@1.0.0`, `v1beta1` `1.0.0-beta1`, `v2p1alpha` `2.1.0-alpha`; without a version it is
/// `0.0.0`. More than two parts are joined by `-`, a single one gets the namespace `proto`, none at all is `proto:default`.
pub fn package(proto: &str) -> (String, String, String) {
    let mut parts: Vec<&str> = proto.split('.').filter(|part| !part.is_empty()).collect();
    let version = parts.last().and_then(|last| version(last));
    if version.is_some() {
        parts.pop();
    }
    let version = version.unwrap_or_else(|| "0.0.0".to_owned());
    let parts: Vec<String> = parts.into_iter().map(kebab).collect();
    match parts.as_slice() {
        [] => ("proto".to_owned(), "default".to_owned(), version),
        [name] => ("proto".to_owned(), name.clone(), version),
        [namespace, name @ ..] => (namespace.clone(), name.join("-"), version),
    }
}

/// `v1`, `v1beta2`, `v1p1alpha`: <https://cloud.google.com/apis/design/versioning>
fn version(part: &str) -> Option<String> {
    let digits = |text: &str| {
        let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
        let (number, rest) = text.split_at_checked(end)?;
        let number: u32 = number.parse().ok()?;
        Some((number, rest.to_owned()))
    };
    let (major, rest) = digits(part.strip_prefix('v')?)?;
    let (minor, rest) = match rest.strip_prefix('p') {
        Some(rest) => digits(rest)?,
        None => (0, rest),
    };
    if rest.is_empty() {
        return Some(format!("{major}.{minor}.0"));
    }
    let stage = ["alpha", "beta", "main", "test"].into_iter().find(|stage| rest.starts_with(stage))?;
    let number = rest.strip_prefix(stage)?;
    let valid = number.is_empty() || (number.bytes().all(|byte| byte.is_ascii_digit()));
    valid.then(|| format!("{major}.{minor}.0-{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_kebab_case() {
        let cases = [
            ("Hello", "hello"),
            ("CreateInvoice", "create-invoice"),
            ("HTTPServer", "http-server"),
            ("getHTTP", "get-http"),
            ("user_id", "user-id"),
            ("address_2", "address2"),
            ("address_2_line", "address2-line"),
            ("_private", "private"),
            ("__", "x"),
            ("_9lives", "x9lives"),
            ("GetV2API", "get-v2-api"),
            ("STATE_DRAFT", "state-draft"),
            ("Trailing_", "trailing"),
            ("x509Cert", "x509-cert"),
        ];
        for (proto, wit) in cases {
            assert_eq!(kebab(proto), wit, "{proto}");
        }
    }

    #[test]
    fn packages_keep_their_version() {
        let wit = |proto| {
            let (namespace, name, version) = package(proto);
            format!("{namespace}:{name}@{version}")
        };
        assert_eq!(wit("shop.billing.v1"), "shop:billing@1.0.0");
        assert_eq!(wit("shop.billing.v1beta1"), "shop:billing@1.0.0-beta1");
        assert_eq!(wit("a.b.c.v2p1alpha"), "a:b-c@2.1.0-alpha");
        assert_eq!(wit("greeter.v1"), "proto:greeter@1.0.0");
        assert_eq!(wit("google.protobuf"), "google:protobuf@0.0.0");
        assert_eq!(wit("v1"), "proto:default@1.0.0");
        assert_eq!(wit("shop.vat"), "shop:vat@0.0.0");
        assert_eq!(wit(""), "proto:default@0.0.0");
    }

    #[test]
    fn every_name_is_made_of_wit_words() {
        for proto in ["", "_", "9", "_9_", "A", "aB_c9D", "ABC_DEF", "a__b", "A1B2C3", "x_1_y"] {
            let name = kebab(proto);
            let is_word = |word: &str| {
                word.starts_with(|first: char| first.is_ascii_lowercase())
                    && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            };
            assert!(name.split('-').all(is_word), "{proto} became {name}");
        }
    }

    #[test]
    fn keywords_are_escaped_and_other_names_are_not() {
        assert_eq!(escaped("list"), "%list");
        assert_eq!(escaped("error-context"), "%error-context");
        assert_eq!(escaped("lists"), "lists");
        assert!(is_keyword("world") && !is_keyword("decode-list"));
    }

    #[test]
    fn names_that_only_resemble_a_version_are_no_version() {
        for proto in ["a.v", "a.vat", "a.v1p", "a.v1gamma", "a.1"] {
            assert_eq!(package(proto).2, "0.0.0", "{proto}");
        }
        assert_eq!(package("a.b.v1alpha").2, "1.0.0-alpha");
        assert_eq!(package("a.b.v2p1beta3").2, "2.1.0-beta3");
    }

    #[test]
    fn clashing_names_are_numbered_in_their_order() {
        let wanted = ["foo", "foo", "foo2", "foo"].map(str::to_owned);
        assert_eq!(Scope::default().assign(&wanted), ["foo", "foo3", "foo2", "foo4"]);
    }
}
