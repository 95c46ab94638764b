//! The languages as values of arguments.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::language::{GuestLanguage, LANGUAGES, find_language_by_id};

/// Returns the parser of arguments that name a language. Its possible values are the ids of the list of languages.
pub(super) fn language_parser() -> impl TypedValueParser<Value = &'static dyn GuestLanguage> {
    let ids = PossibleValuesParser::new(LANGUAGES.map(|language| language.id()));
    ids.try_map(|id| find_language_by_id(&id).ok_or_else(|| format!("`{id}` is not a language of OKRA")))
}
