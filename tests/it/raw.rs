//! Services on encoded messages, beside typed ones.

use okra::call::Code;

use super::host::TestHost;

const ECHO: &str = "test.raw.v1.Echo";

guests! {
    rust: "tests/guests/raw", go: "tests/guests/raw-go", python: "tests/guests/raw-python";
    raw_and_typed_services_are_served_side_by_side
    the_component_itself_says_what_it_lacks
    a_raw_answer_has_a_limit_too
    a_raw_component_that_panics_serves_on
    raw_services_stream_in_every_shape
    a_raw_handler_that_writes_another_number_than_one_response_is_internal
    a_raw_stream_that_is_not_served_says_so
}

async fn host(guest: &str) -> TestHost {
    TestHost::with(&[guest, "examples/hello"]).await
}

async fn raw_and_typed_services_are_served_side_by_side(guest: &str) {
    let host = host(guest).await;
    assert_eq!(host.call(&format!("{ECHO}/Upper"), r#"{"text":"ada"}"#).await.unwrap(), r#"{"text":"ADA"}"#);
    let hello = host.call("greeter.v1.Greeter/Hello", r#"{"name":"Ada"}"#).await.unwrap();
    assert_eq!(hello, r#"{"message":"Hello, Ada!"}"#);
}

async fn the_component_itself_says_what_it_lacks(guest: &str) {
    let failure = host(guest).await.call(&format!("{ECHO}/Lower"), "{}").await.unwrap_err();
    assert_eq!(failure.status.code, Code::Unimplemented);
    assert_eq!(failure.status.message, "/test.raw.v1.Echo/Lower is not there");
}

async fn a_raw_answer_has_a_limit_too(guest: &str) {
    let failure = host(guest).await.call(&format!("{ECHO}/Much"), "{}").await.unwrap_err();
    assert_eq!(failure.status.code, Code::ResourceExhausted);
}

async fn raw_services_stream_in_every_shape(guest: &str) {
    let host = host(guest).await;
    let call = async |method: &str, texts: &[&str]| {
        let requests: Vec<_> = texts.iter().map(|text| format!(r#"{{"text":"{text}"}}"#)).collect();
        let requests: Vec<_> = requests.iter().map(String::as_str).collect();
        let (responses, outcome) = host.stream(&format!("{ECHO}/{method}"), &requests).await;
        outcome.unwrap();
        responses
    };
    assert_eq!(call("Each", &["a", "b"]).await, [r#"{"text":"A"}"#, r#"{"text":"B"}"#]);
    assert!(call("Each", &[]).await.is_empty());
    assert_eq!(call("Repeat", &["a"]).await, [r#"{"text":"a"}"#; 2]);
    assert_eq!(call("Last", &["a", "b", "c"]).await, [r#"{"text":"c"}"#]);
    // More than the queue of responses holds.
    let many = vec!["x"; 2000];
    assert_eq!(call("Each", &many).await.len(), 2000);
    let counts = host.runtime.counts(ECHO).await.unwrap();
    assert_eq!((counts.lent, counts.idle), (0, 1));
}

async fn a_raw_handler_that_writes_another_number_than_one_response_is_internal(guest: &str) {
    let host = host(guest).await;
    let text = r#"{"text":"a"}"#;
    for (method, requests, found) in [("TooMany", vec![text; 2000], "more than one"), ("Last", vec![], "none")] {
        let (responses, outcome) = host.stream(&format!("{ECHO}/{method}"), &requests).await;
        let status = outcome.unwrap_err().status;
        assert_eq!(status.code, Code::Internal);
        let expected = format!("`/{ECHO}/{method}` answers with one response message, but its handler sent {found}");
        assert_eq!((status.message.as_str(), responses.len()), (expected.as_str(), 0));
    }
    let (_, outcome) = host.stream(&format!("{ECHO}/Repeat"), &[text; 2]).await;
    assert_eq!(outcome.unwrap_err().status.code, Code::Unimplemented);
}

async fn a_raw_stream_that_is_not_served_says_so(guest: &str) {
    let (_, outcome) = host(guest).await.stream(&format!("{ECHO}/Missing"), &[r#"{"text":"a"}"#]).await;
    let status = outcome.unwrap_err().status;
    assert_eq!((status.code, status.message.as_str()), (Code::Unimplemented, "/test.raw.v1.Echo/Missing is not there"));
}

async fn a_raw_component_that_panics_serves_on(guest: &str) {
    let host = host(guest).await;
    let failure = host.call(&format!("{ECHO}/Panic"), "{}").await.unwrap_err();
    assert_eq!(failure.status.code, Code::Internal);
    host.call(&format!("{ECHO}/Upper"), "{}").await.unwrap();
    let counts = host.runtime.counts(ECHO).await.unwrap();
    assert_eq!((counts.lent, counts.idle), (0, 1));
}
