//! The Python of the corpus, as it was. That it is right is seen by mypy and by a guest that is made of it
//! (`tests/clients/test_mirror.py`).

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{corpus, schema, source};
use okra_codegen::python::{component, generate};
use okra_codegen::schema::Schema;
use okra_codegen::wit::World;

/// What people see, and what joins it with the component.
fn text(schema: &Schema) -> String {
    let all: Vec<String> = schema.services.iter().map(|service| service.full_name.clone()).collect();
    let world = World { name: "corpus".to_owned(), exports: all.clone(), imports: all, raw: true };
    let files = generate(schema).into_iter().map(|file| format!("=== {}\n{}", file.path.display(), file.text));
    let app = format!("=== the app module\n{}", component(schema, &world).app);
    files.chain([app]).collect::<Vec<_>>().join("\n")
}

macro_rules! generated {
    ($($test:ident: $($file:literal),+;)+) => {$(
        #[test]
        fn $test() {
            insta::assert_snapshot!(text(&schema(&corpus(&[$($file),+]))));
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
fn comments_cannot_end_their_docstring() {
    let compiled = source(
        "syntax = \"proto3\"; package a;
        // Ends \"\"\" here, and \\ there, says \"x\"
        message A { string b = 1; }
        service S { rpc Get(A) returns (A); }",
    );
    let files = generate(&schema(&compiled.unwrap()));
    let text = &files.iter().find(|file| file.path.ends_with("gen/a/__init__.py")).unwrap().text;
    assert!(text.contains(r#"    """Ends \"\"\" here, and \\ there, says "x" """"#), "{text}");
}

#[test]
fn an_enum_of_a_package_that_imports_this_one_is_read_when_a_message_is_made() {
    let compiled = [
        ("kind.proto", "package a; enum Kind { NONE = 0; } message Id { string id = 1; }"),
        ("b.proto", "package b; import \"kind.proto\"; message User { a.Kind kind = 1; }"),
        (
            "s.proto",
            "package a; import \"b.proto\"; import \"kind.proto\"; message Team { b.User user = 1; }
            service S { rpc Get(Team) returns (Id); }",
        ),
    ];
    let text = text(&schema(&common::sources(&compiled)));
    assert!(text.contains("kind: a.Kind = field(default_factory=lambda: a.Kind.NONE)"), "{text}");
}
