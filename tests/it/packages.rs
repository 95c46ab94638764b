//! The modules of protobuf packages in Rust.

use serde_json::{Value, json};

use super::host::TestHost;

#[tokio::test]
async fn packages_whose_names_rust_keeps_for_itself_can_be_served_and_called() {
    let host = TestHost::with(&["tests/guests/packages"]).await;
    let tree = |names: [&str; 2]| json!({ "name": "root", "children": names.map(|name| json!({ "name": name })) });
    let request = json!({ "point": { "x": 1, "y": 2 }, "range": { "gen": "3", "end": "4" }, "tree": tree(["a", "b"]) });
    let response = host.call("test.packages.v1.Packages/Turn", &request.to_string()).await.unwrap();
    let response: Value = serde_json::from_str(&response).unwrap();
    let expected =
        json!({ "point": { "x": 2, "y": 1 }, "range": { "gen": "4", "end": "3" }, "tree": tree(["b", "a"]) });
    assert_eq!(response, expected);
}
