//! The Go of the corpus, as it was. That it is right is seen by Go's own tools (`tests/it/go.rs`) and by a guest that is made
//! of it (`tests/clients/test_mirror.py`).

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{corpus, schema, source};
use okra_codegen::go::{glue, stubs};
use okra_codegen::schema::Schema;
use okra_codegen::wit::{GeneratedFile, World};

fn world(schema: &Schema) -> World {
    let all: Vec<String> = schema.services.iter().map(|service| service.full_name.clone()).collect();
    World { name: "corpus".to_owned(), exports: all.clone(), imports: all, raw: true }
}

fn text(files: Vec<GeneratedFile>) -> String {
    let files = files.into_iter().map(|file| format!("=== {}\n{}", file.path.display(), file.text));
    files.collect::<Vec<_>>().join("\n")
}

macro_rules! generated {
    ($($test:ident: $($file:literal),+;)+) => {$(
        #[test]
        fn $test() {
            let schema = schema(&corpus(&[$($file),+]));
            insta::assert_snapshot!(text(stubs(&schema, &world(&schema), "corpus")));
        }
    )+};
}

generated! {
    scalars_maps_oneofs_and_open_enums: "scalars.proto";
    names_that_clash: "names.proto";
    proto2_groups_and_closed_enums: "proto2.proto";
    recursive_messages: "recursion.proto";
    every_kind_as_often_as_it_can_occur: "shapes.proto";
    well_known_types: "wellknown.proto";
    packages_that_import_one_another: "imports/service.proto";
    a_file_without_package: "plain.proto";
    calls_with_streams: "streams.proto";
}

#[test]
fn what_stands_between_streams_and_the_bindings() {
    let schema = schema(&corpus(&["streams.proto"]));
    let files = glue(&schema, &world(&schema), "corpus");
    // What is the same for all projects is not shown.
    let own = files.into_iter().filter(|file| !file.path.ends_with("host.go") && !file.text.contains("RawServer"));
    insta::assert_snapshot!(text(own.collect()));
}

#[test]
fn comments_are_written_as_gofmt_leaves_them() {
    let compiled = source(
        "syntax = \"proto3\"; package a;
        //   - indented
        //
        //
        //     ``code'' \t and more
        message A { string b = 1; }
        service S { rpc Get(A) returns (A); }",
    );
    let schema = schema(&compiled.unwrap());
    let text = text(stubs(&schema, &world(&schema), "m"));
    assert!(text.contains("// - indented\n//\n// `code'  and more\ntype A struct {"), "{text}");
}

#[test]
fn methods_and_types_that_protoc_gen_go_would_call_the_same_differ() {
    let compiled = source(
        "syntax = \"proto3\"; package a;
        message Outer { message Inner {} oneof what { string other = 1; Outer.Inner inner = 2; } }
        message Outer_Inner { string reset = 1; string b = 2; string get_b = 3; string String = 4; }
        service S { rpc do_it(Outer) returns (Outer_Inner); rpc DoIt(Outer) returns (Outer); }",
    );
    let schema = schema(&compiled.unwrap());
    let text = text(stubs(&schema, &world(&schema), "m"));
    for part in [
        "type Outer_Inner struct{}",
        "type Outer_Inner_ struct {\n\tReset_  string\n\tB       string\n\tGetB_   string\n\tString_ string\n}",
        "\tDoIt(context.Context, *Outer) (*Outer_Inner_, error)\n\tDoIt_(context.Context, *Outer) (*Outer, error)\n",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn details_of_errors_are_those_of_the_sdk_unless_it_lacks_a_field() {
    for (field, is_sdk) in [("", true), ("string new = 9;", false)] {
        let compiled = source(&format!(
            "syntax = \"proto3\"; package google.rpc;
            message Help {{ message Link {{ string description = 1; string url = 2; {field} }} repeated Link links = 1; }}
            service S {{ rpc Get(Help) returns (Help); }}"
        ));
        let schema = schema(&compiled.unwrap());
        let text = text(stubs(&schema, &world(&schema), "m"));
        assert_eq!(text.contains("Get(context.Context, *errdetails.Help)"), is_sdk, "{text}");
        assert_eq!(text.contains("type Help struct"), !is_sdk, "{text}");
    }
}

#[test]
fn messages_that_no_method_leads_to_have_stubs_and_no_conversions() {
    let compiled = source(
        "syntax = \"proto3\"; package a;
        message A { string b = 1; } message Event { Kind kind = 1; } enum Kind { NONE = 0; }
        service S { rpc Get(A) returns (A); }",
    );
    let compiled = compiled.unwrap();
    let schema = Schema::with_types(&compiled.pool, &["a.S"], &["a.Event"]).unwrap();
    let stubs = text(stubs(&schema, &world(&schema), "m"));
    assert!(stubs.contains("type Event struct"), "{stubs}");
    let glue = text(glue(&schema, &world(&schema), "m"));
    assert_eq!(glue.matches("func GetM").count(), 1, "{glue}");
    assert_eq!(glue.matches("func GetE").count(), 0, "{glue}");
    assert!(glue.contains("_ \"m/gen/a\""), "{glue}");
}

#[test]
fn packages_that_use_each_other_in_a_circle_are_one_package() {
    let compiled = [
        ("id.proto", "package a; message Id { string id = 1; Kind kind = 2; } enum Kind { NONE = 0; }"),
        ("b.proto", "package a.b; import \"id.proto\"; message Id { a.Id id = 1; }"),
        ("c.proto", "package c.d; import \"b.proto\"; import \"id.proto\"; message Team { repeated a.b.Id ids = 1; }"),
        ("s.proto", "package a; import \"c.proto\"; service S { rpc Get(c.d.Team) returns (c.d.Team); }"),
    ];
    let schema = schema(&common::sources(&compiled));
    let files = stubs(&schema, &world(&schema), "corpus");
    let paths: Vec<_> = files.iter().map(|file| file.path.display().to_string()).collect();
    assert_eq!(paths, ["a/messages.go", "a/codec.go", "a/services.go"]);
    let text = text(files);
    let types = text.lines().filter_map(|line| line.strip_prefix("type ")?.strip_suffix(" struct {"));
    let types: Vec<_> = types.filter(|name| name.chars().all(|char| char.is_alphanumeric() || char == '_')).collect();
    assert_eq!(types, ["B_Id", "CD_Team", "Id"]);
    assert!(!text.contains("corpus/gen"), "a package imports itself: {text}");
}
