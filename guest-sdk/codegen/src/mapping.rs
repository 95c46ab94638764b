//! From descriptors to a [`Schema`]: the rules of the mapping.

mod error;
mod size;

use std::collections::{BTreeMap, HashMap, HashSet};

use prost_reflect::{
    Cardinality as ProtoCardinality, DescriptorPool, EnumDescriptor, FieldDescriptor, FileDescriptor,
    Kind as ProtoKind, MessageDescriptor, ServiceDescriptor, Syntax,
};

use crate::names::{self, Scope, kebab};
use crate::schema::{
    Cardinality, Enum, EnumCase, EnumId, Field, JsonKind, Kind, Member, Message, MessageId, Method, Oneof, Package,
    Scalar, Schema, Service,
};

pub use error::SchemaError;

impl Schema {
    /// Maps services with everything that is reachable from their methods.
    ///
    /// Names are given among all types of a package, so that they do not depend on which services are asked for. A service
    /// that is asked for twice is there once.
    ///
    /// # Errors
    /// When a service is not there or cannot be mapped.
    pub fn new<S: AsRef<str>>(pool: &DescriptorPool, services: &[S]) -> Result<Self, SchemaError> {
        let mut chosen = Vec::new();
        for service in services {
            let name = service.as_ref();
            let found = pool.get_service_by_name(name).ok_or_else(|| SchemaError::UnknownService {
                service: name.to_owned(),
                known: list(pool.services().map(|service| service.full_name().to_owned())),
                nearest: nearest(pool, name),
            })?;
            if chosen.contains(&found) {
                continue;
            }
            for method in found.methods() {
                if method.is_client_streaming() || method.is_server_streaming() {
                    return Err(SchemaError::Streaming { service: name.to_owned(), method: method.name().to_owned() });
                }
            }
            chosen.push(found);
        }
        let universe = Universe::new(pool);
        let reachable = universe.reachable(&chosen);
        let mut builder = Builder::new(&universe, &reachable, &chosen)?;
        builder.fill();
        let schema = Schema {
            services: chosen.iter().map(|service| builder.service(service)).collect(),
            packages: builder.packages,
            messages: builder.messages,
            enums: builder.enums,
        };
        size::check(&schema)?;
        Ok(schema)
    }
}

/// The service whose name is most like this one, if any is like it at all.
fn nearest(pool: &DescriptorPool, name: &str) -> Option<String> {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_lowercase();
    let likeness = |known: &str| strsim::jaro_winkler(known, name).max(strsim::jaro_winkler(&last(known), &last(name)));
    let scored = pool.services().map(|service| (likeness(service.full_name()), service.full_name().to_owned()));
    scored.filter(|(score, _)| *score > 0.8).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, name)| name)
}

fn list(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    names.sort();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Messages that are not mapped as records.
fn special(message: &MessageDescriptor) -> Option<Kind> {
    Some(match message.full_name() {
        "google.protobuf.DoubleValue" => Kind::Wrapper(Scalar::Double),
        "google.protobuf.FloatValue" => Kind::Wrapper(Scalar::Float),
        "google.protobuf.Int64Value" => Kind::Wrapper(Scalar::Int64),
        "google.protobuf.UInt64Value" => Kind::Wrapper(Scalar::Uint64),
        "google.protobuf.Int32Value" => Kind::Wrapper(Scalar::Int32),
        "google.protobuf.UInt32Value" => Kind::Wrapper(Scalar::Uint32),
        "google.protobuf.BoolValue" => Kind::Wrapper(Scalar::Bool),
        "google.protobuf.StringValue" => Kind::Wrapper(Scalar::String),
        "google.protobuf.BytesValue" => Kind::Wrapper(Scalar::Bytes),
        "google.protobuf.FieldMask" => Kind::FieldMask,
        "google.protobuf.Struct" => Kind::Json(JsonKind::Struct),
        "google.protobuf.Value" => Kind::Json(JsonKind::Value),
        "google.protobuf.ListValue" => Kind::Json(JsonKind::ListValue),
        _ => return None,
    })
}

/// The fields of a message in declaration order.
fn fields(message: &MessageDescriptor) -> Vec<FieldDescriptor> {
    let numbers = message.descriptor_proto().field.iter().filter_map(|field| field.number);
    numbers.filter_map(|number| message.get_field(u32::try_from(number).ok()?)).collect()
}

/// The message that a field holds, of a map the message of its values; not a special one.
fn target(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    let ProtoKind::Message(message) = field.kind() else { return None };
    if field.is_map() {
        return target(&message.map_entry_value_field());
    }
    special(&message).is_none().then_some(message)
}

/// All messages and enums of a pool in their fixed order, and how the messages hang together.
struct Universe {
    messages: Vec<MessageDescriptor>,
    enums: Vec<EnumDescriptor>,
    index: HashMap<String, usize>,
    /// Strongly connected component of each message.
    component: Vec<usize>,
}

impl Universe {
    fn new(pool: &DescriptorPool) -> Self {
        let mut files: Vec<FileDescriptor> = pool.files().collect();
        files.sort_by(|a, b| a.name().cmp(b.name()));
        let mut universe =
            Self { messages: Vec::new(), enums: Vec::new(), index: HashMap::new(), component: Vec::new() };
        for file in files {
            universe.enums.extend(file.enums());
            file.messages().for_each(|message| universe.add(message));
        }
        universe.component = universe.components();
        universe
    }

    fn add(&mut self, message: MessageDescriptor) {
        if message.is_map_entry() {
            return;
        }
        self.index.insert(message.full_name().to_owned(), self.messages.len());
        self.messages.push(message.clone());
        self.enums.extend(message.child_enums());
        message.child_messages().for_each(|child| self.add(child));
    }

    fn targets(&self, message: &MessageDescriptor) -> Vec<usize> {
        fields(message)
            .iter()
            .filter_map(target)
            .filter_map(|message| self.index.get(message.full_name()).copied())
            .collect()
    }

    /// Strongly connected components, by Kosaraju's algorithm without recursion.
    fn components(&self) -> Vec<usize> {
        let count = self.messages.len();
        let edges: Vec<Vec<usize>> = self.messages.iter().map(|message| self.targets(message)).collect();
        let mut order = Vec::with_capacity(count);
        let mut seen = vec![false; count];
        for start in 0..count {
            let mut stack = vec![(start, 0)];
            while let Some((node, next)) = stack.pop() {
                if next == 0 {
                    match seen.get_mut(node) {
                        Some(seen) if !*seen => *seen = true,
                        _ => continue,
                    }
                }
                match edges.get(node).and_then(|edges| edges.get(next)) {
                    Some(&target) => {
                        stack.push((node, next + 1));
                        if seen.get(target) == Some(&false) {
                            stack.push((target, 0));
                        }
                    }
                    None => order.push(node),
                }
            }
        }
        let mut reversed = vec![Vec::new(); count];
        for (from, targets) in edges.iter().enumerate() {
            for target in targets {
                if let Some(sources) = reversed.get_mut(*target) {
                    sources.push(from);
                }
            }
        }
        let mut component = vec![usize::MAX; count];
        for (number, &root) in order.iter().rev().enumerate() {
            let mut stack = vec![root];
            while let Some(node) = stack.pop() {
                match component.get_mut(node) {
                    Some(slot) if *slot == usize::MAX => *slot = number,
                    _ => continue,
                }
                stack.extend(reversed.get(node).into_iter().flatten());
            }
        }
        component
    }

    /// Whether a field of `from` would close a cycle of records by holding `to`.
    fn closes_cycle(&self, from: usize, to: usize) -> bool {
        to <= from && self.component.get(from) == self.component.get(to)
    }

    /// The messages that methods of the services lead to, and the enums in them, by full name.
    fn reachable(&self, services: &[ServiceDescriptor]) -> Reachable {
        let mut reachable = Reachable::default();
        let methods = services.iter().flat_map(ServiceDescriptor::methods);
        let mut open: Vec<MessageDescriptor> = methods
            .flat_map(|method| [method.input(), method.output()])
            .filter(|message| message.full_name() != "google.protobuf.Empty" && special(message).is_none())
            .collect();
        while let Some(message) = open.pop() {
            if !reachable.messages.insert(message.full_name().to_owned()) {
                continue;
            }
            for field in fields(&message) {
                let kind = match field.kind() {
                    ProtoKind::Message(entry) if field.is_map() => entry.map_entry_value_field().kind(),
                    kind => kind,
                };
                if let ProtoKind::Enum(definition) = kind {
                    reachable.enums.insert(definition.full_name().to_owned());
                }
                open.extend(target(&field));
            }
        }
        reachable
    }
}

#[derive(Default)]
struct Reachable {
    messages: HashSet<String>,
    enums: HashSet<String>,
}

struct Builder<'a> {
    universe: &'a Universe,
    reachable: &'a Reachable,
    packages: Vec<Package>,
    package_index: HashMap<String, usize>,
    messages: Vec<Message>,
    enums: Vec<Enum>,
    message_ids: HashMap<String, MessageId>,
    enum_ids: HashMap<String, EnumId>,
    /// Type names by full name; those of oneof types by the full name of the oneof.
    type_names: HashMap<String, String>,
    service_names: HashMap<String, String>,
}

impl<'a> Builder<'a> {
    fn new(
        universe: &'a Universe,
        reachable: &'a Reachable,
        services: &[ServiceDescriptor],
    ) -> Result<Self, SchemaError> {
        let mut used: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for message in universe.messages.iter().filter(|message| reachable.messages.contains(message.full_name())) {
            used.entry(message.package_name().to_owned()).or_default();
        }
        for definition in universe.enums.iter().filter(|definition| reachable.enums.contains(definition.full_name())) {
            used.entry(definition.package_name().to_owned()).or_default();
        }
        for service in services {
            used.entry(service.package_name().to_owned()).or_default();
        }
        let mut builder = Self {
            universe,
            reachable,
            packages: Vec::new(),
            package_index: HashMap::new(),
            messages: Vec::new(),
            enums: Vec::new(),
            message_ids: HashMap::new(),
            enum_ids: HashMap::new(),
            type_names: HashMap::new(),
            service_names: HashMap::new(),
        };
        let pool = services.first().map(|service| service.parent_pool().clone()).unwrap_or_default();
        // Guests have this one from OKRA.
        let own = "okra:service@0.1.0".to_owned();
        let mut wit_names = HashMap::from([(own.clone(), own)]);
        for proto in used.into_keys() {
            let (namespace, name, version) = names::package(&proto);
            let wit = format!("{namespace}:{name}@{version}");
            if let Some(first) = wit_names.insert(wit.clone(), proto.clone()) {
                return Err(SchemaError::PackageClash { first, second: proto, wit });
            }
            // Interfaces of services keep their names; the two others give way.
            let mut all: Vec<_> = pool.services().filter(|service| service.package_name() == proto).collect();
            all.sort_by(|a, b| (a.parent_file().name(), a.index()).cmp(&(b.parent_file().name(), b.index())));
            let wanted: Vec<_> = all.iter().map(|service| kebab(service.name())).collect();
            let mut interfaces = Scope::default();
            for (service, name) in all.iter().zip(interfaces.assign(&wanted)) {
                builder.service_names.insert(service.full_name().to_owned(), name);
            }
            let types_interface = interfaces.one("types");
            let codec_interface = interfaces.one("codec");
            builder.name_types(&proto);
            builder.package_index.insert(proto.clone(), builder.packages.len());
            builder.packages.push(Package { proto, namespace, name, version, types_interface, codec_interface });
        }
        Ok(builder)
    }

    /// Names all types of a package: messages with their oneofs, then enums, in declaration order.
    fn name_types(&mut self, package: &str) {
        let relative = |full_name: &str| {
            let name = full_name.strip_prefix(package).unwrap_or(full_name);
            name.trim_start_matches('.').split('.').map(kebab).collect::<Vec<_>>().join("-")
        };
        let mut full_names = Vec::new();
        let mut wanted = Vec::new();
        for message in self.universe.messages.iter().filter(|message| message.package_name() == package) {
            full_names.push(message.full_name().to_owned());
            wanted.push(relative(message.full_name()));
            for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
                full_names.push(oneof.full_name().to_owned());
                wanted.push(relative(oneof.full_name()));
            }
        }
        for definition in self.universe.enums.iter().filter(|definition| definition.package_name() == package) {
            full_names.push(definition.full_name().to_owned());
            wanted.push(relative(definition.full_name()));
        }
        self.type_names.extend(full_names.into_iter().zip(Scope::default().assign(&wanted)));
    }

    fn type_name(&self, full_name: &str) -> String {
        self.type_names.get(full_name).cloned().unwrap_or_default()
    }

    fn package_of(&self, package: &str) -> usize {
        self.package_index.get(package).copied().unwrap_or_default()
    }

    fn fill(&mut self) {
        let universe = self.universe;
        let enums: Vec<_> =
            universe.enums.iter().filter(|found| self.reachable.enums.contains(found.full_name())).collect();
        for definition in enums {
            self.enum_ids.insert(definition.full_name().to_owned(), EnumId(self.enums.len()));
            let definition = self.enumeration(definition);
            self.enums.push(definition);
        }
        let messages: Vec<_> =
            universe.messages.iter().filter(|found| self.reachable.messages.contains(found.full_name())).collect();
        for (id, message) in messages.iter().enumerate() {
            self.message_ids.insert(message.full_name().to_owned(), MessageId(id));
        }
        let mut codecs = HashSet::new();
        for message in messages {
            let message = self.message(message, &mut codecs);
            self.messages.push(message);
        }
        for MessageId(id) in codecs {
            if let Some(message) = self.messages.get_mut(id) {
                message.has_codec = true;
            }
        }
    }

    fn enumeration(&self, definition: &EnumDescriptor) -> Enum {
        let prefix = names::kebab(definition.name()).replace('-', "_") + "_";
        let stripped = |name: &str| {
            let lower = name.to_ascii_lowercase();
            let plain = lower.replace('_', "");
            // `HTTP2_OK` of `Http2` as well as `HTTP_2_OK`: underscores of the prefix do not matter.
            let wanted = prefix.replace('_', "");
            let mut seen = String::new();
            let cut = lower.char_indices().find_map(|(at, char)| {
                if char == '_' {
                    return (seen == wanted).then_some(at + 1);
                }
                seen.push(char);
                None
            });
            let rest = cut.filter(|_| plain.starts_with(&wanted)).and_then(|at| name.get(at..)).unwrap_or_default();
            let rest = rest.trim_start_matches('_');
            if rest.starts_with(|first: char| first.is_ascii_alphabetic()) { rest.to_owned() } else { name.to_owned() }
        };
        let mut numbers = HashSet::new();
        let values: Vec<_> = definition
            .enum_descriptor_proto()
            .value
            .iter()
            .enumerate()
            .filter(|(_, value)| numbers.insert(value.number()))
            .collect();
        let wanted: Vec<_> = values.iter().map(|(_, value)| kebab(&stripped(value.name()))).collect();
        let mut scope = Scope::default();
        let assigned = scope.assign(&wanted);
        let file = definition.parent_file();
        let path = definition.path().to_vec();
        let cases = values.iter().zip(assigned).map(|((index, value), wit_name)| EnumCase {
            proto_name: value.name().to_owned(),
            wit_name,
            number: value.number(),
            docs: docs(&file, &[path.as_slice(), &[2, *index as i32]].concat()),
        });
        Enum {
            full_name: definition.full_name().to_owned(),
            package: self.package_of(definition.package_name()),
            wit_name: self.type_name(definition.full_name()),
            docs: docs(&file, definition.path()),
            cases: cases.collect(),
            unrecognized: (file.syntax() != Syntax::Proto2).then(|| scope.one("unrecognized")),
        }
    }

    fn message(&self, message: &MessageDescriptor, codecs: &mut HashSet<MessageId>) -> Message {
        // A oneof stands where its first field does.
        let mut drafts: Vec<(String, Vec<FieldDescriptor>, Option<prost_reflect::OneofDescriptor>)> = Vec::new();
        for field in fields(message) {
            match field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) {
                Some(oneof) => match drafts.iter_mut().find(|(_, _, known)| known.as_ref() == Some(&oneof)) {
                    Some((_, cases, _)) => cases.push(field),
                    None => drafts.push((kebab(oneof.name()), vec![field], Some(oneof))),
                },
                None => drafts.push((kebab(field.name()), vec![field], None)),
            }
        }
        let wanted: Vec<_> = drafts.iter().map(|(name, ..)| name.clone()).collect();
        let assigned = Scope::default().assign(&wanted);
        let file = message.parent_file();
        let mut members = Vec::new();
        for ((_, fields, oneof), wit_name) in drafts.iter().zip(assigned) {
            match oneof {
                None => {
                    if let Some(field) = fields.first() {
                        members.push(Member::Field(self.field(message, field, wit_name, cardinality(field), codecs)));
                    }
                }
                Some(oneof) => {
                    let wanted: Vec<_> = fields.iter().map(|field| kebab(field.name())).collect();
                    let names = Scope::default().assign(&wanted);
                    let cases = fields.iter().zip(names);
                    members.push(Member::Oneof(Oneof {
                        proto_name: oneof.name().to_owned(),
                        wit_name,
                        type_name: self.type_name(oneof.full_name()),
                        cases: cases
                            .map(|(field, name)| self.field(message, field, name, Cardinality::Required, codecs))
                            .collect(),
                        docs: docs(&file, oneof.path()),
                    }));
                }
            }
        }
        Message {
            full_name: message.full_name().to_owned(),
            package: self.package_of(message.package_name()),
            wit_name: self.type_name(message.full_name()),
            docs: docs(&file, message.path()),
            members,
            has_codec: false,
        }
    }

    fn field(
        &self,
        message: &MessageDescriptor,
        field: &FieldDescriptor,
        wit_name: String,
        cardinality: Cardinality,
        codecs: &mut HashSet<MessageId>,
    ) -> Field {
        let value = match field.kind() {
            ProtoKind::Message(entry) if field.is_map() => entry.map_entry_value_field(),
            _ => field.clone(),
        };
        let mut kind = self.kind(&value);
        if let Kind::Message { message: id, group } = kind
            && let (Some(from), Some(to)) = (
                self.universe.index.get(message.full_name()),
                target(field).and_then(|to| self.universe.index.get(to.full_name())),
            )
            && self.universe.closes_cycle(*from, *to)
        {
            codecs.insert(id);
            kind = Kind::Encoded { message: id, group };
        }
        Field {
            proto_name: field.name().to_owned(),
            wit_name,
            number: field.number(),
            cardinality,
            kind,
            docs: docs(&message.parent_file(), field.path()),
        }
    }

    fn kind(&self, field: &FieldDescriptor) -> Kind {
        match field.kind() {
            ProtoKind::Message(message) => self.message_kind(&message, field.is_group()),
            ProtoKind::Enum(definition) => {
                Kind::Enum(self.enum_ids.get(definition.full_name()).copied().unwrap_or(EnumId(0)))
            }
            other => Kind::Scalar(scalar(&other).unwrap_or(Scalar::Bytes)),
        }
    }

    fn message_kind(&self, message: &MessageDescriptor, group: bool) -> Kind {
        special(message).unwrap_or_else(|| Kind::Message {
            message: self.message_ids.get(message.full_name()).copied().unwrap_or(MessageId(0)),
            group,
        })
    }

    fn service(&self, service: &ServiceDescriptor) -> Service {
        let methods: Vec<_> = service.methods().collect();
        let wanted: Vec<_> = methods.iter().map(|method| kebab(method.name())).collect();
        let file = service.parent_file();
        let payload = |message: &MessageDescriptor| {
            (message.full_name() != "google.protobuf.Empty").then(|| self.message_kind(message, false))
        };
        let methods = methods.iter().zip(Scope::default().assign(&wanted)).map(|(method, wit_name)| Method {
            proto_name: method.name().to_owned(),
            wit_name,
            docs: docs(&file, method.path()),
            input: payload(&method.input()),
            output: payload(&method.output()),
            client_streaming: method.is_client_streaming(),
            server_streaming: method.is_server_streaming(),
        });
        Service {
            full_name: service.full_name().to_owned(),
            package: self.package_of(service.package_name()),
            wit_name: self.service_names.get(service.full_name()).cloned().unwrap_or_default(),
            docs: docs(&file, service.path()),
            methods: methods.collect(),
        }
    }
}

fn cardinality(field: &FieldDescriptor) -> Cardinality {
    if field.is_map() {
        let key = match field.kind() {
            ProtoKind::Message(entry) => scalar(&entry.map_entry_key_field().kind()),
            _ => None,
        };
        return Cardinality::Map { key: key.unwrap_or(Scalar::String) };
    }
    match field.cardinality() {
        ProtoCardinality::Repeated => Cardinality::Repeated { packed: is_packed(field) },
        ProtoCardinality::Required => Cardinality::Required,
        ProtoCardinality::Optional if field.supports_presence() => Cardinality::Optional,
        ProtoCardinality::Optional => Cardinality::Implicit,
    }
}

/// Whether a repeated field is written packed: as its option says, else as its syntax does.
fn is_packed(field: &FieldDescriptor) -> bool {
    let option = field.field_descriptor_proto().options.as_ref().and_then(|options| options.packed);
    option.unwrap_or_else(|| field.is_packed())
}

fn scalar(kind: &ProtoKind) -> Option<Scalar> {
    Some(match kind {
        ProtoKind::Double => Scalar::Double,
        ProtoKind::Float => Scalar::Float,
        ProtoKind::Int32 => Scalar::Int32,
        ProtoKind::Int64 => Scalar::Int64,
        ProtoKind::Uint32 => Scalar::Uint32,
        ProtoKind::Uint64 => Scalar::Uint64,
        ProtoKind::Sint32 => Scalar::Sint32,
        ProtoKind::Sint64 => Scalar::Sint64,
        ProtoKind::Fixed32 => Scalar::Fixed32,
        ProtoKind::Fixed64 => Scalar::Fixed64,
        ProtoKind::Sfixed32 => Scalar::Sfixed32,
        ProtoKind::Sfixed64 => Scalar::Sfixed64,
        ProtoKind::Bool => Scalar::Bool,
        ProtoKind::String => Scalar::String,
        ProtoKind::Bytes => Scalar::Bytes,
        ProtoKind::Message(_) | ProtoKind::Enum(_) => return None,
    })
}

/// The leading comment of what is at a path of a file.
fn docs(file: &FileDescriptor, path: &[i32]) -> String {
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    let location = info.and_then(|info| info.location.iter().find(|location| location.path == path));
    let comment = location.and_then(|location| location.leading_comments.as_deref()).unwrap_or_default();
    let lines: Vec<_> = comment.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end()).collect();
    lines.join("\n").trim().to_owned()
}
