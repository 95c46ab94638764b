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

async fn a_raw_component_that_panics_serves_on(guest: &str) {
    let host = host(guest).await;
    let failure = host.call(&format!("{ECHO}/Panic"), "{}").await.unwrap_err();
    assert_eq!(failure.status.code, Code::Internal);
    host.call(&format!("{ECHO}/Upper"), "{}").await.unwrap();
    let counts = host.runtime.counts(ECHO).await.unwrap();
    assert_eq!((counts.lent, counts.idle), (0, 1));
}
