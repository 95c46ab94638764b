//! What guests in Rust make of messages themselves: bytes, JSON, and messages that hold themselves.

use std::collections::BTreeSet;

use bytes::Bytes;
use okra::call::{Context, Deadline};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use prost_reflect::{
    DescriptorPool, DynamicMessage, MessageDescriptor, ReflectMessage as _, Value as ProtoValue, prost::Message as _,
};
use serde_json::{Value, json};

use super::host::{TestHost, package};

/// Random messages, as the unit tests of the library have them.
#[path = "../../src/testing"]
#[allow(dead_code, reason = "the tests of the library use more of it")]
mod random {
    mod message;
    mod tape;

    pub(crate) use tape::{Reel, Tape};
}

const CODEC: &str = "tests/guests/codec";
const MIRROR: &str = "tests/guests/corpus/rust";

/// A message of each type, as often as is said, with their fields chosen at random, the same in each run.
pub(super) fn random_messages(descriptor: &MessageDescriptor, count: usize) -> Vec<DynamicMessage> {
    let mut runner = TestRunner::deterministic();
    let strategy = random::Reel::any(0..600);
    let mut messages = Vec::new();
    for _ in 0..count {
        let reel = strategy.new_tree(&mut runner).unwrap().current();
        messages.push(reel.tape().message(descriptor, 4));
    }
    messages
}

async fn call(host: &TestHost, path: &str, request: Vec<u8>) -> Result<Bytes, String> {
    let (service, method) = path.split_once('/').unwrap();
    let context = Context::new(service, method).with_deadline(Deadline::after(std::time::Duration::from_secs(20)));
    let response = host.runtime.handler().unary(context, request.into()).await;
    response.map(|response| response.message).map_err(|failure| failure.status.message.to_string())
}

#[tokio::test]
async fn random_messages_of_the_corpus_come_back_as_they_went() {
    let host = TestHost::with(&[MIRROR]).await;
    let pool = package(MIRROR).pool().clone();
    let service = pool.get_service_by_name("test.mirror.v1.Mirror").unwrap();
    for method in service.methods().filter(|method| !method.is_client_streaming()) {
        for message in random_messages(&method.input(), 40) {
            let path = format!("test.mirror.v1.Mirror/{}", method.name());
            let response = call(&host, &path, message.encode_to_vec()).await;
            let response = response.unwrap_or_else(|error| panic!("{path}: {error}\n{message}"));
            let response = DynamicMessage::decode(method.output(), response).unwrap();
            // Values of their defaults are not sent.
            let message = DynamicMessage::decode(method.input(), message.encode_to_vec().as_slice()).unwrap();
            assert_eq!(describe(&response), describe(&message), "{path}");
        }
    }
}

/// A message as text: entries of maps in their order, and numbers that are not numbers equal.
pub(super) fn describe(message: &DynamicMessage) -> String {
    let fields = message.fields().map(|(field, value)| format!("{}: {}", field.name(), describe_value(value)));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
}

fn describe_value(value: &ProtoValue) -> String {
    match value {
        ProtoValue::Message(message) => describe(message),
        ProtoValue::List(values) => values.iter().map(describe_value).collect::<Vec<_>>().join(", "),
        ProtoValue::Map(map) => {
            let entries = map.iter().map(|(key, value)| format!("{key:?}: {}", describe_value(value)));
            entries.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
        }
        value => format!("{value:?}"),
    }
}

/// The types of the corpus.
fn corpus(pool: &DescriptorPool) -> Vec<MessageDescriptor> {
    let packages =
        ["corpus.", "proto2only.", "type.list.", "a.b.c.v2.Item", "Bare", "class.", "google.rpc.", "test.codec."];
    let is_corpus = |message: &MessageDescriptor| {
        packages.iter().any(|package| message.full_name().starts_with(package)) && !message.is_map_entry()
    };
    let types: Vec<_> = pool.all_messages().filter(is_corpus).collect();
    assert!(types.len() > 50, "{}", types.len());
    types
}

fn content(pool: &DescriptorPool, message: &DynamicMessage) -> DynamicMessage {
    let descriptor = pool.get_message_by_name("test.codec.v1.Content").unwrap();
    let mut any = DynamicMessage::new(pool.get_message_by_name("google.protobuf.Any").unwrap());
    let url = format!("type.googleapis.com/{}", message.descriptor().full_name());
    any.set_field_by_name("type_url", ProtoValue::String(url));
    any.set_field_by_name("value", ProtoValue::Bytes(message.encode_to_vec().into()));
    let mut content = DynamicMessage::new(descriptor);
    content.set_field_by_name("any", ProtoValue::Message(any));
    content
}

#[tokio::test]
async fn random_messages_have_the_json_that_others_read_and_are_read_from_the_json_of_others() {
    let host = TestHost::with(&[CODEC]).await;
    let pool = package(CODEC).pool().clone();
    let text_type = pool.get_message_by_name("test.codec.v1.Text").unwrap();
    let content_type = pool.get_message_by_name("test.codec.v1.Content").unwrap();
    let mut refused = 0;
    let mut compared = 0;
    for descriptor in corpus(&pool) {
        for message in random_messages(&descriptor, 12) {
            let content = content(&pool, &message);
            let path = "test.codec.v1.Codec/Write";
            let response = call(&host, path, content.encode_to_vec()).await;
            // What protobuf has no JSON for is refused by both.
            let Ok(expected) = serde_json::to_string(&content) else {
                refused += 1;
                continue;
            };
            let response = match response {
                Ok(response) => response,
                Err(error) if error.contains("google.protobuf.") || error.contains("field mask") => {
                    refused += 1;
                    continue;
                }
                Err(error) => panic!("{}: {error}\n{expected}", descriptor.full_name()),
            };
            // What prost-reflect reads in JSON, as JSON: a number that `NullValue` lacks is null, for example.
            let reread = |json: &str| {
                let mut json = serde_json::Deserializer::from_str(json);
                let read = DynamicMessage::deserialize(content_type.clone(), &mut json);
                let read = read.unwrap_or_else(|error| panic!("{}: {error}", descriptor.full_name()));
                normal(&serde_json::to_string(&read).unwrap())
            };
            let text = DynamicMessage::decode(text_type.clone(), response).unwrap();
            let text = text.get_field_by_name("text").unwrap();
            assert_eq!(reread(text.as_str().unwrap()), reread(&expected), "{}", descriptor.full_name());

            let mut request = DynamicMessage::new(text_type.clone());
            request.set_field_by_name("text", ProtoValue::String(expected.clone()));
            let response = call(&host, "test.codec.v1.Codec/Read", request.encode_to_vec()).await;
            let response = response.unwrap_or_else(|error| panic!("{}: {error}\n{expected}", descriptor.full_name()));
            let read = DynamicMessage::decode(content_type.clone(), response).unwrap();
            let read = normal(&serde_json::to_string(&read).unwrap());
            assert_eq!(read, reread(&expected), "{}", descriptor.full_name());
            compared += 1;
        }
    }
    assert!(compared > 10 * refused && compared > 400, "{compared} compared, {refused} refused");
}

/// The JSON, without the empty paths of field masks, which prost-reflect does not read.
fn normal(json: &str) -> Value {
    let mut json = json.to_owned();
    while json.contains(",,") {
        json = json.replace(",,", ",");
    }
    serde_json::from_str(&json).unwrap()
}

#[tokio::test]
async fn json_that_is_not_of_the_message_is_refused_with_the_field() {
    let host = TestHost::with(&[CODEC]).await;
    let tree = |fields: &str| format!(r#"{{"any":{{"@type":"type.googleapis.com/test.codec.v1.Tree",{fields}}}}}"#);
    for (text, reason) in [
        (tree(r#""nam":"a""#), "test.codec.v1.Tree has no field `nam` in field `any`"),
        (tree(r#""name":"a","name":"b""#), "field `name` is there twice"),
        (tree(r#""by_name":{},"byName":{}"#), "field `byName` is there twice"),
        (tree(r#""text":"a","leaf":{}"#), "field `leaf` is in a oneof of which another field is there"),
        (tree(r#""twig":{"length":2147483648}"#), "2147483648 is out of range in field `any.twig.length`"),
        (tree(r#""children":[{},{"name":1}]"#), "expected a string, found a number in field `any.children.1.name`"),
        (tree(r#""children":[null]"#), "expected an object, found null"),
        (
            r#"{"any":{"@type":"type.googleapis.com/a.Missing"}}"#.to_owned(),
            "the project does not have the type `a.Missing`",
        ),
        (r#"{"any":{"name":"a"}}"#.to_owned(), "has no string `@type`"),
        ("{".to_owned(), "the text is not JSON: a name is missing at line 1, column 2"),
    ] {
        let request = json!({ "text": text }).to_string();
        let failure = host.call("test.codec.v1.Codec/Read", &request).await.unwrap_err();
        assert_eq!(failure.status.code.name(), "INVALID_ARGUMENT");
        assert!(failure.status.message.contains(reason), "{}", failure.status.message);
    }
    let flavor = |value: &str| {
        let url = "type.googleapis.com/corpus.scalars.v1.Scalars.Inner";
        json!({ "text": format!(r#"{{"any":{{"@type":"{url}","flavor":{value}}}}}"#) }).to_string()
    };
    // The second name of a number is read, and so are numbers.
    let one = host.call("test.codec.v1.Codec/Read", &flavor("\"FLAVOR_SWEET\"")).await.unwrap();
    for value in ["\"FLAVOR_SUGARY\"", "1", "1.0"] {
        assert_eq!(host.call("test.codec.v1.Codec/Read", &flavor(value)).await.unwrap(), one);
    }
    assert!(host.call("test.codec.v1.Codec/Read", &flavor("\"FLAVOR_BITTER\"")).await.is_err());
    for text in [tree(r#""left":null,"text":null,"leaf":{"green":true}"#), tree(r#""by_name":{"a":{}}"#)] {
        host.call("test.codec.v1.Codec/Read", &json!({ "text": text }).to_string()).await.unwrap();
    }
}

#[tokio::test]
async fn details_and_operations_are_made_and_read() {
    let host = TestHost::with(&[CODEC]).await;
    let ask = async |method: &str, text: &str| -> Value {
        let path = format!("test.codec.v1.Codec/{method}");
        normal(&host.call(&path, &json!({ "text": text }).to_string()).await.unwrap())
    };
    let violation = json!({ "field": "text", "description": "bad" });
    let expected = json!({ "@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation] });
    assert_eq!(ask("Fail", "bad").await, json!({ "any": expected }));
    let metadata = |text: &str| json!({ "@type": "type.googleapis.com/test.codec.v1.Text", "text": text });
    let tree = |name: &str| json!({ "@type": "type.googleapis.com/test.codec.v1.Tree", "name": name });
    let done = json!({ "name": "operations/1", "metadata": metadata("done"), "done": true, "response": tree("done") });
    assert_eq!(ask("Operate", "done").await, done);
    let error = json!({ "code": 5, "message": "no tree", "details": [tree("failed")] });
    let failed = json!({ "name": "operations/2", "metadata": metadata("failed"), "done": true, "error": error });
    assert_eq!(ask("Operate", "failed").await, failed);
    assert_eq!(ask("Operate", "on").await, json!({ "name": "operations/3", "metadata": metadata("on") }));
}

#[tokio::test]
async fn messages_that_hold_themselves_in_every_way_are_served_called_and_streamed() {
    let host = TestHost::with(&[CODEC]).await;
    let leaf = json!({ "name": "leaf", "leaf": { "green": true } });
    let tree = json!({
        "name": "root",
        "left": leaf,
        "children": [{ "name": "ab" }, { "name": "cd", "text": "x" }],
        "byName": { "k": leaf },
        "only": { "name": "only" },
        "twig": { "end": leaf, "length": 3 },
    });
    let turned_leaf = json!({ "name": "fael", "leaf": {} });
    let turned = json!({
        "name": "toor",
        "left": turned_leaf,
        "children": [{ "name": "dc", "text": "X" }, { "name": "ba" }],
        "byName": { "k": turned_leaf },
        "only": { "name": "ylno" },
        "twig": { "end": turned_leaf, "length": -3 },
    });
    let response = host.call("test.codec.v1.Trees/Turn", &tree.to_string()).await.unwrap();
    assert_eq!(normal(&response), turned);

    let mut walked = turned.clone();
    walked["children"] = json!([{ "name": "cd", "text": "X" }, { "name": "ab" }]);
    walked["byName"] = json!({ "grown": { "name": "2" }, "planted": { "name": "2" } });
    let response = host.call("test.codec.v1.Forest/Walk", &tree.to_string()).await.unwrap();
    assert_eq!(normal(&response), walked);
}

#[tokio::test]
async fn messages_that_are_too_deep_are_refused_in_both_directions() {
    let host = TestHost::with(&[CODEC]).await;
    let failure = host.call("test.codec.v1.Trees/Deep", "{}").await.unwrap_err();
    assert_eq!(failure.status.code.name(), "INTERNAL");
    assert!(
        failure.status.message.contains("field test.codec.v1.Tree.left") && failure.status.message.contains("100"),
        "{}",
        failure.status.message
    );
    let mut bytes = Vec::new();
    for _ in 0..5_000 {
        let mut outer = vec![0x12];
        prost_reflect::prost::encoding::encode_varint(bytes.len() as u64, &mut outer);
        outer.append(&mut bytes);
        bytes = outer;
    }
    let error = call(&host, "test.codec.v1.Trees/Turn", bytes).await.unwrap_err();
    assert!(error.contains("100"), "{error}");
    host.call("test.codec.v1.Trees/Turn", "{}").await.unwrap();
}
