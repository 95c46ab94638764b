//! What a pool declares, in which order, and under which names.

use std::collections::{BTreeMap, HashMap};

use prost_reflect::{DescriptorPool, EnumDescriptor, MessageDescriptor};

use crate::names;

/// Order and names of everything in a pool, whether a chosen service needs it or not: so neither depends on the choice.
pub(super) struct Catalog {
    order: HashMap<String, usize>,
    names: HashMap<String, String>,
    interfaces: HashMap<String, Interfaces>,
}

/// Names of a package's interfaces that do not stand for a service.
#[derive(Clone)]
pub(super) struct Interfaces {
    pub(super) types: String,
    pub(super) codec: String,
}

/// What a package declares, by full name, in declaration order.
#[derive(Default)]
struct Declared {
    types: Vec<String>,
    oneofs: Vec<String>,
    services: Vec<String>,
}

impl Catalog {
    pub(super) fn new(pool: &DescriptorPool) -> Self {
        let mut files: Vec<_> = pool.files().collect();
        files.sort_by(|a, b| a.name().cmp(b.name()));
        let mut packages: BTreeMap<String, Declared> = BTreeMap::new();
        let mut catalog = Self { order: HashMap::new(), names: HashMap::new(), interfaces: HashMap::new() };
        for file in &files {
            let declared = packages.entry(file.package_name().to_owned()).or_default();
            for message in file.messages() {
                catalog.message(declared, &message);
            }
            for enumeration in file.enums() {
                catalog.enumeration(declared, &enumeration);
            }
            declared.services.extend(file.services().map(|service| service.full_name().to_owned()));
        }
        for (package, declared) in packages {
            catalog.name(&package, declared);
        }
        catalog
    }

    fn message(&mut self, declared: &mut Declared, message: &MessageDescriptor) {
        if message.is_map_entry() {
            return;
        }
        self.declare(declared, message.full_name());
        let oneofs = message.oneofs().filter(|oneof| !oneof.is_synthetic());
        declared.oneofs.extend(oneofs.map(|oneof| oneof.full_name().to_owned()));
        for message in message.child_messages() {
            self.message(declared, &message);
        }
        for enumeration in message.child_enums() {
            self.enumeration(declared, &enumeration);
        }
    }

    fn enumeration(&mut self, declared: &mut Declared, enumeration: &EnumDescriptor) {
        self.declare(declared, enumeration.full_name());
    }

    fn declare(&mut self, declared: &mut Declared, full_name: &str) {
        self.order.insert(full_name.to_owned(), self.order.len());
        declared.types.push(full_name.to_owned());
    }

    fn name(&mut self, package: &str, declared: Declared) {
        let kebab = |full_name: &String| {
            let name = full_name.strip_prefix(package).unwrap_or(full_name);
            names::kebab(name.trim_start_matches('.'))
        };
        // Oneofs have no name of their own in protobuf, so they give way to what has.
        let types: Vec<String> = declared.types.into_iter().chain(declared.oneofs).collect();
        let made = names::unique(types.iter().map(kebab));
        self.names.extend(types.into_iter().zip(made));

        let services = declared.services;
        let fixed = ["types".to_owned(), "codec".to_owned()];
        let mut made = names::unique(services.iter().map(kebab).chain(fixed)).into_iter();
        self.names.extend(services.into_iter().zip(made.by_ref()));
        if let (Some(types), Some(codec)) = (made.next(), made.next()) {
            self.interfaces.insert(package.to_owned(), Interfaces { types, codec });
        }
    }

    /// Position of a message or enum among all.
    pub(super) fn order(&self, full_name: &str) -> usize {
        self.order.get(full_name).copied().unwrap_or(usize::MAX)
    }

    /// WIT name of a message, an enum, a service or a oneof's variant.
    pub(super) fn wit_name(&self, full_name: &str) -> String {
        self.names.get(full_name).cloned().unwrap_or_default()
    }

    /// Names of the interfaces of a package.
    pub(super) fn interfaces(&self, package: &str) -> Interfaces {
        let usual = || Interfaces { types: "types".to_owned(), codec: "codec".to_owned() };
        self.interfaces.get(package).cloned().unwrap_or_else(usual)
    }
}
