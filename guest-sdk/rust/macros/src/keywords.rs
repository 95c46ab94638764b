//! Names that Rust keeps for itself. They get a `_` behind them wherever they stand in a project's bindings.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use wit_bindgen_rust::to_rust_ident;

/// Reserved since edition 2024; wit-bindgen does not know it.
const GEN: &str = "gen";

/// Returns a name in snake case, with a `_` behind it if it is a keyword.
pub(crate) fn rust_name(name: &str) -> String {
    let name = to_rust_ident(name);
    if name == GEN { format!("{name}_") } else { name }
}

/// Renames in wit-bindgen's output what Rust refuses, in all places alike:
/// - the variant `Self`, of an enum value `SELF`, is `Self_`;
/// - a module whose name is a keyword, of a package such as `google.type`, is `type_`;
/// - `gen` is `gen_`.
///
/// All other names and keywords are left as they are.
pub(crate) fn rename_keywords(code: TokenStream) -> TokenStream {
    rename(code, false)
}

fn rename(code: TokenStream, in_enum: bool) -> TokenStream {
    let mut renamed = Vec::<TokenTree>::new();
    for token in code {
        let token = match token {
            TokenTree::Group(group) => {
                // `enum Name {`
                let keyword = renamed.len().checked_sub(2).and_then(|index| renamed.get(index));
                let is_enum = keyword.is_some_and(|keyword| is_ident(keyword, "enum"));
                let mut made = Group::new(group.delimiter(), rename(group.stream(), is_enum));
                made.set_span(group.span());
                made.into()
            }
            TokenTree::Ident(ident) => {
                let name = ident.to_string();
                let is_refused = match name.as_str() {
                    GEN => true,
                    "Self" => in_enum || path_before(&renamed).is_some(),
                    // In `super::super` it is the module above.
                    "self" | "super" | "crate" => {
                        is_module(&renamed)
                            || path_before(&renamed).flatten().is_some_and(|before| {
                                !["self", "super", "crate"].iter().any(|name| is_ident(before, name))
                            })
                    }
                    _ => {
                        rust_name(&name) == format!("{name}_")
                            && (is_module(&renamed) || path_before(&renamed).is_some())
                    }
                };
                if is_refused { Ident::new(&format!("{name}_"), ident.span()).into() } else { ident.into() }
            }
            other => other,
        };
        renamed.push(token);
    }
    renamed.into_iter().collect()
}

/// If the tokens end with `::`, returns the token before it.
fn path_before(tokens: &[TokenTree]) -> Option<Option<&TokenTree>> {
    let is_colon = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':');
    match tokens {
        [before @ .., first, second] if is_colon(first) && is_colon(second) => Some(before.last()),
        _ => None,
    }
}

/// Whether the next token is the name of a module.
fn is_module(tokens: &[TokenTree]) -> bool {
    tokens.last().is_some_and(|last| is_ident(last, "mod"))
}

fn is_ident(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed(code: &str) -> String {
        rename_keywords(code.parse().unwrap_or_default()).to_string()
    }

    #[test]
    fn only_names_that_rust_refuses_are_renamed() {
        let expected = |code: &str| code.parse::<TokenStream>().unwrap_or_default().to_string();
        let cases = [
            (
                "pub mod type { pub type Point = super::super::google::type::types::LatLng; }",
                "pub mod type_ { pub type Point = super::super::google::type_::types::LatLng; }",
            ),
            (
                "mod super { use super::super::a::super::types::T; }",
                "mod super_ { use super::super::a::super_::types::T; }",
            ),
            (
                "enum Rank { Self, Other } fn f() -> Self { Rank::Self }",
                "enum Rank { Self_, Other } fn f() -> Self { Rank::Self_ }",
            ),
            ("struct A { gen: u8 } impl Trait for ::okra::A {}", "struct A { gen_: u8 } impl Trait for ::okra::A {}"),
        ];
        for (code, want) in cases {
            assert_eq!(renamed(code), expected(want));
        }
    }

    #[test]
    fn keywords_have_an_underscore_behind_them() {
        let names = ["type", "gen", "Users", "google", "match"].map(rust_name);
        assert_eq!(names, ["type_", "gen_", "users", "google", "match_"]);
    }
}
