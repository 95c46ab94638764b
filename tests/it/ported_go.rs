//! Handlers in Go that are written as for grpc-go, and what Go guests do with messages by themselves.

use okra::call::Code;
use serde_json::{Value, json};

use super::host::TestHost;

const GUEST: &str = "tests/guests/grpc-go";
const ROUTES: &str = "ported.routes.v1.RouteGuide";
const GREETER: &str = "ported.hello.v1.Greeter";

async fn call(host: &TestHost, path: &str, request: &Value) -> Value {
    let response = host.call(path, &request.to_string()).await.unwrap();
    serde_json::from_str(&response).unwrap()
}

#[tokio::test]
async fn a_handler_of_grpc_go_answers_with_errors_details_and_metadata() {
    let host = TestHost::with(&[GUEST]).await;
    let path = format!("{GREETER}/SayHello");
    let (mut context, request) = host.prepare(&path, r#"{"name": "Ada"}"#);
    context.metadata.add("x-who", b"me").unwrap();
    let response = host.runtime.handler().unary(context, request).await.unwrap();
    assert_eq!(host.json(&path, &response), r#"{"message":"Hello, Ada!"}"#);
    assert_eq!(response.headers.get("x-checked"), Some(&b"me"[..]));
    assert_eq!(response.trailers.get("x-checksum-bin"), Some(&b"\x01\x02"[..]));

    for (name, code, message) in [
        ("", Code::InvalidArgument, "name must not be empty"),
        ("nobody", Code::NotFound, "nobody is not here"),
        ("twice", Code::ResourceExhausted, "Greeted already."),
    ] {
        let failure = host.call(&path, &json!({ "name": name }).to_string()).await.unwrap_err();
        assert_eq!((failure.status.code, failure.status.message.as_str()), (code, message), "{name}");
        let detail = failure.status.details.first().map(|detail| detail.type_url.as_str());
        let expected = (name == "twice").then_some("type.googleapis.com/google.rpc.QuotaFailure");
        assert_eq!(detail, expected, "{name}");
    }

    let (greetings, outcome) = host.stream(&format!("{GREETER}/SayHelloStreamReply"), &[r#"{"name": "Ada"}"#]).await;
    outcome.unwrap();
    assert_eq!(greetings.last().map(String::as_str), Some(r#"{"message":"Hello number 2, Ada!"}"#));
    assert_eq!(greetings.len(), 3);
}

#[tokio::test]
async fn a_handler_of_grpc_go_serves_the_four_shapes_of_calls() {
    let host = TestHost::with(&[GUEST]).await;
    let here = json!({ "latitude": 407_838_351, "longitude": -746_143_763 });
    let feature = call(&host, &format!("{ROUTES}/GetFeature"), &here).await;
    assert_eq!(feature, json!({ "name": "Patriots Path, Mendham", "location": here }));

    let rectangle = json!({ "lo": { "latitude": 400_000_000 }, "hi": { "latitude": 420_000_000 } }).to_string();
    let (features, outcome) = host.stream(&format!("{ROUTES}/ListFeatures"), &[&rectangle]).await;
    outcome.unwrap();
    assert_eq!(features.len(), 2);

    let points = [here.to_string(), json!({ "latitude": 413_628_156, "longitude": -749_015_468 }).to_string()];
    let (summaries, outcome) = host.stream(&format!("{ROUTES}/RecordRoute"), &[&points[0], &points[1]]).await;
    outcome.unwrap();
    let summary: Value = serde_json::from_str(&summaries[0]).unwrap();
    assert_eq!((&summary["pointCount"], &summary["featureCount"]), (&json!(2), &json!(2)));
    assert_eq!(summary["distance"], json!(68_732));

    let notes: Vec<String> =
        ["a", "b", "c"].iter().map(|text| json!({ "location": here, "message": text }).to_string()).collect();
    let notes: Vec<&str> = notes.iter().map(String::as_str).collect();
    let (answers, outcome) = host.stream(&format!("{ROUTES}/RouteChat"), &notes).await;
    outcome.unwrap();
    assert_eq!(answers.len(), 3, "one for the second note, two for the third: {answers:?}");
}

#[tokio::test]
async fn a_handler_in_go_encodes_packs_and_writes_json() {
    let host = TestHost::with(&[GUEST]).await;
    let path = "ported.documents.v1.Documents/Describe";
    let leaf = json!({ "name": "leaf", "number": 1.5 });
    let tree = json!({ "name": "root", "children": [leaf, leaf], "byName": { "a": leaf }, "only": leaf });
    let description = call(&host, path, &tree).await;
    assert_eq!(description["node"], tree);
    assert_eq!(description["nodes"], 5);
    assert_eq!(serde_json::from_str::<Value>(description["json"].as_str().unwrap()).unwrap(), tree);

    let operation = call(&host, "ported.documents.v1.Documents/Begin", &leaf).await;
    assert_eq!(operation["done"], true);
    assert_eq!(operation["response"]["@type"], "type.googleapis.com/ported.documents.v1.Description");
    assert_eq!(operation["response"]["node"], leaf);

    let note = json!({ "@type": "type.googleapis.com/ported.documents.v1.Note", "text": "hello", "number": "7" });
    let duration = json!({ "@type": "type.googleapis.com/google.protobuf.Duration", "value": "1.500s" });
    let path = "ported.documents.v1.Documents/Repack";
    let packed = call(&host, path, &json!({ "items": [note, duration] })).await;
    assert_eq!(packed["items"][0]["text"], "hello!");
    assert_eq!(packed["items"][1], duration);
    let texts = packed["json"].as_array().unwrap().iter();
    let json: Vec<Value> = texts.map(|text| serde_json::from_str(text.as_str().unwrap()).unwrap()).collect();
    assert_eq!(json, [note, duration]);
}
