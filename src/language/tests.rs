//! The list of languages, and commands that fail.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use crate::config::Language;
use crate::language::fake_machine::FakeMachine;
use crate::language::{LANGUAGES, find_language, find_language_by_id};

#[test]
fn each_language_is_found_by_its_value_in_okra_toml_and_on_the_command_line() {
    let ids: BTreeSet<_> = LANGUAGES.iter().map(|language| language.id()).collect();
    assert_eq!(ids.len(), LANGUAGES.len());
    for language in LANGUAGES {
        assert_eq!(serde_json::to_value(language.language()).unwrap(), language.id());
        assert_eq!(find_language(language.language()).unwrap().id(), language.id());
        assert_eq!(find_language_by_id(language.id()).unwrap().id(), language.id());
    }
    assert!(find_language(Language::Component).is_none());
    assert!(find_language_by_id("component").is_none());
}

#[test]
fn each_template_has_the_file_that_okra_new_names() {
    for language in LANGUAGES {
        let template = language.template();
        let source_path = format!("{}.in", template.source_path);
        let is_there = template.files.get_file(template.source_path).or_else(|| template.files.get_file(&source_path));
        assert!(is_there.is_some(), "{}", language.id());
    }
}

#[test]
fn what_a_failed_command_said_is_told() {
    let fake = FakeMachine::bare();
    fake.program("apt-get", "echo one >&2; echo 'E: no network' >&2; exit 100");
    let error = fake.machine().run_command("apt-get", &["update"]).unwrap_err();
    assert_eq!(error.to_string(), "`apt-get update` failed: E: no network");
}
