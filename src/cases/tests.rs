//! Tests of the format of call cases.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;

use super::*;

fn read(text: &str) -> Result<CallCase, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.json");
    fs::write(&path, text).unwrap();
    CallCase::read(&path).map_err(|error| error.to_string().replace(&folder.path().display().to_string(), "FOLDER"))
}

#[test]
fn a_case_is_read_with_all_that_may_be_in_it() {
    let case = read(
        r#"{"call": "a.B/C", "requests": [{}], "metadata": {"x": "y"}, "responses": [],
            "error": {"code": "ABORTED", "message": "m"}, "headers": {"h": "1"}, "trailers": {"t": "2"}}"#,
    )
    .unwrap();
    assert_eq!((case.call.as_str(), case.requests.unwrap().len()), ("a.B/C", 1));
    let error = case.expected.error.unwrap();
    assert_eq!((error.code.as_str(), error.message.as_deref()), ("ABORTED", Some("m")));
}

#[test]
fn what_is_no_case_is_told_with_its_place() {
    let report = read("{\n  \"call\": 1\n}").unwrap_err();
    assert_eq!(report, "FOLDER/case.json: invalid type: integer `1`, expected a string at line 2 column 11");
    let report = read(r#"{"call": "a.B/C", "reqest": {}}"#).unwrap_err();
    assert!(report.starts_with("FOLDER/case.json: unknown key `reqest`, expected one of call, request"), "{report}");
    let report = read("{").unwrap_err();
    assert!(report.contains("line 1 column 1"), "{report}");
}

#[test]
fn a_folder_without_cases_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(find_cases(folder.path()), Err(CaseError::None { .. })));
    assert!(matches!(find_cases(&folder.path().join("missing")), Err(CaseError::None { .. })));
    fs::create_dir(folder.path().join("inner")).unwrap();
    for file in ["b.json", "inner/a.json", "notes.txt"] {
        fs::write(folder.path().join(file), "").unwrap();
    }
    let found = find_cases(folder.path()).unwrap();
    let names: Vec<_> =
        found.iter().map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string()).collect();
    assert_eq!(names, ["b.json", "inner/a.json"]);
}
