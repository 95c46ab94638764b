//! Names in Rust: those that wit-bindgen makes of WIT, and those of modules.

use crate::schema::Package;

/// Words that Rust keeps for itself, of all editions.
const KEYWORDS: [&str; 53] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true",
    "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield", "Self", "_",
];

/// A name of WIT in snake case, with a `_` behind it if it is a keyword.
pub(super) fn snake(wit_name: &str) -> String {
    let name = wit_name.replace('-', "_");
    if KEYWORDS.contains(&name.as_str()) { format!("{name}_") } else { name }
}

/// A name of WIT in upper camel case. wit-bindgen keeps `Guest` for the traits of services, and Rust keeps `Self`.
pub(super) fn camel(wit_name: &str) -> String {
    let mut name = String::new();
    for word in wit_name.split('-') {
        let mut chars = word.chars();
        name.extend(chars.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(chars.as_str());
    }
    if name == "Self" { format!("{name}_") } else { name }
}

/// A type's name.
pub(super) fn type_name(wit_name: &str) -> String {
    if wit_name == "guest" { "Guest_".to_owned() } else { camel(wit_name) }
}

/// The module in which the macro puts the interfaces of a WIT package.
pub(super) fn wit_module(namespace: &str, name: &str, version: &str) -> String {
    let plain = |part: &str| part.replace(['-', '.'], "_");
    format!("{}__{}__{}", plain(namespace), plain(name), plain(version))
}

/// The path of a package below `proto`: its protobuf name, each part in snake case.
pub(super) fn package_path(package: &Package) -> Vec<String> {
    let name = if package.proto.is_empty() { "default" } else { &package.proto };
    name.split('.').map(|part| snake(&snake_words(part))).collect()
}

/// What stands before a service's name where the name alone does not do, such as `shop_users_v1`.
pub(super) fn long_package_name(package: &Package) -> String {
    let mut name = snake(&package.name);
    if package.namespace != "proto" {
        name = format!("{}_{name}", snake(&package.namespace));
    }
    let (numbers, pre) = package.version.split_once('-').unwrap_or((&package.version, ""));
    match numbers.split('.').next() {
        Some(major) if major != "0" => format!("{name}_v{major}{pre}"),
        _ => name,
    }
}

/// An identifier of protobuf in snake case: a `_` where a capital begins a word.
fn snake_words(identifier: &str) -> String {
    let chars: Vec<char> = identifier.chars().collect();
    let mut name = String::new();
    for (index, char) in chars.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| chars.get(before));
        let after = chars.get(index + 1);
        let begins_word = char.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_uppercase() && after.is_some_and(|after| after.is_lowercase()))
            });
        if begins_word && !name.ends_with('_') {
            name.push('_');
        }
        // Words are joined by one `_`, and names begin and end with none.
        if *char != '_' {
            name.extend(char.to_lowercase());
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    name.trim_end_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_wit_bindgen_makes() {
        assert_eq!(["type", "gen", "address2", "a-b"].map(snake), ["type_", "gen_", "address2", "a_b"]);
        assert_eq!(["self", "x2-y", "http-request"].map(camel), ["Self_", "X2Y", "HttpRequest"]);
        assert_eq!(type_name("guest"), "Guest_");
    }

    #[test]
    fn parts_of_packages_are_in_snake_case() {
        assert_eq!(
            ["v1beta1", "myPkg", "HTTPServer", "a_b", "type"].map(snake_words),
            ["v1beta1", "my_pkg", "http_server", "a_b", "type"]
        );
    }
}
