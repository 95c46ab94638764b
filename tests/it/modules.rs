//! What becomes part of a component in Python: modules, packages from PyPI, and methods that nothing implements.

use okra::call::Code;

use super::host::TestHost;

const GUEST: &str = "tests/guests/modules-python";

fn path(method: &str) -> String {
    format!("test.proto.target.v1.Modules/{method}")
}

async fn answer(method: &str, text: &str) -> String {
    let host = TestHost::with(&[GUEST]).await;
    host.call(&path(method), &serde_json::json!({ "text": text }).to_string()).await.unwrap()
}

#[tokio::test]
async fn a_package_whose_native_code_is_optional_is_installed_without_it() {
    assert_eq!(answer("Escape", "<a>").await, r#"{"text":"&lt;a&gt;"}"#);
}

#[tokio::test]
async fn a_function_imports_modules_of_the_project_and_of_its_dependencies() {
    assert_eq!(answer("Import", "abc").await, r#"{"text":"cba"}"#);
}

#[tokio::test]
async fn requirements_are_resolved_for_the_python_in_the_component() {
    assert_eq!(answer("Platform", "").await, r#"{"text":"wasi wasi wasm32 3.14"}"#);
}

#[tokio::test]
async fn a_method_that_a_service_does_not_implement_is_unimplemented() {
    let host = TestHost::with(&[GUEST]).await;
    let failure = host.call(&path("Missing"), "{}").await.unwrap_err();
    assert_eq!(failure.status.code, Code::Unimplemented);
    assert_eq!(failure.status.message, "test.proto.target.v1.Modules/Missing is not implemented");
    let (responses, outcome) = host.stream(&path("MissingStream"), &["{}"]).await;
    assert_eq!((responses.len(), outcome.unwrap_err().status.code), (0, Code::Unimplemented));
}
