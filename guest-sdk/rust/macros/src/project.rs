//! The project that the macros are used in: its okra.toml and its generated WIT.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{env, fs};

use wit_bindgen_core::wit_parser::{
    Interface, InterfaceId, PackageId, PackageName, Resolve, TypeDefKind, TypeId, WorldId, WorldItem,
};

/// Version of package `okra:service` whose bindings `okra-guest` has.
const SERVICE_VERSION: &str = "0.2.0";

/// The WIT of the project that is being compiled.
pub(crate) struct Project {
    pub(crate) resolve: Resolve,
    pub(crate) world: WorldId,
    /// What was read.
    pub(crate) files: Vec<PathBuf>,
    /// protobuf names of the packages, by their WIT names with versions.
    proto_names: BTreeMap<String, String>,
}

impl Project {
    /// Reads folder `wit/` beside the `Cargo.toml`.
    pub(crate) fn load() -> Result<Self, String> {
        let folder = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default().join("wit");
        if !folder.is_dir() {
            return Err(format!("there is no folder {}: run `okra generate` in the project first", folder.display()));
        }
        let mut resolve = Resolve::default();
        let (package, sources) = resolve.push_path(&folder).map_err(|error| format!("{error:#}"))?;
        let world = resolve.select_world(&[package], None).map_err(|error| format!("{error:#}"))?;
        let files: Vec<PathBuf> = sources.paths().map(PathBuf::from).collect();
        let proto_names = files.iter().filter_map(|file| proto_name(&fs::read_to_string(file).ok()?)).collect();
        let project = Self { resolve, world, files, proto_names };
        project.check_version()?;
        Ok(project)
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

    /// The functions of an interface that belong to no resource.
    pub(crate) fn functions(&self, id: InterfaceId) -> impl Iterator<Item = &str> {
        self.interface(id).functions.keys().map(String::as_str).filter(|name| !name.starts_with('['))
    }

    /// Whether a type is a resource that its interface defines.
    pub(crate) fn is_resource(&self, id: TypeId) -> bool {
        matches!(self.resolve.types[id].kind, TypeDefKind::Resource)
    }

    /// The interface that has a service's name: of `billing-client`, by which a service with streams is called, `billing`,
    /// which has the same functions.
    pub(crate) fn service_of(&self, id: InterfaceId) -> InterfaceId {
        let interface = self.interface(id);
        let name = interface.name.as_deref().unwrap_or_default().trim_end_matches(|char: char| char.is_ascii_digit());
        let service = name.strip_suffix("-client").zip(interface.package);
        let service = service.and_then(|(name, package)| self.resolve.packages[package].interfaces.get(name));
        match service {
            Some(service) if self.functions(*service).eq(self.functions(id)) => *service,
            _ => id,
        }
    }

    /// The package that an interface is in; every interface of a generated world has one.
    pub(crate) fn package(&self, id: InterfaceId) -> Option<&PackageName> {
        self.interface(id).package.map(|package| &self.resolve.packages[package].name)
    }

    /// The protobuf name of a package, empty for files without one. Of WIT that OKRA did not generate it is made of the WIT name.
    pub(crate) fn proto_name(&self, id: PackageId) -> String {
        let name = &self.resolve.packages[id].name;
        let found = self.proto_names.get(&name.to_string());
        found.cloned().unwrap_or_else(|| format!("{}.{}", name.namespace, name.name))
    }

    /// Whether an interface has the functions that decode and encode recursive messages. Methods have no parameter `encoded`.
    pub(crate) fn is_codec(&self, id: InterfaceId) -> bool {
        let functions = &self.interface(id).functions;
        functions.values().any(|function| function.params.iter().any(|param| param.name == "encoded"))
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

fn interfaces<'a>(items: impl Iterator<Item = &'a WorldItem>) -> impl Iterator<Item = InterfaceId> {
    items.filter_map(|item| match item {
        WorldItem::Interface { id, .. } => Some(*id),
        WorldItem::Function(_) | WorldItem::Type { .. } => None,
    })
}

/// The WIT name and the protobuf name of the package in a generated file, which are in its first two lines.
fn proto_name(text: &str) -> Option<(String, String)> {
    let mut lines = text.lines();
    let proto = lines.next()?.strip_prefix("// Generated by OKRA from protobuf package `")?.split('`').next()?;
    let wit = lines.next()?.strip_prefix("package ")?.trim_end_matches(';').replace('%', "");
    Some((wit, proto.to_owned()))
}
