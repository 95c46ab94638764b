//! From descriptors to the [`Schema`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use prost_reflect::{
    DescriptorPool, EnumDescriptor, FieldDescriptor, MessageDescriptor, MethodDescriptor, ServiceDescriptor, Syntax,
};

use crate::names;
use crate::schema::{
    Cardinality, Enum, EnumCase, EnumId, Field, JsonKind, Kind, Member, Message, MessageId, Method, Oneof, Package,
    Scalar, Schema, Service,
};

mod catalog;
mod comments;
mod error;
mod graph;
mod limits;
mod packages;

use catalog::Catalog;
use comments::Comments;
pub use error::SchemaError;

/// Number of `value` in `google.protobuf.EnumDescriptorProto`, for paths of source info.
const ENUM_VALUE: i32 = 2;

impl Schema {
    /// The mapping of the services with these full names, and of all messages and enums that their methods reach.
    ///
    /// Names and recursion are decided over the whole pool, so what a type becomes does not depend on the services that
    /// are chosen. A service that comes twice is taken once.
    ///
    /// # Errors
    /// - a service is not in the pool
    /// - two protobuf packages become one WIT package, or packages use each other in a circle, which WIT does not allow
    /// - a message is larger or deeper than a component's types may be
    pub fn new(pool: &DescriptorPool, services: &[&str]) -> Result<Self, SchemaError> {
        let mut chosen: Vec<ServiceDescriptor> = Vec::new();
        for name in services {
            let service = pool.get_service_by_name(name).ok_or_else(|| SchemaError::unknown_service(pool, name))?;
            if !chosen.contains(&service) {
                chosen.push(service);
            }
        }
        let catalog = Catalog::new(pool);
        let reached = Reached::new(&catalog, &chosen);
        let schema = Builder::new(pool, &catalog, &reached, &chosen).build();
        packages::check(&schema)?;
        limits::check(&schema)?;
        Ok(schema)
    }
}

/// The messages and enums that have a type of their own, in declaration order.
struct Reached {
    messages: Vec<MessageDescriptor>,
    enums: Vec<EnumDescriptor>,
}

impl Reached {
    fn new(catalog: &Catalog, services: &[ServiceDescriptor]) -> Self {
        let mut messages: BTreeMap<usize, MessageDescriptor> = BTreeMap::new();
        let mut enums: BTreeMap<usize, EnumDescriptor> = BTreeMap::new();
        let methods = services.iter().flat_map(|service| service.methods().collect::<Vec<_>>());
        let mut waiting: Vec<MessageDescriptor> = methods
            .flat_map(|method| [method.input(), method.output()])
            .filter(|message| !is_empty_payload(message) && special(message).is_none())
            .collect();
        while let Some(message) = waiting.pop() {
            let order = catalog.order(message.full_name());
            if messages.contains_key(&order) {
                continue;
            }
            for field in declared_fields(&message) {
                match value_of(&field).kind() {
                    prost_reflect::Kind::Message(target) if special(&target).is_none() => waiting.push(target),
                    prost_reflect::Kind::Enum(target) => {
                        enums.insert(catalog.order(target.full_name()), target);
                    }
                    _ => {}
                }
            }
            messages.insert(order, message);
        }
        Self { messages: messages.into_values().collect(), enums: enums.into_values().collect() }
    }
}

struct Builder<'a> {
    catalog: &'a Catalog,
    reached: &'a Reached,
    chosen: &'a [ServiceDescriptor],
    comments: Comments,
    packages: HashMap<String, usize>,
    messages: HashMap<&'a str, usize>,
    enums: HashMap<&'a str, usize>,
    /// For each message the number of the cycle that it lies on.
    cycles: Vec<usize>,
    /// For each message whether some field holds it encoded.
    encoded: Vec<bool>,
}

impl<'a> Builder<'a> {
    fn new(pool: &DescriptorPool, catalog: &'a Catalog, reached: &'a Reached, chosen: &'a [ServiceDescriptor]) -> Self {
        let messages = reached.messages.iter().map(|message| (message.package_name(), message.full_name()));
        let enums = reached.enums.iter().map(|enumeration| (enumeration.package_name(), enumeration.full_name()));
        let used: BTreeSet<String> = messages
            .chain(enums)
            .map(|(package, _)| package)
            .chain(chosen.iter().map(ServiceDescriptor::package_name))
            .map(str::to_owned)
            .collect();
        let mut builder = Self {
            catalog,
            reached,
            chosen,
            comments: Comments::new(pool),
            packages: used.into_iter().zip(0..).collect(),
            messages: reached.messages.iter().map(MessageDescriptor::full_name).zip(0..).collect(),
            enums: reached.enums.iter().map(EnumDescriptor::full_name).zip(0..).collect(),
            cycles: Vec::new(),
            encoded: vec![false; reached.messages.len()],
        };
        let edges: Vec<Vec<usize>> = reached
            .messages
            .iter()
            .map(|message| {
                let kinds = declared_fields(message).map(|field| value_of(&field).kind());
                kinds.filter_map(|kind| builder.messages.get(kind.as_message()?.full_name()).copied()).collect()
            })
            .collect();
        builder.cycles = graph::components(&edges);
        builder
    }

    fn build(mut self) -> Schema {
        let messages = self.reached.messages.iter().enumerate();
        let mut messages: Vec<Message> = messages.map(|(index, message)| self.message(index, message)).collect();
        for (message, encoded) in messages.iter_mut().zip(&self.encoded) {
            message.has_codec = *encoded;
        }
        Schema {
            messages,
            enums: self.reached.enums.iter().map(|enumeration| self.enumeration(enumeration)).collect(),
            services: self.chosen.iter().map(|service| self.service(service)).collect(),
            packages: self.packages(),
        }
    }

    fn packages(&self) -> Vec<Package> {
        let mut packages: Vec<(usize, Package)> = self
            .packages
            .iter()
            .map(|(proto, index)| {
                let wit = names::package(proto);
                let interfaces = self.catalog.interfaces(proto);
                let package = Package {
                    proto: proto.clone(),
                    namespace: wit.namespace,
                    name: wit.name,
                    version: wit.version,
                    types_interface: interfaces.types,
                    codec_interface: interfaces.codec,
                };
                (*index, package)
            })
            .collect();
        packages.sort();
        packages.into_iter().map(|(_, package)| package).collect()
    }

    fn package(&self, proto: &str) -> usize {
        self.packages.get(proto).copied().unwrap_or(usize::MAX)
    }

    fn message(&mut self, index: usize, message: &MessageDescriptor) -> Message {
        let mut members: Vec<Member> = Vec::new();
        for field in declared_fields(message) {
            let Some(oneof) = field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) else {
                let field = self.field(index, &field, cardinality(&field));
                members.push(Member::Field(field));
                continue;
            };
            let case = self.field(index, &field, Cardinality::Required);
            let known = members.iter_mut().find_map(|member| match member {
                Member::Oneof(known) if known.proto_name == oneof.name() => Some(known),
                _ => None,
            });
            match known {
                Some(known) => known.cases.push(case),
                None => members.push(Member::Oneof(Oneof {
                    proto_name: oneof.name().to_owned(),
                    wit_name: names::kebab(oneof.name()),
                    type_name: self.catalog.wit_name(oneof.full_name()),
                    cases: vec![case],
                    docs: self.comments.of(&message.parent_file(), oneof.path()),
                })),
            }
        }
        for member in &mut members {
            if let Member::Oneof(oneof) = member {
                distinguish(oneof.cases.iter_mut().map(|case| &mut case.wit_name));
            }
        }
        distinguish(members.iter_mut().map(|member| match member {
            Member::Field(field) => &mut field.wit_name,
            Member::Oneof(oneof) => &mut oneof.wit_name,
        }));
        Message {
            full_name: message.full_name().to_owned(),
            package: self.package(message.package_name()),
            wit_name: self.catalog.wit_name(message.full_name()),
            docs: self.comments.of(&message.parent_file(), message.path()),
            members,
            has_codec: false,
        }
    }

    /// A field of the message with this index. Its name is not unique yet.
    fn field(&mut self, index: usize, field: &FieldDescriptor, cardinality: Cardinality) -> Field {
        let value = value_of(field);
        Field {
            proto_name: field.name().to_owned(),
            wit_name: names::kebab(field.name()),
            number: field.number(),
            cardinality,
            kind: self.kind(index, &value.kind(), value.is_group()),
            docs: self.comments.of(&field.parent_file(), field.path()),
        }
    }

    fn kind(&mut self, index: usize, kind: &prost_reflect::Kind, group: bool) -> Kind {
        let target = match kind {
            prost_reflect::Kind::Message(target) => target,
            prost_reflect::Kind::Enum(target) => {
                return Kind::Enum(EnumId(self.enums.get(target.full_name()).copied().unwrap_or(usize::MAX)));
            }
            other => return Kind::Scalar(scalar(other)),
        };
        match self.payload(target) {
            // An edge that goes forward never closes a cycle; of each cycle at least one edge goes back.
            Kind::Message { message, .. }
                if message.0 <= index && self.cycles.get(message.0) == self.cycles.get(index) =>
            {
                if let Some(encoded) = self.encoded.get_mut(message.0) {
                    *encoded = true;
                }
                Kind::Encoded { message, group }
            }
            Kind::Message { message, .. } => Kind::Message { message, group },
            special => special,
        }
    }

    /// A message by itself, as methods have it.
    fn payload(&self, message: &MessageDescriptor) -> Kind {
        special(message).unwrap_or_else(|| {
            let message = MessageId(self.messages.get(message.full_name()).copied().unwrap_or(usize::MAX));
            Kind::Message { message, group: false }
        })
    }

    fn enumeration(&self, enumeration: &EnumDescriptor) -> Enum {
        let file = enumeration.parent_file();
        let mut cases: Vec<EnumCase> = Vec::new();
        let mut numbers = BTreeSet::new();
        for (index, value) in (0..).zip(&enumeration.enum_descriptor_proto().value) {
            if !numbers.insert(value.number()) {
                continue;
            }
            let path: Vec<i32> = enumeration.path().iter().copied().chain([ENUM_VALUE, index]).collect();
            cases.push(EnumCase {
                proto_name: value.name().to_owned(),
                wit_name: names::kebab(names::without_enum_prefix(enumeration.name(), value.name())),
                number: value.number(),
                docs: self.comments.of(&file, &path),
            });
        }
        let mut unrecognized = (file.syntax() != Syntax::Proto2).then(|| "unrecognized".to_owned());
        distinguish(cases.iter_mut().map(|case| &mut case.wit_name).chain(&mut unrecognized));
        Enum {
            full_name: enumeration.full_name().to_owned(),
            package: self.package(enumeration.package_name()),
            wit_name: self.catalog.wit_name(enumeration.full_name()),
            docs: self.comments.of(&file, enumeration.path()),
            cases,
            unrecognized,
        }
    }

    fn service(&self, service: &ServiceDescriptor) -> Service {
        let mut methods: Vec<Method> = service.methods().map(|method| self.method(&method)).collect();
        distinguish(methods.iter_mut().map(|method| &mut method.wit_name));
        Service {
            full_name: service.full_name().to_owned(),
            package: self.package(service.package_name()),
            wit_name: self.catalog.wit_name(service.full_name()),
            docs: self.comments.of(&service.parent_file(), service.path()),
            methods,
        }
    }

    /// A method. Its name is not unique yet.
    fn method(&self, method: &MethodDescriptor) -> Method {
        let payload = |message: MessageDescriptor| (!is_empty_payload(&message)).then(|| self.payload(&message));
        Method {
            proto_name: method.name().to_owned(),
            wit_name: names::kebab(method.name()),
            docs: self.comments.of(&method.parent_file(), method.path()),
            input: payload(method.input()),
            output: payload(method.output()),
            client_streaming: method.is_client_streaming(),
            server_streaming: method.is_server_streaming(),
        }
    }
}

/// Makes the names of one scope unique where they are.
fn distinguish<'a>(names: impl Iterator<Item = &'a mut String>) {
    let names: Vec<&mut String> = names.collect();
    let made = names::unique(names.iter().map(|name| (**name).clone()));
    for (name, made) in names.into_iter().zip(made) {
        *name = made;
    }
}

/// The fields in the order of the file; [`MessageDescriptor::fields`] has them by number.
fn declared_fields(message: &MessageDescriptor) -> impl Iterator<Item = FieldDescriptor> + '_ {
    let numbers = message.descriptor_proto().field.iter().filter_map(|field| u32::try_from(field.number()).ok());
    numbers.filter_map(|number| message.get_field(number))
}

/// The field that says what one value is: of a map the value of its entry.
fn value_of(field: &FieldDescriptor) -> FieldDescriptor {
    match field.kind() {
        prost_reflect::Kind::Message(entry) if field.is_map() => entry.map_entry_value_field(),
        _ => field.clone(),
    }
}

fn cardinality(field: &FieldDescriptor) -> Cardinality {
    if let prost_reflect::Kind::Message(entry) = field.kind()
        && field.is_map()
    {
        let key = scalar(&entry.map_entry_key_field().kind());
        Cardinality::Map { key }
    } else if field.is_list() {
        Cardinality::Repeated { packed: field.is_packed() }
    } else if field.is_required() {
        Cardinality::Required
    } else if field.supports_presence() {
        Cardinality::Optional
    } else {
        Cardinality::Implicit
    }
}

/// The scalar type; of messages and enums, which callers have told apart, the one with the same wire form.
fn scalar(kind: &prost_reflect::Kind) -> Scalar {
    match kind {
        prost_reflect::Kind::Double => Scalar::Double,
        prost_reflect::Kind::Float => Scalar::Float,
        prost_reflect::Kind::Int32 | prost_reflect::Kind::Enum(_) => Scalar::Int32,
        prost_reflect::Kind::Int64 => Scalar::Int64,
        prost_reflect::Kind::Uint32 => Scalar::Uint32,
        prost_reflect::Kind::Uint64 => Scalar::Uint64,
        prost_reflect::Kind::Sint32 => Scalar::Sint32,
        prost_reflect::Kind::Sint64 => Scalar::Sint64,
        prost_reflect::Kind::Fixed32 => Scalar::Fixed32,
        prost_reflect::Kind::Fixed64 => Scalar::Fixed64,
        prost_reflect::Kind::Sfixed32 => Scalar::Sfixed32,
        prost_reflect::Kind::Sfixed64 => Scalar::Sfixed64,
        prost_reflect::Kind::Bool => Scalar::Bool,
        prost_reflect::Kind::String => Scalar::String,
        prost_reflect::Kind::Bytes | prost_reflect::Kind::Message(_) => Scalar::Bytes,
    }
}

/// Whether a method with this payload has none.
fn is_empty_payload(message: &MessageDescriptor) -> bool {
    message.full_name() == "google.protobuf.Empty"
}

/// The well-known messages that have no record.
fn special(message: &MessageDescriptor) -> Option<Kind> {
    Some(match message.full_name().strip_prefix("google.protobuf.")? {
        "DoubleValue" => Kind::Wrapper(Scalar::Double),
        "FloatValue" => Kind::Wrapper(Scalar::Float),
        "Int64Value" => Kind::Wrapper(Scalar::Int64),
        "UInt64Value" => Kind::Wrapper(Scalar::Uint64),
        "Int32Value" => Kind::Wrapper(Scalar::Int32),
        "UInt32Value" => Kind::Wrapper(Scalar::Uint32),
        "BoolValue" => Kind::Wrapper(Scalar::Bool),
        "StringValue" => Kind::Wrapper(Scalar::String),
        "BytesValue" => Kind::Wrapper(Scalar::Bytes),
        "FieldMask" => Kind::FieldMask,
        "Struct" => Kind::Json(JsonKind::Struct),
        "Value" => Kind::Json(JsonKind::Value),
        "ListValue" => Kind::Json(JsonKind::ListValue),
        _ => return None,
    })
}
