//! Files of editions: what their features say is what the schema has.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs;

use common::{component, everything, parse, schema, source};
use okra_codegen::compile::{CompileError, Compiled, compile, read_descriptors};
use okra_codegen::schema::{Cardinality, Field, Kind, Member, Schema};
use prost::Message as _;
use prost_reflect::Syntax;
use prost_types::FileDescriptorSet;

const MIXED: &str = r#"
// A comment before it.
edition = "2023";
package mixed;
import "google/protobuf/go_features.proto";
option features.(pb.go).api_level = API_OPAQUE;
option features.field_presence = IMPLICIT;

service Mixed { rpc Get(M) returns (M); }

// Of all kinds.
message M {
  reserved old, older;
  int32 implicit = 1;
  int32 explicit = 2 [features.field_presence = EXPLICIT];
  int32 required = 3 [features.field_presence = LEGACY_REQUIRED];
  string preset = 4 [features.field_presence = EXPLICIT, default = "none"];
  float infinite = 5 [features = { field_presence: EXPLICIT }, default = -inf];
  repeated int32 packed = 6;
  repeated int32 expanded = 7 [features.repeated_field_encoding = EXPANDED];
  Inner plain = 8;
  Inner delimited = 9 [features.message_encoding = DELIMITED];
  Open open = 10;
  Closed closed = 11;
  map<string, Inner> by_name = 12 [features.message_encoding = DELIMITED];
  oneof choice {
    int32 number = 13;
    Inner inner = 14;
  }
  message Inner {
    option features.field_presence = EXPLICIT;
    string name = 1;
  }
  extensions 100;
  extensions 200 [verification = UNVERIFIED];
}

enum Open { OPEN_ZERO = 0; OPEN_ONE = 1; }
enum Closed { option features.enum_type = CLOSED; CLOSED_FIVE = 5; CLOSED_SIX = 6; }
"#;

fn field<'a>(schema: &'a Schema, message: &str, name: &str) -> &'a Field {
    let found = schema.messages.iter().find(|found| found.full_name == message).unwrap();
    let mut fields = found.members.iter().flat_map(|member| match member {
        Member::Field(field) => std::slice::from_ref(field),
        Member::Oneof(oneof) => &oneof.cases,
    });
    fields.find(|field| field.proto_name == name).unwrap()
}

#[test]
fn features_say_what_syntax_says_elsewhere() {
    let schema = schema(&source(MIXED).unwrap());
    let cardinality = |name| field(&schema, "mixed.M", name).cardinality;
    assert_eq!(cardinality("implicit"), Cardinality::Implicit);
    assert_eq!(cardinality("explicit"), Cardinality::Optional);
    assert_eq!(cardinality("required"), Cardinality::Required);
    assert_eq!(cardinality("preset"), Cardinality::Optional);
    assert_eq!(cardinality("packed"), Cardinality::Repeated { packed: true });
    assert_eq!(cardinality("expanded"), Cardinality::Repeated { packed: false });
    assert_eq!(cardinality("plain"), Cardinality::Optional);
    assert_eq!(cardinality("open"), Cardinality::Implicit);
    assert_eq!(field(&schema, "mixed.M.Inner", "name").cardinality, Cardinality::Optional);
    let is_group = |name| matches!(field(&schema, "mixed.M", name).kind, Kind::Message { group: true, .. });
    assert!(is_group("delimited") && !is_group("plain") && !is_group("by_name") && !is_group("inner"));
    let is_open =
        |name: &str| schema.enums.iter().find(|found| found.full_name == name).unwrap().unrecognized.is_some();
    assert!(is_open("mixed.Open") && !is_open("mixed.Closed"));
    assert_eq!(schema.messages[0].docs, "Of all kinds.");
    let (resolve, world) = parse(&everything(&schema));
    component(&resolve, world).unwrap();
}

/// What is written in a file for other tools is a file of proto2 or proto3 that is valid.
#[test]
fn descriptors_of_editions_become_those_of_proto2_or_proto3() {
    let decoded = |compiled: &Compiled| FileDescriptorSet::decode(compiled.descriptors.as_slice()).unwrap();
    let mixed = source(MIXED).unwrap();
    let set = decoded(&mixed);
    let message = &set.file.iter().find(|file| file.package() == "mixed").unwrap().message_type[0];
    assert_eq!(message.field[3].default_value(), "none");
    assert_eq!(message.field[4].default_value(), "-inf");
    assert_eq!(message.reserved_name, ["old", "older"]);
    assert_eq!(mixed.pool.get_message_by_name("mixed.M").unwrap().parent_file().syntax(), Syntax::Proto2);

    let modern = source(
        "edition = \"2024\"; message M { int32 a = 1; int32 b = 2 [features.field_presence = IMPLICIT]; M m = 3;
         export message N {} local enum E { ZERO = 0; } oneof o { int32 c = 4; } } service S { rpc Get(M) returns (M); }",
    );
    let modern = modern.unwrap();
    let message = modern.pool.get_message_by_name("M").unwrap();
    assert_eq!(message.parent_file().syntax(), Syntax::Proto3);
    let oneofs: Vec<_> = message.oneofs().map(|oneof| (oneof.name().to_owned(), oneof.is_synthetic())).collect();
    assert_eq!(oneofs, [("o".to_owned(), false), ("_a".to_owned(), true)]);
    let presence: Vec<_> = message.fields().map(|field| field.supports_presence()).collect();
    assert_eq!(presence, [true, false, true, true]);
}

/// As protoc writes them: `edition` is field 14 of the file, `features` are in the options.
#[test]
fn descriptors_that_protoc_made_of_an_edition_are_read() {
    let mut set = FileDescriptorSet::decode(
        source(
            "syntax = \"proto3\"; message M { int32 a = 1; E e = 2; M m = 3; } enum E { ZERO = 0; }
                service S { rpc Get(M) returns (M); }",
        )
        .unwrap()
        .descriptors
        .as_slice(),
    )
    .unwrap();
    set.file[0].syntax = Some("editions".to_owned());
    let with_edition = |edition: u32, options: &[u8]| {
        let mut file = set.file[0].encode_to_vec();
        prost::encoding::uint32::encode(14, &edition, &mut file);
        // FileOptions with features, number 50, and a custom option.
        prost::encoding::bytes::encode(8, &options.to_vec(), &mut file);
        let mut whole = Vec::new();
        prost::encoding::bytes::encode(1, &file, &mut whole);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.binpb");
        fs::write(&path, whole).unwrap();
        read_descriptors(&path)
    };
    // field_presence = LEGACY_REQUIRED, enum_type = CLOSED, message_encoding = DELIMITED; (1000) = 7.
    let compiled = with_edition(1000, b"\x92\x03\x06\x08\x03\x10\x02\x28\x02\xc0\x3e\x07").unwrap();
    let legacy = Schema::new(&compiled.pool, &["S"]).unwrap();
    assert_eq!(field(&legacy, "M", "a").cardinality, Cardinality::Required);
    assert!(legacy.enums[0].unrecognized.is_none());
    assert!(matches!(field(&legacy, "M", "m").kind, Kind::Encoded { group: true, .. }));
    assert!(compiled.descriptors.windows(3).any(|bytes| bytes == b"\xc0\x3e\x07"), "custom options are kept");
    assert!(!compiled.descriptors.windows(4).any(|bytes| bytes == b"\x08\x03\x10\x02"), "features are taken out");
    let plain = with_edition(1001, b"").unwrap();
    let plain = Schema::new(&plain.pool, &["S"]).unwrap();
    assert_eq!(field(&plain, "M", "a").cardinality, Cardinality::Optional);
    assert!(plain.enums[0].unrecognized.is_some());
    let error = with_edition(9999, b"").unwrap_err();
    insta::assert_snapshot!(error, @"`test.proto` is written in edition 9999, and 2023 and 2024 are supported");
}

#[test]
fn another_edition_is_refused_with_file_and_line() {
    let error = source("// A comment.\n/* Another;\n one. */\n\nedition = \"2026\";\nmessage M {}\n").unwrap_err();
    let CompileError::Edition { file, line, span, .. } = &error else { panic!("{error}") };
    assert_eq!((file.as_str(), *line, span.len()), ("test.proto", 5, 17));
    insta::assert_snapshot!(error, @"test.proto:5: protobuf edition 2026 is not supported");
}

#[test]
fn an_imported_file_of_another_edition_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("old.proto"), "syntax = \"proto3\";\nimport \"new.proto\";\n").unwrap();
    fs::write(folder.path().join("new.proto"), "edition = \"2026\";\n").unwrap();
    let error = compile(&[folder.path().to_owned()], &[folder.path().join("old.proto")]).unwrap_err();
    assert!(matches!(&error, CompileError::Edition { file, line: 1, .. } if file == "new.proto"), "{error}");
}

#[test]
fn a_mistake_that_only_resembles_an_edition_is_told_as_it_is() {
    for text in [
        "editions = \"2023\";",
        "/* edition = \"2023\";",
        "edition",
        "syntax = \"proto3\"; edition = \"2023\";",
        "edition = '",
    ] {
        let error = source(text).unwrap_err();
        assert!(matches!(error, CompileError::Proto(_)), "{text}: {error}");
    }
}

#[test]
fn a_mistake_in_a_file_of_an_edition_is_told_with_its_line() {
    let error = source("edition = \"2023\";\n\nmessage M {\n  strin name;\n}\n").unwrap_err();
    assert!(format!("{:?}", miette::Report::new(error)).contains("test.proto:4"));
    let error = source("edition = \"2023\";\n\nmessage M {\n  Missing name = 1;\n}\n").unwrap_err();
    assert!(error.to_string().contains("Missing"), "{error}");
}

#[test]
fn declarations_of_extensions_are_read() {
    let text = "syntax = \"proto2\"; message M { extensions 4; extensions 7 [declaration = { number: 7 full_name: \".a.b\" type: \".M\" }];
                extensions 100 to 200, 300 [verification = DECLARATION]; optional int32 a = 1; }
                extend M { optional int32 x = 300; } service S { rpc Get(M) returns (M); }";
    let compiled = source(text).unwrap();
    let ranges: Vec<_> = compiled.pool.get_message_by_name("M").unwrap().extension_ranges().collect();
    assert_eq!(ranges, [4..5, 7..8, 100..201, 300..301]);
    schema(&compiled);
}
