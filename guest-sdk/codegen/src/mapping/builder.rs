//! The schema of valid descriptors.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use prost_reflect::{
    EnumDescriptor, FieldDescriptor, FileDescriptor, Kind as ProtoKind, MessageDescriptor, MethodDescriptor,
    OneofDescriptor, ServiceDescriptor,
};

use super::comments::Comments;
use super::descriptors::{EMPTY, cardinality, fields, scalar, special, target, value};
use super::universe::{Reachable, Types, Universe};
use super::{MAX_INTERFACES, SchemaError, limits};
use crate::contract;
use crate::editions::is_open_enum;
use crate::names::{self, Scope, kebab};
use crate::schema::{
    Cardinality, Enum, EnumCase, EnumId, Field, Kind, Member, Message, MessageId, Method, Oneof, Package, Scalar,
    Schema, Service, Stream, StreamId,
};

pub(super) struct Builder<'a> {
    universe: &'a Universe,
    /// What the methods of the services lead to by records.
    records: &'a Reachable,
    /// That, what is held encoded, and the types that were asked for by name.
    mapped: &'a Reachable,
    services: &'a [ServiceDescriptor],
    comments: Comments,
    packages: Vec<Package>,
    package_index: HashMap<String, usize>,
    messages: Vec<Message>,
    enums: Vec<Enum>,
    message_ids: HashMap<String, MessageId>,
    enum_ids: HashMap<String, EnumId>,
    /// Type names by full name; those of oneof types by the full name of the oneof.
    type_names: HashMap<String, String>,
    service_names: HashMap<String, String>,
    /// Names of the interfaces by which services with streams are called.
    client_names: HashMap<String, String>,
    streams: Vec<Stream>,
    /// Streams by package and full name of their message.
    stream_ids: HashMap<(usize, String), StreamId>,
}

impl<'a> Builder<'a> {
    /// Names everything.
    ///
    /// # Errors
    /// When packages cannot be named, or are too many.
    pub(super) fn new(
        universe: &'a Universe,
        records: &'a Reachable,
        mapped: &'a Reachable,
        services: &'a [ServiceDescriptor],
    ) -> Result<Self, SchemaError> {
        let files = |types: &Reachable| -> HashMap<String, FileDescriptor> {
            let messages = universe.messages.iter().filter(|found| types.messages.contains(found.full_name()));
            let enums = universe.enums.iter().filter(|found| types.enums.contains(found.full_name()));
            let files = messages.map(MessageDescriptor::parent_file).chain(enums.map(EnumDescriptor::parent_file));
            let files = files.chain(services.iter().map(ServiceDescriptor::parent_file));
            files.map(|file| (file.name().to_owned(), file)).collect()
        };
        let packages = |files: &HashMap<String, FileDescriptor>| -> BTreeSet<String> {
            files.values().map(|file| file.package_name().to_owned()).collect()
        };
        let wit_packages = packages(&files(records));
        let files = files(mapped);
        let packages = packages(&files);
        let interfaces = services.len() + wit_packages.len();
        if interfaces > MAX_INTERFACES {
            return Err(SchemaError::TooMany {
                element: "the project".to_owned(),
                parts: "services and packages",
                count: interfaces,
                limit: MAX_INTERFACES,
            });
        }
        let mut builder = Self {
            universe,
            records,
            mapped,
            services,
            comments: Comments::new(files.into_values()),
            packages: Vec::new(),
            package_index: HashMap::new(),
            messages: Vec::new(),
            enums: Vec::new(),
            message_ids: HashMap::new(),
            enum_ids: HashMap::new(),
            type_names: HashMap::new(),
            service_names: HashMap::new(),
            client_names: HashMap::new(),
            streams: Vec::new(),
            stream_ids: HashMap::new(),
        };
        for (package, types) in &universe.packages {
            builder.name_types(package, types);
        }
        // Guests have these from OKRA.
        let own = contract::SUPPORTED.iter().map(|version| format!("okra:service@{version}"));
        let mut wit_names: HashMap<String, String> = own.map(|own| (own.clone(), own)).collect();
        for proto in packages {
            let (namespace, name, version) = names::package(&proto);
            let full_name = format!("{namespace}:{name}@{version}");
            limits::name(|| format!("package `{proto}`"), &full_name)?;
            // Of versions with the same first number WIT's tools take the last one for all.
            let wit = match version.split_once('.') {
                Some((major, _)) if major != "0" && !version.contains('-') => format!("{namespace}:{name}@{major}"),
                _ => full_name,
            };
            let is_in_wit = wit_packages.contains(&proto);
            if is_in_wit && let Some(first) = wit_names.insert(wit.clone(), proto.clone()) {
                return Err(SchemaError::PackageClash { first, second: proto, wit });
            }
            let [types_interface, streams_interface] = builder.name_interfaces(&proto);
            let types = universe.packages.get(&proto);
            let foreign_names = types.map(|types| builder.name_foreign(&proto, types)).unwrap_or_default();
            builder.package_index.insert(proto.clone(), builder.packages.len());
            builder.packages.push(Package {
                proto,
                namespace,
                name,
                version,
                types_interface,
                streams_interface,
                foreign_names,
            });
        }
        Ok(builder)
    }

    /// All services of a package, in their fixed order.
    fn services_of(&self, package: &str) -> Vec<ServiceDescriptor> {
        let pool = self.services.first().map(ServiceDescriptor::parent_pool);
        let services = pool.into_iter().flat_map(|pool| pool.services().collect::<Vec<_>>());
        let mut all: Vec<_> = services.filter(|service| service.package_name() == package).collect();
        all.sort_by(|a, b| (a.parent_file().name(), a.index()).cmp(&(b.parent_file().name(), b.index())));
        all
    }

    /// Names the interfaces of a package; returns the names of those for types and for streams. Interfaces of services
    /// keep their names; then come those by which services with streams are called; the two others give way.
    fn name_interfaces(&mut self, package: &str) -> [String; 2] {
        let all = self.services_of(package);
        let wanted: Vec<_> = all.iter().map(|service| kebab(service.name())).collect();
        let mut interfaces = Scope::default();
        for (service, name) in all.iter().zip(interfaces.assign(&wanted)) {
            self.service_names.insert(service.full_name().to_owned(), name);
        }
        for service in all.iter().filter(|service| service.methods().any(|method| is_streaming(&method))) {
            let name = self.service_names.get(service.full_name()).cloned().unwrap_or_default();
            let name = interfaces.one(&format!("{name}-client"));
            self.client_names.insert(service.full_name().to_owned(), name);
        }
        ["types", "streams"].map(|name| interfaces.one(name))
    }

    /// What the chosen services stream. Readers and writers are named among all that the services of their package
    /// stream: names must not depend on the services that are asked for.
    fn name_streams(&mut self) {
        for (index, package) in self.packages.iter().enumerate() {
            let mut scope = Scope::default();
            let mut seen = HashSet::new();
            for service in self.services_of(&package.proto) {
                for message in service.methods().flat_map(|method| streamed(&method)) {
                    if !seen.insert(message.full_name().to_owned()) {
                        continue;
                    }
                    let name = match message.package_name() == package.proto {
                        true => self.type_name(message.full_name()),
                        false => kebab(message.name()),
                    };
                    let names = ["reader", "writer"].map(|end| scope.one(&format!("{name}-{end}")));
                    let chosen = self.services.iter().filter(|service| service.package_name() == package.proto);
                    let mut streamed = chosen.flat_map(ServiceDescriptor::methods).flat_map(|method| streamed(&method));
                    if streamed.any(|other| other == message) {
                        let id = StreamId(self.streams.len());
                        self.stream_ids.insert((index, message.full_name().to_owned()), id);
                        let (item, [reader, writer]) = (self.message_kind(&message, false), names);
                        self.streams.push(Stream { package: index, item, reader, writer });
                    }
                }
            }
        }
    }

    /// Names all types of a package: messages with their oneofs, then enums, in declaration order.
    fn name_types(&mut self, package: &str, types: &Types) {
        let relative = |full_name: &str| {
            let name = full_name.strip_prefix(package).unwrap_or(full_name);
            name.trim_start_matches('.').split('.').map(kebab).collect::<Vec<_>>().join("-")
        };
        let mut full_names = Vec::new();
        let mut wanted = Vec::new();
        for message in types.messages.iter().filter_map(|index| self.universe.messages.get(*index)) {
            full_names.push(message.full_name().to_owned());
            wanted.push(relative(message.full_name()));
            for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
                full_names.push(oneof.full_name().to_owned());
                wanted.push(relative(oneof.full_name()));
            }
        }
        for definition in types.enums.iter().filter_map(|index| self.universe.enums.get(*index)) {
            full_names.push(definition.full_name().to_owned());
            wanted.push(relative(definition.full_name()));
        }
        self.type_names.extend(full_names.into_iter().zip(Scope::default().assign(&wanted)));
    }

    /// Names what the interface of types uses from other packages, in the order of the fields that do. Fields that no
    /// service reaches count: names must not depend on the services that are asked for.
    fn name_foreign(&self, package: &str, types: &Types) -> BTreeMap<String, String> {
        let messages = || types.messages.iter().filter_map(|index| self.universe.messages.get(*index));
        let enums = types.enums.iter().filter_map(|index| self.universe.enums.get(*index));
        let oneofs = messages()
            .flat_map(|message| message.oneofs().map(|oneof| oneof.full_name().to_owned()).collect::<Vec<_>>());
        let own = messages().map(|message| message.full_name().to_owned()).chain(oneofs);
        let own = own.chain(enums.map(|definition| definition.full_name().to_owned()));
        let mut scope = Scope::with(own.map(|full_name| self.type_name(&full_name)));
        let mut names = BTreeMap::new();
        for field in messages().flat_map(fields) {
            let (of, full_name) = match value(&field).kind() {
                ProtoKind::Enum(definition) => {
                    (definition.package_name().to_owned(), definition.full_name().to_owned())
                }
                ProtoKind::Message(_) => match target(&field) {
                    Some(message) => (message.package_name().to_owned(), message.full_name().to_owned()),
                    None => continue,
                },
                _ => continue,
            };
            if of != package && !names.contains_key(&full_name) {
                let name = scope.one(&self.type_name(&full_name));
                names.insert(full_name, name);
            }
        }
        names
    }

    fn type_name(&self, full_name: &str) -> String {
        self.type_names.get(full_name).cloned().unwrap_or_default()
    }

    fn package_of(&self, package: &str) -> usize {
        self.package_index.get(package).copied().unwrap_or_default()
    }

    /// Maps what is reachable.
    pub(super) fn build(mut self) -> Schema {
        let universe = self.universe;
        let enums: Vec<_> =
            universe.enums.iter().filter(|found| self.mapped.enums.contains(found.full_name())).collect();
        for definition in enums {
            self.enum_ids.insert(definition.full_name().to_owned(), EnumId(self.enums.len()));
            let definition = self.enumeration(definition);
            self.enums.push(definition);
        }
        let messages: Vec<_> =
            universe.messages.iter().filter(|found| self.mapped.messages.contains(found.full_name())).collect();
        for (id, message) in messages.iter().enumerate() {
            self.message_ids.insert(message.full_name().to_owned(), MessageId(id));
        }
        for message in messages {
            let message = self.message(message);
            self.messages.push(message);
        }
        self.name_streams();
        Schema {
            services: self.services.iter().map(|service| self.service(service)).collect(),
            packages: self.packages,
            messages: self.messages,
            enums: self.enums,
            streams: self.streams,
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
        let values = definition.enum_descriptor_proto().value.iter().enumerate();
        let (values, aliases): (Vec<_>, Vec<_>) = values.partition(|(_, value)| numbers.insert(value.number()));
        let aliases = aliases.into_iter().map(|(_, value)| (value.name().to_owned(), value.number()));
        let wanted: Vec<_> = values.iter().map(|(_, value)| kebab(&stripped(value.name()))).collect();
        let mut scope = Scope::default();
        let assigned = scope.assign(&wanted);
        let file = definition.parent_file();
        let path = definition.path().to_vec();
        let cases = values.iter().zip(assigned).map(|((index, value), wit_name)| EnumCase {
            proto_name: value.name().to_owned(),
            wit_name,
            number: value.number(),
            docs: self.comments.of(&file, &[path.as_slice(), &[2, *index as i32]].concat()),
        });
        Enum {
            full_name: definition.full_name().to_owned(),
            package: self.package_of(definition.package_name()),
            wit_name: self.type_name(definition.full_name()),
            docs: self.comments.of(&file, definition.path()),
            cases: cases.collect(),
            aliases: aliases.collect(),
            in_wit: self.records.enums.contains(definition.full_name()),
            unrecognized: is_open_enum(definition).then(|| scope.one("unrecognized")),
        }
    }

    fn message(&self, message: &MessageDescriptor) -> Message {
        // A oneof stands where its first field does.
        let mut drafts: Vec<(String, Vec<FieldDescriptor>, Option<OneofDescriptor>)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for field in fields(message) {
            match field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) {
                Some(oneof) => {
                    let place = *places.entry(oneof.full_name().to_owned()).or_insert(drafts.len());
                    match drafts.get_mut(place) {
                        Some((_, cases, _)) => cases.push(field),
                        None => drafts.push((kebab(oneof.name()), vec![field], Some(oneof))),
                    }
                }
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
                        members.push(Member::Field(self.field(message, field, wit_name, cardinality(field))));
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
                            .map(|(field, name)| self.field(message, field, name, Cardinality::Required))
                            .collect(),
                        docs: self.comments.of(&file, oneof.path()),
                    }));
                }
            }
        }
        Message {
            full_name: message.full_name().to_owned(),
            package: self.package_of(message.package_name()),
            wit_name: self.type_name(message.full_name()),
            docs: self.comments.of(&file, message.path()),
            members,
            in_wit: self.records.messages.contains(message.full_name()),
        }
    }

    fn field(
        &self,
        message: &MessageDescriptor,
        field: &FieldDescriptor,
        wit_name: String,
        cardinality: Cardinality,
    ) -> Field {
        let mut kind = self.kind(&value(field));
        if let Kind::Message { message: id, group } = kind
            && target(field).is_some_and(|to| self.universe.encodes(message, &to))
        {
            kind = Kind::Encoded { message: id, group };
        }
        Field {
            proto_name: field.name().to_owned(),
            json_name: field.json_name().to_owned(),
            wit_name,
            number: field.number(),
            cardinality,
            kind,
            docs: self.comments.of(&message.parent_file(), field.path()),
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
        let payload =
            |message: &MessageDescriptor| (message.full_name() != EMPTY).then(|| self.message_kind(message, false));
        let package = self.package_of(service.package_name());
        let stream = |message: MessageDescriptor, streams: bool| {
            let id = self.stream_ids.get(&(package, message.full_name().to_owned()));
            id.copied().filter(|_| streams)
        };
        let mut names = Scope::default();
        let wit_names = names.assign(&wanted);
        let methods = methods.iter().zip(wit_names).map(|(method, wit_name)| Method {
            proto_name: method.name().to_owned(),
            docs: self.comments.of(&file, method.path()),
            input: payload(&method.input()),
            output: payload(&method.output()),
            requests: stream(method.input(), method.is_client_streaming()),
            responses: stream(method.output(), method.is_server_streaming()),
            call: method.is_client_streaming().then(|| names.one(&format!("{wit_name}-call"))),
            wit_name,
        });
        Service {
            full_name: service.full_name().to_owned(),
            package,
            client: self.client_names.get(service.full_name()).cloned(),
            wit_name: self.service_names.get(service.full_name()).cloned().unwrap_or_default(),
            docs: self.comments.of(&file, service.path()),
            methods: methods.collect(),
        }
    }
}

fn is_streaming(method: &MethodDescriptor) -> bool {
    method.is_client_streaming() || method.is_server_streaming()
}

/// The messages that a method streams.
fn streamed(method: &MethodDescriptor) -> Vec<MessageDescriptor> {
    let requests = method.is_client_streaming().then(|| method.input());
    requests.into_iter().chain(method.is_server_streaming().then(|| method.output())).collect()
}
