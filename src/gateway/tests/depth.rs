//! What comes from outside at any depth: no recursion goes beyond a limit, so that the stack of a thread suffices.

use prost::Message as _;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use prost_types::{FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto};
use serde_json::json;

use crate::call::{Code, Status, StatusDetail};
use crate::gateway::call::http_error::ConnectError;
use crate::gateway::call::message_output::MessageOutput;
use crate::gateway::call::rpc_status::RpcStatus;
use crate::gateway::tests::connect::http1;
use crate::gateway::tests::rest::{JSON, ruled, serve_rules};
use crate::gateway::tests::*;

const LOOPS: &str = r#"
syntax = "proto3";
package google.protobuf;

message LoopValue {
  LoopValue value = 1;
}

service Loops {
  rpc Echo(LoopValue) returns (LoopValue);
}
"#;

/// Runs on a thread with a stack of 512 KiB.
fn on_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(512 << 10).spawn(run).unwrap().join().unwrap();
}

fn any_descriptor() -> MessageDescriptor {
    let holder = "syntax = \"proto3\"; package any.v1; import \"google/protobuf/any.proto\"; \
                  message Holder { google.protobuf.Any held = 1; }";
    compile(&[("any.proto", holder)]).get_message_by_name("google.protobuf.Any").unwrap()
}

/// `depth` messages of `google.protobuf.Any`, one in the other.
fn nested_any(depth: usize) -> Vec<u8> {
    let mut any =
        prost_types::Any { type_url: "type.googleapis.com/google.protobuf.Any".to_owned(), value: Vec::new() };
    for _ in 1..depth {
        any.value = any.encode_to_vec();
    }
    any.encode_to_vec()
}

#[tokio::test]
async fn a_path_of_fields_in_a_query_has_at_most_32_parts() {
    let server = ruled().await;
    for (parts, status) in [(32, 200), (33, 400), (1500, 400)] {
        let line = format!("GET /v1/shelves/1/books/2?{}name=x", "inner.".repeat(parts - 1));
        let answer = http1(&server, &line, "", b"").await;
        assert_eq!(answer.status, status, "{parts}");
        if status == 400 {
            assert_eq!(answer.json()["code"], 3);
            let wanted = format!("in the query, the path of a field has {parts} parts, more than 32");
            assert_eq!(answer.json()["message"], wanted);
        }
    }
}

#[tokio::test]
async fn the_json_of_a_request_has_at_most_100_levels() {
    let server = ruled().await;
    for (levels, status) in [(100, 200), (101, 400), (100_000, 400)] {
        let body = format!("{}{{\"name\":\"[[\\\"{{\"}}{}", "{\"inner\":".repeat(levels - 1), "}".repeat(levels - 1));
        for path in ["/v1/echo/x", "/ruled.v1.Ruled/Echo"] {
            let answer = http1(&server, &format!("POST {path}"), JSON, body.as_bytes()).await;
            assert_eq!(answer.status, status, "{levels} {path}");
            if status == 400 {
                let message = answer.json()["message"].as_str().unwrap().to_owned();
                assert!(message.ends_with("the JSON is nested more than 100 levels deep"), "{message}");
            }
        }
    }
}

#[test]
fn any_in_any_is_written_as_json_to_a_depth_of_100() {
    on_small_stack(|| {
        let output = MessageOutput::Json(any_descriptor());
        // The last of them holds an empty one, which is the level 100.
        let written = output.write(nested_any(100).into()).unwrap();
        assert_eq!(String::from_utf8(written.to_vec()).unwrap().matches("@type").count(), 100);
        for depth in [101, 3000] {
            let status = output.write(nested_any(depth).into()).unwrap_err();
            assert_eq!(status.code, Code::Internal);
            assert!(status.message.ends_with("it is nested more than 100 levels deep"), "{}", status.message);
        }
    });
}

#[test]
fn a_detail_that_is_nested_too_deep_is_sent_as_bytes() {
    on_small_stack(|| {
        let descriptor = any_descriptor();
        let types = Some(descriptor.parent_pool());
        for (depth, is_readable) in [(50, true), (3000, false)] {
            let mut status = Status::new(Code::Aborted, "deep");
            let type_url = "type.googleapis.com/google.protobuf.Any".to_owned();
            status.details.push(StatusDetail { type_url, value: nested_any(depth) });
            let connect = serde_json::to_value(ConnectError::new(&status, types)).unwrap();
            assert_eq!(connect["details"][0]["debug"].is_object(), is_readable);
            let rest = serde_json::to_value(RpcStatus::new(&status, types)).unwrap();
            assert_eq!((&rest["code"], rest["details"][0]["value"].is_object()), (&json!(10), is_readable));
        }
    });
}

#[tokio::test]
async fn reflection_takes_a_chain_of_5000_imports() {
    let name = |number: usize| format!("chain/{number}.proto");
    let file = |number: usize| FileDescriptorProto {
        name: Some(name(number)),
        dependency: number.checked_sub(1).map(name).into_iter().collect(),
        syntax: Some("proto3".to_owned()),
        ..Default::default()
    };
    let mut files: Vec<_> = (0..5000).map(file).collect();
    let last = files.last_mut().unwrap();
    last.dependency.push("google/protobuf/empty.proto".to_owned());
    let method = MethodDescriptorProto {
        name: Some("Get".to_owned()),
        input_type: Some(".google.protobuf.Empty".to_owned()),
        output_type: Some(".google.protobuf.Empty".to_owned()),
        ..Default::default()
    };
    last.service.push(ServiceDescriptorProto { name: Some("Chain".to_owned()), method: vec![method], options: None });
    let empty = DescriptorPool::global().get_file_by_name("google/protobuf/empty.proto").unwrap();
    files.insert(0, empty.file_descriptor_proto().clone());
    let pool = DescriptorPool::from_file_descriptor_set(FileDescriptorSet { file: files }).unwrap();

    let mut server = Server::start().await;
    let mut served = Catalog::default();
    served.add(pool.get_service_by_name("Chain").unwrap(), ServiceHealth::Serving);
    server.fake.catalog.send_replace(Arc::new(served));
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::FileByFilename(name(0))),
    };
    let mut client = ServerReflectionClient::new(server.channel().await);
    let mut answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    assert!(matches!(answer, MessageResponse::FileDescriptorResponse(files) if files.file_descriptor_proto.len() == 1));
    server.stop();
}

#[tokio::test]
async fn the_document_takes_a_value_of_google_protobuf_that_holds_itself() {
    let server = Server::start().await;
    serve_rules(&server, LOOPS);
    let document = http1(&server, "GET /openapi.json", "", b"").await.json();
    let loops = &document["components"]["schemas"]["google.protobuf.LoopValue"];
    assert_eq!(loops["properties"]["value"]["$ref"], "#/components/schemas/google.protobuf.LoopValue");
}
