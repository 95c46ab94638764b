//! The project that the macros are used in: its okra.toml and its generated WIT.

use std::env;
use std::path::PathBuf;

use wit_bindgen_core::wit_parser::{
    Interface, InterfaceId, PackageName, Resolve, TypeDefKind, TypeId, WorldId, WorldItem,
};

/// Version of package `okra:service` whose bindings `okra-guest` has.
const SERVICE_VERSION: &str = "0.2.0";

/// The WIT of the project that is being compiled.
pub(crate) struct Project {
    pub(crate) resolve: Resolve,
    pub(crate) world: WorldId,
    /// What was read.
    pub(crate) files: Vec<PathBuf>,
}

impl Project {
    /// Reads folder `wit/` beside the `Cargo.toml`.
    pub(crate) fn load() -> Result<Self, String> {
        let folder = wit_folder();
        if !folder.is_dir() {
            return Err(format!("there is no folder {}: run `okra generate` in the project first", folder.display()));
        }
        let mut resolve = Resolve::default();
        let (package, sources) = resolve.push_path(&folder).map_err(|error| format!("{error:#}"))?;
        let world = resolve.select_world(&[package], None).map_err(|error| format!("{error:#}"))?;
        let files: Vec<PathBuf> = sources.paths().map(PathBuf::from).collect();
        let project = Self { resolve, world, files };
        project.check_version()?;
        Ok(project)
    }

    /// The path of the generated Rust beside the WIT.
    pub(crate) fn messages_path(&self) -> Result<String, String> {
        let path = wit_folder().join("messages.rs");
        match path.is_file() {
            true => Ok(path.display().to_string()),
            false => Err(format!("there is no {}: run `okra generate` in the project first", path.display())),
        }
    }

    /// The interfaces that the world imports, and those that it exports.
    pub(crate) fn imports(&self) -> impl Iterator<Item = InterfaceId> {
        interfaces(self.resolve.worlds[self.world].imports.values())
    }

    pub(crate) fn exports(&self) -> impl Iterator<Item = InterfaceId> {
        interfaces(self.resolve.worlds[self.world].exports.values())
    }

    pub(crate) fn interface(&self, id: InterfaceId) -> &Interface {
        &self.resolve.interfaces[id]
    }

    /// Whether a type is a resource that its interface defines.
    pub(crate) fn is_resource(&self, id: TypeId) -> bool {
        matches!(self.resolve.types[id].kind, TypeDefKind::Resource)
    }

    /// The package that an interface is in; every interface of a generated world has one.
    pub(crate) fn package(&self, id: InterfaceId) -> Option<&PackageName> {
        self.interface(id).package.map(|package| &self.resolve.packages[package].name)
    }

    /// Whether the host itself speaks it.
    pub(crate) fn is_hosts(&self, id: InterfaceId) -> bool {
        self.package(id).is_some_and(|package| package.namespace == "okra" && package.name == "service")
    }

    fn check_version(&self) -> Result<(), String> {
        let hosts = self.imports().chain(self.exports()).filter(|id| self.is_hosts(*id));
        let versions = hosts.filter_map(|id| self.package(id)?.version.as_ref());
        match versions.map(ToString::to_string).find(|version| version != SERVICE_VERSION) {
            Some(version) => Err(format!(
                "wit/ is made for okra:service@{version} and this okra-guest for okra:service@{SERVICE_VERSION}: \
                 run `okra generate` again"
            )),
            None => Ok(()),
        }
    }
}

fn wit_folder() -> PathBuf {
    env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default().join("wit")
}

fn interfaces<'a>(items: impl Iterator<Item = &'a WorldItem>) -> impl Iterator<Item = InterfaceId> {
    items.filter_map(|item| match item {
        WorldItem::Interface { id, .. } => Some(*id),
        WorldItem::Function(_) | WorldItem::Type { .. } => None,
    })
}
