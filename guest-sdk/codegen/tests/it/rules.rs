//! Rules that are easier to say than to see in a snapshot.

use okra_codegen::compile::descriptor_set;
use okra_codegen::schema::{Kind, Schema};
use prost_reflect::DescriptorPool;

use crate::project::{Project, enumeration, message, proto3, schema};

/// proto names of the fields that hold their message encoded.
fn encoded(schema: &Schema, full_name: &str) -> Vec<String> {
    let fields = message(schema, full_name).fields();
    fields.filter(|field| matches!(field.kind, Kind::Encoded { .. })).map(|field| field.proto_name.clone()).collect()
}

#[test]
fn the_edge_that_goes_back_is_encoded_whichever_service_is_chosen() {
    let pool = proto3(
        "message A { B b = 1; } message B { C c = 1; A a = 2; } message C { repeated A a = 1; map<string, C> c = 2; }
         service FromA { rpc Do(A) returns (A); } service FromC { rpc Do(C) returns (C); }",
    );
    for service in ["test.v1.FromA", "test.v1.FromC"] {
        let schema = Schema::new(&pool, &[service]).unwrap();
        assert!(encoded(&schema, "test.v1.A").is_empty());
        assert_eq!(encoded(&schema, "test.v1.B"), ["a"]);
        assert_eq!(encoded(&schema, "test.v1.C"), ["a", "c"]);
        let codecs: Vec<_> = schema.messages.iter().filter(|message| message.has_codec).collect();
        assert_eq!(codecs.iter().map(|message| &message.wit_name).collect::<Vec<_>>(), ["a", "c"]);
    }
}

#[test]
fn messages_behind_an_encoded_field_are_there() {
    let pool = proto3(
        "message Leaf { string name = 1; } message Node { Leaf leaf = 1; repeated Node children = 2; }
         message Tree { Node root = 1; } service S { rpc Get(Tree) returns (Tree); }",
    );
    let schema = schema(&pool);
    assert_eq!(message(&schema, "test.v1.Leaf").wit_name, "leaf");
}

#[test]
fn a_package_carries_what_makes_the_same_schema() {
    let project = Project::new(&[
        (
            "a.proto",
            r#"syntax = "proto3"; package shop.v1; import "google/protobuf/timestamp.proto"; import "options.proto";
               // Kept.
               message FooBar { option (options.label) = "kept"; google.protobuf.Timestamp at = 1; }
               service S { rpc Get(FooBar) returns (FooBar); }"#,
        ),
        ("0.proto", r#"syntax = "proto3"; package shop.v1; message Foo_Bar {} service Types {}"#),
        (
            "options.proto",
            r#"syntax = "proto2"; package options; import "google/protobuf/descriptor.proto";
               extend google.protobuf.MessageOptions { optional string label = 50000; }"#,
        ),
        ("other.proto", r#"syntax = "proto3"; package other.v1; message Other {}"#),
    ]);
    let pool = project.pool();
    let schema = Schema::new(&pool, &["shop.v1.S"]).unwrap();
    assert_eq!(message(&schema, "shop.v1.FooBar").wit_name, "foo-bar2", "the other one is declared first");

    let carried = DescriptorPool::decode(descriptor_set(&pool, &schema).as_slice()).unwrap();
    let again = Schema::new(&carried, &["shop.v1.S"]).unwrap();
    assert_eq!(format!("{again:?}"), format!("{schema:?}"));
    assert_eq!(message(&again, "shop.v1.FooBar").docs, "Kept.");
    assert_eq!(again.packages[1].types_interface, "types2");
    let options = carried.get_message_by_name("shop.v1.FooBar").unwrap().options();
    let label = carried.get_extension_by_name("options.label").unwrap();
    assert_eq!(options.get_extension(&label).as_str(), Some("kept"));
    assert!(carried.get_file_by_name("other.proto").is_none());
}

#[test]
fn enums_of_proto2_are_closed_and_those_of_proto3_open() {
    let project = Project::new(&[
        ("closed.proto", r#"syntax = "proto2"; package test.v1; enum Closed { UNKNOWN = 0; } "#),
        (
            "open.proto",
            r#"syntax = "proto3"; package test.v1; enum Open { UNRECOGNIZED = 0; }
               message M { Open open = 1; } "#,
        ),
        (
            "use.proto",
            r#"syntax = "proto2"; package test.v1; import "closed.proto"; import "open.proto";
               message R { optional Closed closed = 1; optional M m = 2; } service S { rpc Do(R) returns (R); }"#,
        ),
    ]);
    let schema = schema(&project.pool());
    assert_eq!(enumeration(&schema, "test.v1.Closed").unrecognized, None);
    assert_eq!(enumeration(&schema, "test.v1.Open").unrecognized.as_deref(), Some("unrecognized2"));
}
