//! The contract between guests and the host, WIT package `okra:service`: the copies in `tests/contract`, and components
//! that were built for versions that this host supports, or not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use okra_codegen::contract::{self, SUPPORTED, VERSION};

use super::crafted::{Core, Crafted};
use super::host::TestHost;

/// Whether a version may still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Until the next release of OKRA.
    Open,
    /// Never again.
    #[allow(dead_code, reason = "OKRA has not been released yet")]
    Released,
}

/// The versions that have a copy. A release of OKRA makes the open one `Released`.
const COPIES: [(&str, State); 1] = [("0.2.0", State::Open)];

const PROTO: &str = r#"
syntax = "proto3";
package test.contract.v1;
service Greeter { rpc Hello(Text) returns (Text); }
message Text { string text = 1; }
"#;
const GREETER: &str = "test.contract.v1.Greeter";

type Files = BTreeMap<String, String>;

fn copy_of(version: &str) -> Files {
    let folder = copies().join(version);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let read = |path: PathBuf| {
        (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap())
    };
    entries.map(|entry| read(entry.unwrap().path())).collect()
}

fn copies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract")
}

fn current() -> Files {
    contract::files().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

/// What is wrong with the files in `wit/`, which have the version of a copy.
fn difference(version: &str, state: State, copy: &Files, wit: &Files) -> Option<String> {
    if copy == wit {
        return None;
    }
    Some(match state {
        State::Released => format!(
            "okra:service@{version} is released and never changes: restore wit/ from tests/contract/{version}, and give \
             the change a new version that the host offers beside {version}"
        ),
        State::Open => format!("tests/contract/{version} is open: make it a link to wit/ until it is released"),
    })
}

#[test]
fn a_released_version_never_changes() {
    for (version, state) in COPIES.into_iter().filter(|(version, _)| *version == VERSION) {
        if let Some(difference) = difference(version, state, &copy_of(version), &current()) {
            panic!("{difference}");
        }
    }
}

#[test]
fn a_change_of_a_released_version_is_refused_and_an_open_version_follows_it() {
    let mut changed = current();
    changed.insert("log.wit".to_owned(), String::new());
    let said = |state| difference(VERSION, state, &current(), &changed).unwrap();
    assert!(said(State::Released).contains("is released and never changes"));
    assert!(said(State::Open).contains("make it a link to wit/"));
    assert_eq!(difference(VERSION, State::Released, &current(), &current()), None);
}

#[test]
fn every_supported_version_has_a_copy() {
    let folders: Vec<_> = std::fs::read_dir(copies()).unwrap().map(|entry| entry.unwrap()).collect();
    let mut folders: Vec<_> =
        folders.iter().filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name()).collect();
    folders.sort();
    let versions = COPIES.map(|(version, _)| version);
    assert_eq!(folders, versions, "tests/contract has a folder for each row of COPIES");
    assert_eq!(versions, SUPPORTED, "COPIES has a row for each version in okra_codegen::contract");
}

/// A package whose component has every import and export that a version of the contract has.
fn built_for(version: &str, files: &Files) -> okra::package::Package {
    Crafted { contract: Some((version, files)), ..Crafted::serving(PROTO, &[GREETER]) }.package(Core::Dummy)
}

#[tokio::test]
async fn a_component_built_for_each_supported_version_links() {
    for (version, _) in COPIES {
        TestHost::empty().deploy(&built_for(version, &copy_of(version))).await.unwrap();
    }
}

/// The files of `wit/` as another version has them.
fn files_of(version: &str) -> Files {
    let renamed = |text: String| text.replace(&format!("okra:service@{VERSION}"), &format!("okra:service@{version}"));
    current().into_iter().map(|(name, text)| (name, renamed(text))).collect()
}

#[tokio::test]
async fn a_component_of_an_older_contract_is_refused_with_the_cure() {
    let package = built_for("0.1.0", &files_of("0.1.0"));
    let expected = "`crafted` was built for okra:service@0.1.0, and this okra supports 0.2.0: build it again with \
                    `okra build`, which brings the SDK sources in its project up to date";
    let host = TestHost::empty();
    // As `okra check`, and as `okra serve`.
    assert_eq!(host.runtime.check(&package).await.unwrap_err().to_string(), expected);
    assert_eq!(host.runtime.deploy(&package).await.unwrap_err().to_string(), expected);
}

#[tokio::test]
async fn a_component_of_a_newer_contract_is_refused_with_the_cure() {
    for version in ["0.9.0", "0.2.1", "1.0.0"] {
        let package = built_for(version, &files_of(version));
        let error = TestHost::empty().runtime.check(&package).await.unwrap_err();
        let expected = format!(
            "`crafted` was built for okra:service@{version}, and this okra supports 0.2.0: update okra, or build the \
             package with this version of it"
        );
        assert_eq!(error.to_string(), expected);
    }
}
