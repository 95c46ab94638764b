//! protobuf names to Python names: as protoc's own generator spells them, but for those that Python cannot have.

use std::collections::{BTreeSet, HashMap};

use crate::names::Scope;
use crate::schema::{Enum, Kind, Member, Message, Oneof, Schema, Service};

/// The names of all that is generated.
pub(super) struct Names {
    /// By index into [`Schema::messages`].
    pub(super) messages: Vec<MessageNames>,
    /// By index into [`Schema::enums`].
    pub(super) enums: Vec<EnumNames>,
    /// By index into [`Schema::packages`]: every identifier of its module, so that what is imported gets another.
    taken: Vec<BTreeSet<String>>,
    circles: Vec<usize>,
}

/// The names of a message.
pub(super) struct MessageNames {
    pub(super) path: Path,
    /// By index into [`Message::members`].
    pub(super) members: Vec<MemberNames>,
}

/// The names of a member of a message.
#[derive(Default)]
pub(super) struct MemberNames {
    pub(super) attribute: String,
    /// Of a oneof: the class that holds those of its cases.
    pub(super) class: String,
    /// Of a oneof: the classes of its cases.
    pub(super) cases: Vec<String>,
}

/// The names of an enum.
pub(super) struct EnumNames {
    pub(super) path: Path,
    /// By index into [`Enum::cases`].
    pub(super) cases: Vec<String>,
}

/// Where a class is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// In the SDK.
    Sdk(&'static str),
    /// In the module of a package: the classes that it is in, and its own name last.
    In { package: usize, classes: Vec<String> },
}

impl Names {
    pub(super) fn new(schema: &Schema) -> Self {
        let mut nested: HashMap<&str, Vec<&str>> = HashMap::new();
        let types = schema.messages.iter().map(|message| message.full_name.as_str());
        for name in types.chain(schema.enums.iter().map(|found| found.full_name.as_str())) {
            if let Some((parent, own)) = name.rsplit_once('.') {
                nested.entry(parent).or_default().push(own);
            }
        }
        let messages: Vec<MessageNames> = schema
            .messages
            .iter()
            .map(|message| MessageNames {
                path: path(schema, message.package, &message.full_name),
                members: members(message, nested.get(message.full_name.as_str()).map_or(&[], Vec::as_slice)),
            })
            .collect();
        let enums: Vec<EnumNames> = schema
            .enums
            .iter()
            .map(|found| EnumNames { path: path(schema, found.package, &found.full_name), cases: cases(found) })
            .collect();
        let mut names = Self {
            messages,
            enums,
            taken: vec![BTreeSet::new(); schema.packages.len()],
            circles: schema.package_circles(),
        };
        names.take(schema);
        names
    }

    fn take(&mut self, schema: &Schema) {
        let mut add = |path: &Path, more: Vec<String>| {
            if let Path::In { package, classes } = path
                && let Some(taken) = self.taken.get_mut(*package)
            {
                taken.extend(classes.iter().cloned().chain(more));
            }
        };
        for message in &self.messages {
            let members = message.members.iter();
            let all = members.flat_map(|member| {
                let cases = member.cases.iter().cloned();
                cases.chain([member.attribute.clone(), member.class.clone()])
            });
            add(&message.path, all.collect());
        }
        for found in &self.enums {
            add(&found.path, found.cases.clone());
        }
        for service in &schema.services {
            let methods = service.methods.iter().map(|method| component_name(&method.wit_name));
            let all = methods.chain([service_class(service), client_class(schema, service)]).collect();
            add(&Path::In { package: service.package, classes: Vec::new() }, all);
        }
    }

    /// Whether the modules of two packages import each other.
    pub(super) fn are_in_a_circle(&self, package: usize, other: usize) -> bool {
        self.circles.get(package) == self.circles.get(other)
    }

    /// A name for what the module of a package imports: the wanted one, unless the module has an identifier of that name
    /// anywhere.
    pub(super) fn import(&self, package: usize, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        while self.taken.get(package).is_some_and(|taken| taken.contains(&name)) {
            name.insert(0, '_');
        }
        name
    }

    /// The class of a message or an enum.
    pub(super) fn of(&self, kind: &Kind) -> Option<&Path> {
        match kind {
            Kind::Message { message, .. } | Kind::Encoded { message, .. } => {
                self.messages.get(message.0).map(|names| &names.path)
            }
            Kind::Enum(id) => self.enums.get(id.0).map(|names| &names.path),
            _ => None,
        }
    }
}

/// The module of a protobuf package, such as `gen.shop.billing.v1`.
pub(super) fn module(proto: &str) -> String {
    let parts = proto.split('.').filter(|part| !part.is_empty()).map(identifier);
    [super::PACKAGE.to_owned()].into_iter().chain(parts).collect::<Vec<_>>().join(".")
}

/// The base class of a service.
pub(super) fn service_class(service: &Service) -> String {
    identifier(service.full_name.rsplit('.').next().unwrap_or_default())
}

/// The class by which a service is called. Unlike the names of messages and services it is not protobuf's, so it is what
/// gives way.
pub(super) fn client_class(schema: &Schema, service: &Service) -> String {
    let in_package = |name: &str| match service.full_name.rsplit_once('.') {
        Some((package, _)) => format!("{package}.{name}"),
        None => name.to_owned(),
    };
    let mut name = format!("{}Client", service_class(service));
    loop {
        let full = in_package(&name);
        let is_taken = schema.messages.iter().any(|message| message.full_name == full)
            || schema.enums.iter().any(|found| found.full_name == full)
            || schema.services.iter().any(|other| other.full_name == full);
        if !is_taken {
            return name;
        }
        name.push('_');
    }
}

/// What componentize-py calls a function, field or module of WIT.
pub(super) fn component_name(wit_name: &str) -> String {
    escaped(wit_name.replace('-', "_"))
}

/// What componentize-py calls a type or case of WIT.
pub(super) fn component_class(wit_name: &str) -> String {
    escaped(camel(wit_name))
}

/// `address-line` as `AddressLine`.
fn camel(wit_name: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect::<String>()
    };
    wit_name.split('-').map(word).collect()
}

fn path(schema: &Schema, package: usize, full_name: &str) -> Path {
    match full_name {
        "google.protobuf.Timestamp" => return Path::Sdk("Timestamp"),
        "google.protobuf.Duration" => return Path::Sdk("Duration"),
        "google.protobuf.Any" => return Path::Sdk("Any"),
        "google.protobuf.Empty" => return Path::Sdk("Empty"),
        _ => {}
    }
    let proto = schema.packages.get(package).map(|package| package.proto.as_str()).unwrap_or_default();
    let below = full_name.strip_prefix(proto).unwrap_or(full_name);
    let parts = below.split('.').filter(|part| !part.is_empty()).enumerate();
    let classes = parts.map(|(depth, part)| if depth == 0 { identifier(part) } else { attribute(part) }).collect();
    Path::In { package, classes }
}

/// Fields keep their names. The classes of a oneof get out of the way of all that is protobuf's.
fn members(message: &Message, nested: &[&str]) -> Vec<MemberNames> {
    let wanted: Vec<&str> = message
        .members
        .iter()
        .map(|member| match member {
            Member::Field(field) => field.proto_name.as_str(),
            Member::Oneof(oneof) => oneof.proto_name.as_str(),
        })
        .collect();
    let attributes = distinct(&wanted, attribute);
    let methods = METHODS.into_iter().map(str::to_owned);
    let nested = nested.iter().map(|name| attribute(name));
    let mut scope = Scope::with(attributes.iter().cloned().chain(nested).chain(methods));
    let members = message.members.iter().zip(attributes);
    members
        .map(|(member, attribute)| match member {
            Member::Field(_) => MemberNames { attribute, ..MemberNames::default() },
            Member::Oneof(oneof) => MemberNames {
                attribute,
                class: scope.one(&component_class(&oneof.wit_name)),
                cases: case_classes(oneof),
            },
        })
        .collect()
}

fn case_classes(oneof: &Oneof) -> Vec<String> {
    oneof.cases.iter().map(|case| component_class(&case.wit_name)).collect()
}

fn cases(found: &Enum) -> Vec<String> {
    let wanted: Vec<&str> = found.cases.iter().map(|case| case.proto_name.as_str()).collect();
    distinct(&wanted, member)
}

/// Names that are changed must not become those of others.
fn distinct(wanted: &[&str], change: fn(&str) -> String) -> Vec<String> {
    let kept: BTreeSet<&str> = wanted.iter().copied().filter(|name| change(name) == *name).collect();
    let mut used: BTreeSet<String> = BTreeSet::new();
    wanted
        .iter()
        .map(|name| {
            let mut changed = change(name);
            while changed != *name && (kept.contains(changed.as_str()) || used.contains(&changed)) {
                changed.push('_');
            }
            used.insert(changed.clone());
            changed
        })
        .collect()
}

/// A protobuf identifier as Python can have it: keywords get a `_`; Python would change names of members that begin with
/// two, so these get an `x` before them.
fn identifier(name: &str) -> String {
    if name.starts_with("__") { format!("x{name}") } else { escaped(name.to_owned()) }
}

/// The names that all messages have already: those of protobuf's methods.
const METHODS: [&str; 14] = [
    "ByteSize",
    "Clear",
    "ClearField",
    "CopyFrom",
    "DESCRIPTOR",
    "FromString",
    "HasField",
    "IsInitialized",
    "ListFields",
    "MergeFrom",
    "MergeFromString",
    "ParseFromString",
    "SerializeToString",
    "WhichOneof",
];

/// What is in the class of a message: a field, or a class. A method's name gets a `_`.
fn attribute(name: &str) -> String {
    if METHODS.contains(&name) { format!("{name}_") } else { identifier(name) }
}

/// The name of an enum's member, which more is kept from: what `IntEnum` has itself, and names between single `_`.
fn member(name: &str) -> String {
    const OWN: [&str; 14] = [
        "as_integer_ratio",
        "bit_count",
        "bit_length",
        "conjugate",
        "denominator",
        "from_bytes",
        "imag",
        "is_integer",
        "mro",
        "name",
        "numerator",
        "real",
        "to_bytes",
        "value",
    ];
    if OWN.contains(&name) {
        format!("{name}_")
    } else if name.starts_with('_') {
        format!("x{name}")
    } else {
        identifier(name)
    }
}

/// componentize-py escapes the same words in the same way.
fn escaped(name: String) -> String {
    const KEYWORDS: [&str; 35] = [
        "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
        "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
        "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
    ];
    if KEYWORDS.contains(&name.as_str()) { name + "_" } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_python_cannot_have_are_changed() {
        let cases = [("from", "from_"), ("None", "None_"), ("__x", "x__x"), ("_x", "_x"), ("match", "match")];
        for (proto, python) in cases {
            assert_eq!(identifier(proto), python);
        }
        let cases = [("mro", "mro_"), ("_A_", "x_A_"), ("KIND_A", "KIND_A"), ("None", "None_")];
        for (proto, python) in cases {
            assert_eq!(member(proto), python);
        }
    }

    #[test]
    fn a_changed_name_is_nobody_elses() {
        assert_eq!(distinct(&["from", "from_", "x"], identifier), ["from__", "from_", "x"]);
    }

    #[test]
    fn packages_become_modules() {
        assert_eq!(module("shop.billing.v1"), "gen.shop.billing.v1");
        assert_eq!(module("class.import"), "gen.class_.import_");
        assert_eq!(module(""), "gen");
    }
}
