//! Call cases against guests: what is as expected passes, everything else is told.

use std::path::Path;

use okra::cases::{CallCase, CaseError, CaseRunner, find_cases};

use super::host::TestHost;

async fn run(host: &TestHost, case: &str) -> Result<Vec<String>, CaseError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.json");
    std::fs::write(&path, case).unwrap();
    let cases = CaseRunner::new(host.runtime.clone());
    let differences = cases.run(&path, &CallCase::read(&path)?).await?;
    Ok(differences.iter().map(ToString::to_string).collect())
}

#[tokio::test]
async fn every_shape_of_call_passes_when_it_is_as_expected() {
    let host = TestHost::with(&["tests/guests/faults", "tests/guests/streams"]).await;
    for case in [
        r#"{"call": "test.faults.v1.Faults/Echo", "request": {"text": "a"}, "response": {"text": "a", "parts": []}}"#,
        r#"{"call": "test.faults.v1.Faults/Echo", "response": {}}"#,
        r#"{"call": "test.faults.v1.Faults/Fail", "request": {"text": "a"}, "error": {"code": "FAILED_PRECONDITION"},
            "trailers": {"x-why": "because"}}"#,
        r#"{"call": "test.faults.v1.Faults/Say", "request": {"text": "a"}, "response": {"text": "a"},
            "headers": {"x-header-bin": "YQ=="}, "trailers": {"x-trailer": "said"}}"#,
        r#"{"call": "test.faults.v1.Faults/Tell", "metadata": {"x-a": "1"}, "response": {"service": "test.faults.v1.Faults",
            "method": "Tell", "metadata": ["x-a"], "hasDeadline": true}}"#,
        r#"{"call": "test.streams.v1.Streams/Count", "request": {"value": 2}, "responses": [{"value": 1}, {"value": 2}]}"#,
        r#"{"call": "test.streams.v1.Streams/Sum", "requests": [{"value": 1}, {"value": 2}], "response": {"value": 3}}"#,
        r#"{"call": "test.streams.v1.Streams/Double", "requests": [{"value": 4}], "responses": [{"value": 8}]}"#,
        r#"{"call": "test.streams.v1.Streams/Double", "requests": [], "responses": []}"#,
        r#"{"call": "test.streams.v1.Streams/Break", "request": {"value": 7}, "responses": [{"value": 7}, {"value": 8}],
            "error": {"code": "ABORTED", "message": "on purpose"}, "headers": {"x-early": "header"}, "trailers": {"x-end": "trailer"}}"#,
    ] {
        assert_eq!(run(&host, case).await.unwrap(), Vec::<String>::new(), "{case}");
    }
}

#[tokio::test]
async fn what_differs_is_told() {
    let host = TestHost::with(&["tests/guests/faults", "tests/guests/streams"]).await;
    for (case, expected) in [
        (
            r#"{"call": "test.faults.v1.Faults/Echo", "request": {"text": "a"}, "response": {"text": "b"}}"#,
            "response\n  expected: {\"text\":\"b\"}\n  came:     {\"text\":\"a\"}",
        ),
        (
            r#"{"call": "test.faults.v1.Faults/Fail", "request": {"text": "a"}, "response": {}}"#,
            "error\n  expected: no error\n  came:     FAILED_PRECONDITION: a",
        ),
        (
            r#"{"call": "test.faults.v1.Faults/Echo", "error": {"code": "ABORTED", "message": "m"}}"#,
            "error\n  expected: ABORTED: m\n  came:     no error",
        ),
        (
            r#"{"call": "test.streams.v1.Streams/Count", "request": {"value": 1}, "responses": [{"value": 1}, {}]}"#,
            "responses[1]\n  expected: {}\n  came:     nothing",
        ),
        (
            r#"{"call": "test.faults.v1.Faults/Echo", "response": {}, "headers": {"x-a": "1"}}"#,
            "headers: x-a\n  expected: 1\n  came:     nothing",
        ),
    ] {
        assert_eq!(run(&host, case).await.unwrap(), [expected], "{case}");
    }
}

#[tokio::test]
async fn a_case_that_is_wrong_in_itself_is_no_failure_of_the_service() {
    let host = TestHost::with(&["tests/guests/faults", "tests/guests/streams"]).await;
    for (case, expected) in [
        (
            r#"{"call": "test.faults.v1.Faults/Ecko", "response": {}}"#,
            "method `test.faults.v1.Faults/Ecko` is not served",
        ),
        (
            r#"{"call": "test.faults.v1.Faults/Echo", "request": {"tekst": 1}, "response": {}}"#,
            "`request` is not a test.faults.v1.Payload",
        ),
        (
            r#"{"call": "test.faults.v1.Faults/Echo", "response": {"text": 1}}"#,
            "`response` is not a test.faults.v1.Payload",
        ),
        (r#"{"call": "test.faults.v1.Faults/Echo"}"#, "nothing is expected"),
        (r#"{"call": "test.faults.v1.Faults/Echo", "responses": []}"#, "this one has one response"),
        (r#"{"call": "test.streams.v1.Streams/Sum", "request": {}, "response": {}}"#, "this one takes a stream"),
        (r#"{"call": "test.streams.v1.Streams/Count", "response": {}}"#, "this one streams"),
        (r#"{"call": "test.faults.v1.Faults/Echo", "metadata": {"x-bin": "?"}, "response": {}}"#, "not base64"),
    ] {
        let error = run(&host, case).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{case}: {error}");
    }
}

/// The cases that lie with the examples.
#[tokio::test]
async fn the_examples_answer_as_their_cases_say() {
    const EXAMPLES: [(&str, &[&str]); 3] = [
        ("examples/hello", &[]),
        ("examples/shop/billing", &["examples/shop/users"]),
        ("examples/shop/recommendations", &["examples/shop/users", "examples/shop/billing"]),
    ];
    for (example, with) in EXAMPLES {
        let host = TestHost::with(&[&[example], with].concat()).await;
        let cases = CaseRunner::new(host.runtime.clone());
        for file in find_cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join(example).join("tests/calls")).unwrap() {
            let differences = cases.run(&file, &CallCase::read(&file).unwrap()).await.unwrap();
            assert!(differences.is_empty(), "{}: {differences:?}", file.display());
        }
    }
}
