//! Every rule of the mapping on a corpus of `.proto` files: what is generated parses as WIT, and is as it was.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};

use okra_codegen::compile::{CompileError, Compiled, compile};
use okra_codegen::mapping::SchemaError;
use okra_codegen::schema::{Cardinality, Kind, Member, Message, Schema};
use okra_codegen::wit::{GeneratedFile, World, generate};
use wit_parser::{Resolve, WorldId};

fn corpus(files: &[&str]) -> Compiled {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let files: Vec<PathBuf> = files.iter().map(|file| root.join(file)).collect();
    compile(&[root], &files).unwrap()
}

/// Compiles one file that is written here.
fn source(text: &str) -> Result<Compiled, CompileError> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("test.proto"), text).unwrap();
    compile(&[folder.path().to_owned()], &[])
}

fn services(compiled: &Compiled) -> Vec<String> {
    compiled.pool.services().map(|service| service.full_name().to_owned()).collect()
}

fn schema(compiled: &Compiled) -> Schema {
    Schema::new(&compiled.pool, &services(compiled)).unwrap()
}

/// Everything exported, and imported as well.
fn everything(schema: &Schema) -> Vec<GeneratedFile> {
    let all: Vec<String> = schema.services.iter().map(|service| service.full_name.clone()).collect();
    generate(schema, &World { name: "corpus".to_owned(), exports: all.clone(), imports: all, raw: true })
}

fn parse(files: &[GeneratedFile]) -> (Resolve, WorldId) {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(&file.path);
        assert!(!path.exists(), "{} is written twice", file.path.display());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &file.text).unwrap();
    }
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(folder.path()).unwrap_or_else(|error| panic!("{error:?}\n{}", text(files)));
    let world = resolve.select_world(&[package], None).unwrap();
    (resolve, world)
}

/// What is generated, without the files that are always the same.
fn text(files: &[GeneratedFile]) -> String {
    let own = files.iter().filter(|file| !file.path.starts_with("deps/okra-service"));
    own.map(|file| format!("=== {}\n{}", file.path.display(), file.text)).collect::<Vec<_>>().join("\n")
}

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
            parse(&files);
            insta::assert_snapshot!(text(&files));
        }
    )+};
}

generated! {
    scalars_maps_oneofs_and_open_enums: "scalars.proto";
    names_that_wit_refuses: "names.proto";
    proto2_groups_and_closed_enums: "proto2.proto";
    recursive_messages: "recursion.proto";
    well_known_types: "wellknown.proto";
    packages_that_import_one_another: "imports/service.proto";
    a_file_without_package: "plain.proto";
}
