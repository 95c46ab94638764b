//! What people see in Rust: snapshots of the generated file.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use common::{corpus, schema, services, source};
use okra_codegen::rust::generate;
use okra_codegen::schema::Schema;
use okra_codegen::wit::World;

fn text(schema: &Schema) -> String {
    let all: Vec<String> = schema.services.iter().map(|service| service.full_name.clone()).collect();
    generate(schema, &World { name: "corpus".to_owned(), exports: all.clone(), imports: all, raw: true }).text
}

#[test]
fn recursive_messages() {
    insta::assert_snapshot!(text(&schema(&corpus(&["recursion.proto"]))));
}

#[test]
fn streams_of_recursive_messages_and_types_that_no_method_leads_to() {
    let compiled = source(
        r#"
        syntax = "proto3";
        package shop.tree.v1;
        // A node.
        message Node { string name = 1; Node next = 2; oneof kind { Node only = 3; string text = 4 [json_name = "words"]; } }
        // Beside all methods.
        message Event { Level level = 1; Node node = 2; }
        enum Level { LEVEL_LOW = 0; LEVEL_HIGH = 5; }
        service Trees {
          rpc Grow(stream Node) returns (stream Node);
          rpc Count(Node) returns (Size);
        }
        message Size { uint32 nodes = 1; }
        "#,
    )
    .unwrap();
    let schema =
        Schema::with_types(&compiled.pool, &services(&compiled.pool), &["shop.tree.v1.Event".to_owned()]).unwrap();
    insta::assert_snapshot!(text(&schema));
}

#[test]
fn the_text_grows_with_the_fields_and_no_faster() {
    let length = |levels: usize| {
        let messages: String = (0..levels)
            .map(|level| format!("message M{level} {{ M{0} a = 1; M{0} b = 2; string c = 3; }}\n", level + 1))
            .collect();
        let text = format!(
            "syntax = \"proto3\"; package a.v1; service S {{ rpc Get(M0) returns (M0); }}\n{messages} message M{levels} {{}}"
        );
        text_length(&text)
    };
    assert!(length(12) < 3 * length(6), "{} {}", length(12), length(6));
}

fn text_length(proto: &str) -> usize {
    text(&schema(&source(proto).unwrap())).len()
}
