//! The bindings that wit-bindgen generates for a project's WIT, and the component that is made with them.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context as _;
use okra_codegen::go::raw;
use okra_codegen::schema::{Member, Schema};
use wit_bindgen_core::Files;
use wit_bindgen_go::{Format, Opts};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::{InterfaceId, Resolve, TypeDefKind, TypeId, WorldId};

use crate::language::ComponentStart;
use crate::language::go::adapter;
use crate::language::go::start::prepare_start;
use crate::language::go::wide_exports::{add_wrappers, narrow_exports};

/// The bindings of a project's world.
pub(super) struct GoBindings {
    resolve: Resolve,
    world: WorldId,
}

impl GoBindings {
    /// Reads the WIT in a folder.
    ///
    /// # Errors
    /// If it is not valid, or has no world of this name.
    pub(super) fn read(folder: &Path, name: &str) -> anyhow::Result<Self> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(folder)?;
        let world = resolve.select_world(&[package], Some(name))?;
        Ok(Self { resolve, world })
    }

    /// Returns the files of the bindings, as packages below an import path.
    ///
    /// # Errors
    /// If the WIT is not that of `schema`.
    pub(super) fn generate_packages(
        &self,
        schema: &Schema,
        import_path: &str,
    ) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        let mut resolve = self.resolve.clone();
        rename_types(&mut resolve, schema)?;
        let options = Opts {
            format: Format::False,
            pkg_name: Some(import_path.to_owned()),
            include_versions: true,
            ..Opts::default()
        };
        let mut files = Files::default();
        options.build().generate(&mut resolve, self.world, &mut files)?;
        let sources = files.iter().filter(|(path, _)| path.ends_with(".go"));
        Ok(sources.map(|(path, text)| (path.to_owned(), use_sdk_runtime(text))).collect())
    }

    /// Returns the component of the module that Go has built, and what is to be known of its start.
    ///
    /// # Errors
    /// If the module does not have the imports and exports of the bindings.
    pub(super) fn make_component(&self, module: Vec<u8>) -> anyhow::Result<(Vec<u8>, ComponentStart)> {
        let (mut module, start) = prepare_start(add_wrappers(module)?)?;
        wit_component::embed_component_metadata(&mut module, &self.resolve, self.world, StringEncoding::UTF8)?;
        let mut encoder = ComponentEncoder::default();
        encoder.validate(true).module(&module)?.adapter(adapter::IMPORT_NAME, &adapter::compile_module()?)?;
        Ok((encoder.encode()?, start))
    }
}

/// Replaces the generator's runtime by the SDK's copy of it, which has another path and a pinner of its own, and gives
/// exported functions parameters that Go takes.
fn use_sdk_runtime(text: &[u8]) -> Vec<u8> {
    let mut text = String::from_utf8_lossy(text).replace("go.bytecodealliance.org/pkg/wit/", "okra/wit/");
    text = text.replace("runtime.Pinner", "witRuntime.Pinner");
    // Go refuses an import that is not used, so `runtime` is removed unless something else needs it.
    if !text.contains("runtime.AddCleanup") {
        text = text
            .lines()
            .filter(|line| line.trim() != "\"runtime\"")
            .fold(String::new(), |text, line| text + line + "\n");
    }
    narrow_exports(&text).into_bytes()
}

/// Gives the types of the schema's packages the names of [`raw`]. Functions and resources keep their names, because they are
/// part of the component's interface.
fn rename_types(resolve: &mut Resolve, schema: &Schema) -> anyhow::Result<()> {
    let mut names: HashMap<TypeId, String> = HashMap::new();
    for (index, definition) in schema.enums.iter().enumerate().filter(|(_, definition)| definition.in_wit) {
        names.insert(find_type(resolve, schema, definition.package, &definition.wit_name)?, raw::enumeration(index));
    }
    for (index, message) in schema.messages.iter().enumerate().filter(|(_, message)| message.in_wit) {
        names.insert(find_type(resolve, schema, message.package, &message.wit_name)?, raw::message(index));
        for (at, member) in message.members.iter().enumerate() {
            if let Member::Oneof(oneof) = member {
                names.insert(find_type(resolve, schema, message.package, &oneof.type_name)?, raw::oneof(index, at));
            }
        }
    }
    let interfaces: Vec<InterfaceId> = resolve
        .packages
        .iter()
        .filter(|(_, package)| {
            schema.packages.iter().any(|ours| {
                ours.namespace == package.name.namespace
                    && ours.name == package.name.name
                    && package.name.version.as_ref().is_some_and(|version| version.to_string() == ours.version)
            })
        })
        .flat_map(|(_, package)| package.interfaces.values().copied())
        .collect();
    let Resolve { interfaces: all, types: defined, .. } = resolve;
    for id in interfaces {
        let Some(interface) = all.get_mut(id) else { continue };
        let types = std::mem::take(&mut interface.types);
        for (name, id) in types {
            let Some(ty) = defined.get_mut(id) else { continue };
            let name = match (&mut ty.kind, names.get(&id)) {
                (TypeDefKind::Resource, _) => name,
                (kind, Some(ours)) => {
                    rename_members(kind);
                    ours.clone()
                }
                (_, None) => raw::used(id.index()),
            };
            ty.name = Some(name.clone());
            interface.types.insert(name, id);
        }
    }
    Ok(())
}

fn rename_members(kind: &mut TypeDefKind) {
    match kind {
        TypeDefKind::Record(record) => {
            record.fields.iter_mut().enumerate().for_each(|(index, field)| field.name = raw::member(index));
        }
        TypeDefKind::Variant(variant) => {
            variant.cases.iter_mut().enumerate().for_each(|(index, case)| case.name = raw::case(index));
        }
        TypeDefKind::Enum(definition) => {
            definition.cases.iter_mut().enumerate().for_each(|(index, case)| case.name = raw::case(index));
        }
        _ => {}
    }
}

/// Returns the type that was generated for a message, an enum or a oneof of a protobuf package.
fn find_type(resolve: &Resolve, schema: &Schema, package: usize, name: &str) -> anyhow::Result<TypeId> {
    let package = schema.packages.get(package).context("a package is not in the schema")?;
    let interface = package.interface(&package.types_interface);
    let mut interfaces = resolve.interfaces.iter();
    let found = interfaces.find(|(id, _)| resolve.id_of(*id).as_ref() == Some(&interface));
    let types = found.map(|(_, found)| &found.types).with_context(|| format!("there is no interface `{interface}`"))?;
    types.get(name).copied().with_context(|| format!("interface `{interface}` has no type `{name}`"))
}
