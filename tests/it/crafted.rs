//! Packages that no toolchain would make: descriptors of one `.proto`, and a component whose types or whose code are
//! another matter.

use std::collections::BTreeMap;
use std::path::Path;

use okra::config::{Language, Name, Run, ServiceName};
use okra::package::{Manifest, Package};
use okra_codegen::compile::{Compiled, compile};
use okra_codegen::contract::VERSION;
use okra_codegen::schema::Schema;
use okra_codegen::wit::{World, generate};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve, WorldId};

/// A package that says it serves and calls what is named here.
pub(crate) struct Crafted<'a> {
    /// The text of its `.proto` file.
    pub(crate) proto: &'a str,
    pub(crate) serves: &'a [&'a str],
    pub(crate) calls: &'a [&'a str],
    pub(crate) run: Run,
    /// The version of `okra:service` that the component is built for, and its files; the current one if there is none.
    pub(crate) contract: Option<(&'a str, &'a BTreeMap<String, String>)>,
}

/// The code of a component.
pub(crate) enum Core<'a> {
    /// Traps whatever is called.
    Dummy,
    /// A core module as WebAssembly text.
    Text(&'a str),
}

impl<'a> Crafted<'a> {
    pub(crate) fn serving(proto: &'a str, serves: &'a [&'a str]) -> Self {
        Self { proto, serves, calls: &[], run: Run::default(), contract: None }
    }

    /// The package with a component of its own.
    pub(crate) fn package(&self, core: Core<'_>) -> Package {
        self.with(self, core)
    }

    /// The package with the component of another.
    pub(crate) fn with(&self, other: &Crafted<'_>, core: Core<'_>) -> Package {
        let package = Package::write(&other.component(core), &self.compiled().descriptors, &self.manifest());
        Package::read(package.expect("a component")).expect("a package")
    }

    fn manifest(&self) -> Manifest {
        let names = |names: &[&str]| names.iter().map(|name| ServiceName::new(*name).unwrap()).collect();
        Manifest {
            format: Manifest::FORMAT,
            name: Name::new("crafted").unwrap(),
            version: "0.1.0".to_owned(),
            serves: names(self.serves),
            calls: names(self.calls),
            raw: Vec::new(),
            imports: Default::default(),
            allowed_callers: Default::default(),
            run: self.run.clone(),
            language: Language::Component,
            okra: "0.1.0".to_owned(),
        }
    }

    fn compiled(&self) -> Compiled {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("crafted.proto"), self.proto).unwrap();
        compile(&[folder.path().to_owned()], &[]).expect("the .proto compiles")
    }

    fn component(&self, core: Core<'_>) -> Vec<u8> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let services = [self.serves, self.calls].concat();
        let schema = Schema::new(&self.compiled().pool, &services).expect("the services are mapped");
        let world =
            World { name: "crafted".into(), exports: owned(self.serves), imports: owned(self.calls), raw: false };
        let folder = tempfile::tempdir().unwrap();
        for file in generate(&schema, &world) {
            let path = folder.path().join(&file.path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let name = file.path.file_name().unwrap_or_default().to_string_lossy();
            let text = match self.contract {
                Some((_, files)) if file.path.starts_with("deps/okra-service") => files[&*name].clone(),
                Some((version, _)) => with_contract(&file.text, version),
                None => file.text,
            };
            std::fs::write(path, text).unwrap();
        }
        let (resolve, world) = parse(folder.path());
        let mut module = match core {
            Core::Dummy => dummy_module(&resolve, world, ManglingAndAbi::Standard32),
            Core::Text(text) => wat::parse_str(text).expect("WebAssembly text"),
        };
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("metadata");
        let mut encoder = ComponentEncoder::default();
        encoder.module(&module).expect("a module of the world").encode().expect("a component")
    }
}

/// Generated WIT that uses another version of `okra:service`.
fn with_contract(text: &str, version: &str) -> String {
    let renamed = |line: &str| match line.contains("okra:service/") {
        true => line.replace(&format!("@{VERSION}"), &format!("@{version}")),
        false => line.to_owned(),
    };
    text.lines().map(renamed).collect::<Vec<_>>().join("\n")
}

fn parse(folder: &Path) -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(folder).expect("generated WIT");
    let world = resolve.select_world(&[package], None).expect("one world");
    (resolve, world)
}
