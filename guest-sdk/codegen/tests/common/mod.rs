//! What the tests of this crate share: compiling, mapping, and what becomes of the WIT.

#![allow(dead_code, reason = "each of the test binaries uses a part")]

use std::fs;
use std::path::{Path, PathBuf};

use okra_codegen::compile::{CompileError, Compiled, compile};
use okra_codegen::schema::Schema;
use okra_codegen::wit::{GeneratedFile, World, generate};
use prost_reflect::DescriptorPool;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, WorldId};

pub(crate) fn corpus(files: &[&str]) -> Compiled {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let files: Vec<PathBuf> = files.iter().map(|file| root.join(file)).collect();
    compile(&[root], &files).unwrap()
}

/// Compiles one file that is written here.
pub(crate) fn source(text: &str) -> Result<Compiled, CompileError> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("test.proto"), text).unwrap();
    compile(&[folder.path().to_owned()], &[])
}

/// Compiles files that are written here, in proto3, each with its name.
pub(crate) fn sources(files: &[(&str, &str)]) -> Compiled {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), format!("syntax = \"proto3\"; {text}")).unwrap();
    }
    compile(&[folder.path().to_owned()], &[]).unwrap()
}

pub(crate) fn services(pool: &DescriptorPool) -> Vec<String> {
    pool.services().map(|service| service.full_name().to_owned()).collect()
}

pub(crate) fn schema(compiled: &Compiled) -> Schema {
    Schema::new(&compiled.pool, &services(&compiled.pool)).unwrap()
}

/// Everything exported, and imported as well.
pub(crate) fn everything(schema: &Schema) -> Vec<GeneratedFile> {
    let all: Vec<String> = schema.services.iter().map(|service| service.full_name.clone()).collect();
    generate(schema, &World { name: "corpus".to_owned(), exports: all.clone(), imports: all, raw: true })
}

pub(crate) fn parse(files: &[GeneratedFile]) -> (Resolve, WorldId) {
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
pub(crate) fn text(files: &[GeneratedFile]) -> String {
    let own = files.iter().filter(|file| !file.path.starts_with("deps/okra-service"));
    own.map(|file| format!("=== {}\n{}", file.path.display(), file.text)).collect::<Vec<_>>().join("\n")
}

/// A component of that world, made of a module whose functions trap. The encoder validates it.
pub(crate) fn component(resolve: &Resolve, world: WorldId) -> Result<Vec<u8>, String> {
    let mut module = dummy_module(resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8)
        .and_then(|()| ComponentEncoder::default().validate(true).module(&module)?.encode())
        .map_err(|error| format!("{error:?}"))
}
