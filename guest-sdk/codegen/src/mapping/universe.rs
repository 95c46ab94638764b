//! All messages and enums of a pool, and how the messages hang together.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use prost_reflect::{
    DescriptorPool, EnumDescriptor, FileDescriptor, Kind as ProtoKind, MessageDescriptor, ServiceDescriptor,
};

use super::circles::PackageCircles;
use super::components::components;
use super::descriptors::{EMPTY, fields, special, target, value};
use super::sizes::TypeSize;
use super::{SchemaError, valid};
use crate::type_pattern::{find_similar, is_match};

/// All messages and enums of a pool in their fixed order, which the names of types and the cuts in cycles follow: file by
/// file, in the order of the files' names; messages before those that are declared in them.
pub(super) struct Universe {
    pub(super) packages: BTreeMap<String, Types>,
    pub(super) messages: Vec<MessageDescriptor>,
    pub(super) enums: Vec<EnumDescriptor>,
    index: HashMap<String, usize>,
    /// Strongly connected component of each message.
    component: Vec<usize>,
    /// Packages that use each other.
    circles: PackageCircles,
    /// Size of the record of each message.
    sizes: Vec<TypeSize>,
}

/// Indices of the messages and enums of a package.
#[derive(Default)]
pub(super) struct Types {
    pub(super) messages: Vec<usize>,
    pub(super) enums: Vec<usize>,
}

/// Messages and enums by full name.
#[derive(Clone, Default)]
pub(super) struct Reachable {
    pub(super) messages: HashSet<String>,
    pub(super) enums: HashSet<String>,
}

impl Universe {
    pub(super) fn new(pool: &DescriptorPool) -> Self {
        let mut files: Vec<FileDescriptor> = pool.files().collect();
        files.sort_by(|a, b| a.name().cmp(b.name()));
        let mut messages = Vec::new();
        let mut enums = Vec::new();
        for file in files {
            enums.extend(file.enums());
            let mut open: Vec<_> = file.messages().collect();
            open.reverse();
            while let Some(message) = open.pop() {
                enums.extend(message.child_enums());
                let children = open.len();
                open.extend(message.child_messages());
                if let Some(children) = open.get_mut(children..) {
                    children.reverse();
                }
                if !message.is_map_entry() {
                    messages.push(message);
                }
            }
        }
        let mut packages: BTreeMap<String, Types> = BTreeMap::new();
        for (index, message) in messages.iter().enumerate() {
            packages.entry(message.package_name().to_owned()).or_default().messages.push(index);
        }
        for (index, definition) in enums.iter().enumerate() {
            packages.entry(definition.package_name().to_owned()).or_default().enums.push(index);
        }
        let index = messages.iter().enumerate().map(|(index, message)| (message.full_name().to_owned(), index));
        let index = index.collect();
        let (component, circles, sizes) = Default::default();
        let mut universe = Self { packages, messages, enums, index, component, circles, sizes };
        let edges: Vec<_> = (0..universe.messages.len()).map(|message| universe.targets_of(message)).collect();
        universe.component = components(&edges);
        universe.circles = universe.circles(pool);
        universe.sizes = universe.sizes();
        universe
    }

    fn targets(&self, message: &MessageDescriptor) -> Vec<usize> {
        fields(message).iter().filter_map(target).filter_map(|message| self.index_of(&message)).collect()
    }

    /// How packages use each other.
    fn circles(&self, pool: &DescriptorPool) -> PackageCircles {
        let (mut by_fields, mut firm) = (BTreeSet::new(), BTreeSet::new());
        let uses = |from: &str, to: &str| (from != to).then(|| (from.to_owned(), to.to_owned()));
        for message in &self.messages {
            let from = message.package_name();
            for field in fields(message) {
                by_fields.extend(target(&field).and_then(|target| uses(from, target.package_name())));
                if let ProtoKind::Enum(definition) = value(&field).kind() {
                    firm.extend(uses(from, definition.package_name()));
                }
            }
        }
        for service in pool.services() {
            let payloads = service.methods().flat_map(|method| [method.input(), method.output()]);
            let payloads = payloads.filter(|message| special(message).is_none());
            firm.extend(payloads.filter_map(|message| uses(service.package_name(), message.package_name())));
        }
        PackageCircles::new(&by_fields, &firm)
    }

    /// The sizes of all records, each measured after those that lie in it.
    fn sizes(&self) -> Vec<TypeSize> {
        let held: Vec<Vec<usize>> = (0..self.messages.len())
            .map(|from| self.targets_of(from).into_iter().filter(|to| !self.closes_cycle(from, *to)).collect())
            .collect();
        let mut sizes = vec![None; held.len()];
        for start in 0..held.len() {
            let mut open = vec![start];
            while let Some(&at) = open.last() {
                let unmeasured = |id: &&usize| sizes.get(**id).is_some_and(Option::is_none);
                let before = open.len();
                open.extend(held.get(at).into_iter().flatten().filter(unmeasured));
                if open.len() > before {
                    continue;
                }
                open.pop();
                if let (Some(None), Some(message)) = (sizes.get(at), self.messages.get(at)) {
                    let size = TypeSize::of_message(message, |target| {
                        let to = self.index_of(target).filter(|to| !self.closes_cycle(at, *to))?;
                        sizes.get(to).copied().flatten()
                    });
                    if let Some(slot) = sizes.get_mut(at) {
                        *slot = Some(size);
                    }
                }
            }
        }
        sizes.into_iter().map(Option::unwrap_or_default).collect()
    }

    fn index_of(&self, message: &MessageDescriptor) -> Option<usize> {
        self.index.get(message.full_name()).copied()
    }

    fn targets_of(&self, message: usize) -> Vec<usize> {
        self.messages.get(message).map(|message| self.targets(message)).unwrap_or_default()
    }

    /// Whether a field of `from` would close a cycle of records, or of packages, by holding `to`.
    fn closes_cycle(&self, from: usize, to: usize) -> bool {
        let package =
            |message: usize| self.messages.get(message).map(MessageDescriptor::package_name).unwrap_or_default();
        (to <= from && self.component.get(from) == self.component.get(to))
            || self.circles.are_closed_by(package(from), package(to))
    }

    /// Whether a field of `from` holds `to` encoded.
    fn cuts(&self, from: usize, to: usize) -> bool {
        self.closes_cycle(from, to) || self.sizes.get(to).is_some_and(|size| size.is_too_large_to_hold())
    }

    /// Whether a field of `from` holds `to` encoded: it would close a cycle of records otherwise, or be too large.
    pub(super) fn encodes(&self, from: &MessageDescriptor, to: &MessageDescriptor) -> bool {
        self.index_of(from).zip(self.index_of(to)).is_some_and(|(from, to)| self.cuts(from, to))
    }

    /// The messages that methods of the services lead to by records, and the enums in them: what WIT has.
    ///
    /// # Errors
    /// When one of them is not valid.
    pub(super) fn records(&self, services: &[ServiceDescriptor]) -> Result<Reachable, SchemaError> {
        let mut records = Reachable::default();
        records.extend(payloads(services), |from, to| !self.encodes(from, to))?;
        Ok(records)
    }

    /// The messages that methods of the services lead to, the types that patterns mean, and what is in them.
    ///
    /// # Errors
    /// When a pattern means no type, or one of the types is not valid.
    pub(super) fn mapped<S: AsRef<str>>(
        &self,
        services: &[ServiceDescriptor],
        patterns: &[S],
    ) -> Result<Reachable, SchemaError> {
        let mut mapped = Reachable::default();
        mapped.extend(payloads(services), |_, _| true)?;
        for pattern in patterns.iter().map(AsRef::as_ref) {
            let is_message = |found: &&MessageDescriptor| is_match(pattern, found.package_name(), found.full_name());
            let is_enum = |found: &&EnumDescriptor| is_match(pattern, found.package_name(), found.full_name());
            let messages: Vec<_> = self.messages.iter().filter(is_message).cloned().collect();
            let enums: Vec<_> =
                self.enums.iter().filter(is_enum).map(|definition| definition.full_name().to_owned()).collect();
            if messages.is_empty() && enums.is_empty() {
                let messages = self.messages.iter().map(|found| found.full_name().to_owned());
                let enums = self.enums.iter().map(|found| found.full_name().to_owned());
                let known = find_similar(pattern, messages.chain(enums));
                return Err(SchemaError::UnknownType { pattern: valid::shown(pattern), known });
            }
            mapped.enums.extend(enums);
            mapped.extend(messages.into_iter(), |_, _| true)?;
        }
        Ok(mapped)
    }
}

/// The messages that the methods of services take and return, without those for which a function has no parameter or result.
fn payloads(services: &[ServiceDescriptor]) -> impl Iterator<Item = MessageDescriptor> {
    services.iter().flat_map(ServiceDescriptor::methods).flat_map(|method| {
        // A stream goes by its message all the same.
        let input = Some(method.input()).filter(|input| input.full_name() != EMPTY || method.is_client_streaming());
        let output = Some(method.output()).filter(|output| output.full_name() != EMPTY || method.is_server_streaming());
        input.into_iter().chain(output)
    })
}

impl Reachable {
    /// Adds messages and what is in them, except for messages that are not mapped as records. `follows` says whether what a
    /// message holds is added, too.
    fn extend(
        &mut self,
        messages: impl Iterator<Item = MessageDescriptor>,
        follows: impl Fn(&MessageDescriptor, &MessageDescriptor) -> bool,
    ) -> Result<(), SchemaError> {
        let mut open: Vec<_> = messages.filter(|message| special(message).is_none()).collect();
        while let Some(message) = open.pop() {
            if !self.messages.insert(message.full_name().to_owned()) {
                continue;
            }
            for field in fields(&message) {
                valid::field(&field)?;
                if let ProtoKind::Enum(definition) = value(&field).kind() {
                    self.enums.insert(definition.full_name().to_owned());
                }
                open.extend(target(&field).filter(|target| follows(&message, target)));
            }
        }
        Ok(())
    }
}
