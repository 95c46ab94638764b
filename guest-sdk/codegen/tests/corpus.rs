//! Every rule of the mapping on a corpus of `.proto` files: what is generated parses as WIT, and is as it was.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs;
use std::path::Path;

use common::{component, corpus, everything, parse, schema, services, source, text};
use okra_codegen::compile::{CompileError, compile};
use okra_codegen::mapping::SchemaError;
use okra_codegen::schema::{Cardinality, Kind, Member, Message, Schema};
use okra_codegen::wit::{World, generate};

fn message<'a>(schema: &'a Schema, name: &str) -> &'a Message {
    schema.messages.iter().find(|message| message.full_name == name).unwrap()
}

/// Cardinality and kind of a field or a oneof's case.
fn field(schema: &Schema, of: &str, name: &str) -> (Cardinality, Kind) {
    let members = message(schema, of).members.iter().flat_map(|member| match member {
        Member::Field(field) => vec![field],
        Member::Oneof(oneof) => oneof.cases.iter().collect(),
    });
    let found = members.into_iter().find(|field| field.proto_name == name).unwrap();
    (found.cardinality, found.kind.clone())
}

macro_rules! generated {
    ($($test:ident: $($file:literal),+;)+) => {$(
        #[test]
        fn $test() {
            let files = everything(&schema(&corpus(&[$($file),+])));
            let (resolve, world) = parse(&files);
            component(&resolve, world).unwrap();
            insta::assert_snapshot!(text(&files));
        }
    )+};
}

generated! {
    scalars_maps_oneofs_and_open_enums: "scalars.proto";
    names_that_wit_refuses: "names.proto";
    proto2_groups_and_closed_enums: "proto2.proto";
    recursive_messages: "recursion.proto";
    every_kind_as_often_as_it_can_occur: "shapes.proto";
    well_known_types: "wellknown.proto";
    packages_that_import_one_another: "imports/service.proto";
    a_file_without_package: "plain.proto";
    calls_with_streams: "streams.proto";
}

#[test]
fn presence_and_packing_are_the_fields_own() {
    let schema = schema(&corpus(&["scalars.proto", "proto2.proto"]));
    let cardinality = |message, name| field(&schema, message, name).0;
    let scalars = "corpus.scalars.v1.Scalars";
    assert_eq!(cardinality(scalars, "an_int32"), Cardinality::Implicit);
    assert_eq!(cardinality(scalars, "maybe"), Cardinality::Optional);
    assert_eq!(cardinality(scalars, "packed"), Cardinality::Repeated { packed: true });
    assert_eq!(cardinality(scalars, "expanded"), Cardinality::Repeated { packed: false });
    assert_eq!(cardinality(scalars, "left"), Cardinality::Required);
    let legacy = "proto2only.Legacy";
    assert_eq!(cardinality(legacy, "name"), Cardinality::Required);
    assert_eq!(cardinality(legacy, "count"), Cardinality::Optional);
    assert_eq!(cardinality(legacy, "numbers"), Cardinality::Repeated { packed: false });
    assert_eq!(cardinality(legacy, "packed"), Cardinality::Repeated { packed: true });
}

#[test]
fn groups_are_told_from_messages() {
    let schema = schema(&corpus(&["proto2.proto", "scalars.proto"]));
    let is_group = |message, name| matches!(field(&schema, message, name).1, Kind::Message { group: true, .. });
    assert!(is_group("proto2only.Legacy", "row"));
    assert!(is_group("proto2only.Legacy", "grouped"));
    assert!(!is_group("corpus.scalars.v1.Scalars", "right"));
}

#[test]
fn records_never_hold_themselves() {
    let schema = schema(&corpus(&["recursion.proto", "wellknown.proto", "names.proto", "imports/service.proto"]));
    let mut depth = vec![None; schema.messages.len()];
    fn walk(schema: &Schema, at: usize, path: &mut Vec<usize>, depth: &mut [Option<()>]) {
        assert!(!path.contains(&at), "{} holds itself", schema.messages[at].full_name);
        if depth[at].is_some() {
            return;
        }
        path.push(at);
        for member in &schema.messages[at].members {
            let fields = match member {
                Member::Field(field) => std::slice::from_ref(field),
                Member::Oneof(oneof) => &oneof.cases,
            };
            for field in fields {
                if let Kind::Message { message, .. } = field.kind {
                    walk(schema, message.0, path, depth);
                }
            }
        }
        path.pop();
        depth[at] = Some(());
    }
    for at in 0..schema.messages.len() {
        walk(&schema, at, &mut Vec::new(), &mut depth);
    }
}

#[test]
fn only_what_the_services_reach_is_mapped() {
    let schema = schema(&corpus(&["imports/service.proto"]));
    let names: Vec<_> = schema.messages.iter().map(|message| message.full_name.as_str()).collect();
    assert!(names.contains(&"a.b.c.v1.Item"), "{names:?}");
    assert!(!names.contains(&"a.b.c.v1.Unused"), "{names:?}");
}

#[test]
fn names_do_not_depend_on_the_services_asked_for() {
    let compiled = corpus(&["names.proto"]);
    let all = schema(&compiled);
    let one = Schema::new(&compiled.pool, &["type.list.record.v1beta1.Types"]).unwrap();
    assert!(one.messages.len() < all.messages.len());
    for found in &one.messages {
        assert_eq!(found.wit_name, message(&all, &found.full_name).wit_name);
    }
}

#[test]
fn a_service_asked_for_twice_is_there_once() {
    let compiled = corpus(&["plain.proto"]);
    let schema = Schema::new(&compiled.pool, &["Plain", "Plain"]).unwrap();
    assert_eq!(schema.services.len(), 1);
    parse(&everything(&schema));
}

#[test]
fn the_world_has_what_it_is_asked_for() {
    let schema = schema(&corpus(&["scalars.proto", "recursion.proto"]));
    let world = World {
        name: "world".to_owned(),
        exports: vec!["corpus.scalars.v1.Everything".to_owned()],
        imports: vec!["corpus.recursion.Trees".to_owned()],
        raw: false,
    };
    let (resolve, world) = parse(&generate(&schema, &world));
    let world = &resolve.worlds[world];
    let exports: Vec<_> = world.exports.keys().map(|key| resolve.name_world_key(key)).collect();
    let imports: Vec<_> = world.imports.keys().map(|key| resolve.name_world_key(key)).collect();
    assert_eq!(exports, ["corpus:scalars/everything@1.0.0"]);
    for name in ["corpus:recursion/trees@0.0.0", "okra:service/context@0.2.0"] {
        assert!(imports.iter().any(|import| import == name), "{name} of {imports:?}");
    }
}

#[test]
fn all_files_below_the_root_are_compiled_when_none_is_named() {
    let compiled = corpus(&[]);
    assert!(services(&compiled.pool).contains(&"okra.service.Status".to_owned()));
    parse(&everything(&schema(&compiled)));
}

#[test]
fn descriptors_keep_custom_options() {
    let compiled = source(
        "syntax = \"proto3\"; import \"google/protobuf/descriptor.proto\";
         extend google.protobuf.MessageOptions { string marked = 50001; }
         message Bare { option (marked) = \"kept as it is\"; }",
    )
    .unwrap();
    assert!(compiled.descriptors.windows(13).any(|bytes| bytes == b"kept as it is"));
    assert!(prost_reflect::DescriptorPool::decode(compiled.descriptors.as_slice()).is_ok());
}

#[test]
fn broken_files_are_told_with_file_and_line() {
    let error = source("syntax = \"proto3\";\n\nmessage Bare {\n  strin name = 1;\n}\n").unwrap_err();
    let CompileError::Proto(error) = error else { panic!("{error}") };
    assert!(format!("{error:?}").contains("test.proto:4:3"), "{error:?}");
}

#[test]
fn a_root_without_files_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let error = compile(&[folder.path().to_owned()], &[]).unwrap_err();
    assert!(matches!(error, CompileError::NoFiles { .. }), "{error}");
}

#[test]
fn a_root_that_is_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let error = compile(std::slice::from_ref(&missing), &[]).unwrap_err();
    assert!(matches!(&error, CompileError::Io { path, .. } if *path == missing), "{error}");
}

#[test]
fn an_unknown_service_is_told_with_the_nearest() {
    let compiled = corpus(&["scalars.proto", "plain.proto"]);
    let error = Schema::new(&compiled.pool, &["corpus.scalars.v1.Everythin"]).unwrap_err();
    insta::assert_snapshot!(error, @"the .proto files define no service `corpus.scalars.v1.Everythin` (is `corpus.scalars.v1.Everything` meant?); they define `Plain`, `corpus.scalars.v1.Everything`");
    let error = Schema::new(&compiled.pool, &["Zzz"]).unwrap_err();
    assert!(matches!(error, SchemaError::UnknownService { nearest: None, .. }), "{error}");
}

#[test]
fn packages_that_become_one_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, package: &str| {
        let text =
            format!("syntax = \"proto3\"; package {package}; message M {{}} service S {{ rpc Get(M) returns (M); }}");
        fs::write(folder.path().join(name), text).unwrap();
    };
    file("one.proto", "a.b_c");
    file("two.proto", "a.b.c");
    let compiled = compile(&[folder.path().to_owned()], &[]).unwrap();
    let error = Schema::new(&compiled.pool, &["a.b_c.S", "a.b.c.S"]).unwrap_err();
    assert!(matches!(error, SchemaError::PackageClash { .. }), "{error}");
    file("three.proto", "okra.service.v0p2");
    let compiled = compile(&[folder.path().to_owned()], &[]).unwrap();
    let error = Schema::new(&compiled.pool, &["okra.service.v0p2.S"]).unwrap_err();
    assert!(matches!(error, SchemaError::PackageClash { .. }), "{error}");
}

#[test]
fn every_keyword_of_wit_may_name_a_field() {
    let keywords = "as async bool borrow char constructor enum error_context export f32 f64 flags from func future import \
                    include interface list map option own package record resource result s16 s32 s64 s8 static stream \
                    string tuple type u16 u32 u64 u8 use variant with world";
    let fields: String = keywords
        .split_whitespace()
        .enumerate()
        .map(|(index, name)| format!("string {name} = {};", index + 1))
        .collect();
    let text = format!("syntax = \"proto3\"; message M {{ {fields} }} service S {{ rpc Get(M) returns (M); }}");
    parse(&everything(&schema(&source(&text).unwrap())));
}

#[test]
fn an_import_that_is_not_there_is_told() {
    let error = source("syntax = \"proto3\";\nimport \"missing.proto\";\n").unwrap_err();
    assert!(error.to_string().contains("missing.proto"), "{error}");
}

#[test]
fn a_reserved_prefix_goes_only_from_values_that_have_it() {
    let text =
        "syntax = \"proto3\"; enum HTTPState { HTTP_STATE_OPEN = 0; HTTP_STATE_3 = 1; HTTP_STATEFUL = 2; OTHER = 3; }
                message M { HTTPState state = 1; } service S { rpc Get(M) returns (M); }";
    let schema = schema(&source(text).unwrap());
    let names: Vec<_> = schema.enums[0].cases.iter().map(|case| case.wit_name.as_str()).collect();
    assert_eq!(names, ["open", "http-state3", "http-stateful", "other"]);
}

#[test]
fn every_test_that_the_mapping_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let tests = [
        "tests/corpus.rs",
        "tests/hostile.rs",
        "tests/editions.rs",
        "tests/random.rs",
        "tests/types.rs",
        "tests/go.rs",
        "tests/python.rs",
        "src/names.rs",
        "src/go/names.rs",
    ]
    .map(read)
    .join("");
    let tests = tests + &read("../../src/link/tests/differential.rs");
    let mapping = read("MAPPING.md");
    let words = mapping.split(|char: char| !char.is_ascii_lowercase() && !char.is_ascii_digit() && char != '_');
    // No other word has so many of them.
    let named: Vec<_> = words.filter(|word| word.matches('_').count() > 2).collect();
    assert!(named.len() > 50, "{named:?}");
    for name in named {
        assert!(tests.contains(&format!("fn {name}(")) || tests.contains(&format!("    {name}: \"")), "no test {name}");
    }
}
