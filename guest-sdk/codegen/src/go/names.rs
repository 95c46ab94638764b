//! The names of Go's stubs: those of protoc-gen-go and protoc-gen-go-grpc.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use crate::schema::{Member, Message, Schema};

/// A package of stubs.
pub(super) struct GoPackage {
    /// Its folder below `gen`.
    pub(super) folder: PathBuf,
    /// The path by which it is imported.
    pub(super) import: String,
    /// Its name.
    pub(super) name: String,
}

/// What a message is in Go.
pub(super) struct GoMessage {
    pub(super) name: String,
    /// Import path and name of the SDK's package, when the SDK has it.
    pub(super) known: Option<(String, String)>,
    /// Names of the fields, by member.
    pub(super) members: Vec<GoMember>,
}

/// What a member of a message is in Go.
pub(super) struct GoMember {
    /// The field.
    pub(super) name: String,
    /// Of a oneof: the interface of its cases.
    pub(super) interface: String,
    /// Of a oneof: whether it has a getter of its own; not if the name is taken.
    pub(super) has_getter: bool,
    /// Of a oneof: for each case its field's name and its type.
    pub(super) cases: Vec<(String, String)>,
}

/// What an enum is in Go.
pub(super) struct GoEnum {
    pub(super) name: String,
    /// The constants, by case.
    pub(super) cases: Vec<String>,
}

/// What a service is in Go.
pub(super) struct GoService {
    /// The name from which others are made.
    pub(super) name: String,
    /// By method.
    pub(super) methods: Vec<String>,
    /// By method: what protoc-gen-go-grpc calls the stream of a handler, unless the name is taken. `None` of unary ones.
    pub(super) stream_aliases: Vec<Option<String>>,
}

/// All names.
pub(super) struct Names {
    /// By which the project's own packages are imported.
    pub(super) module: String,
    pub(super) packages: Vec<GoPackage>,
    /// For each package of the schema the one in whose Go package its types are: itself, or of packages that use each other in a
    /// circle the one with the shortest name. Go lets no packages import each other.
    homes: Vec<usize>,
    pub(super) messages: Vec<GoMessage>,
    pub(super) enums: Vec<GoEnum>,
    pub(super) services: Vec<GoService>,
}

impl Names {
    pub(super) fn new(schema: &Schema, module: &str) -> Self {
        let packages = schema.packages.iter().map(|package| go_package(&package.proto, module)).collect();
        let mut taken: Vec<HashSet<String>> = schema.packages.iter().map(|_| HashSet::new()).collect();
        let mut nobody = HashSet::new();
        let homes = homes(schema);
        let home = |package: usize| homes.get(package).copied().unwrap_or(package);
        let proto = |package: usize| schema.packages.get(home(package)).map_or("", |package| &package.proto);

        let has_details = has_error_details(schema);
        let mut messages = Vec::new();
        for message in &schema.messages {
            let known = known(&message.full_name, has_details);
            let taken =
                if known.is_some() { &mut nobody } else { taken.get_mut(home(message.package)).unwrap_or(&mut nobody) };
            let name = unique(camel(local(&message.full_name, proto(message.package))), taken);
            messages.push(GoMessage { name, known, members: Vec::new() });
        }
        let mut enums = Vec::new();
        for definition in &schema.enums {
            let taken = taken.get_mut(home(definition.package)).unwrap_or(&mut nobody);
            let name = unique(camel(local(&definition.full_name, proto(definition.package))), taken);
            enums.push(GoEnum { name, cases: Vec::new() });
        }
        let mut services = Vec::new();
        for service in &schema.services {
            let taken = taken.get_mut(home(service.package)).unwrap_or(&mut nobody);
            let name = service_name(camel(local(&service.full_name, proto(service.package))), taken);
            let mut taken = HashSet::new();
            let methods = service.methods.iter().map(|method| unique(camel(&method.proto_name), &mut taken)).collect();
            services.push(GoService { name, methods, stream_aliases: Vec::new() });
        }
        for (definition, named) in schema.enums.iter().zip(&mut enums) {
            let taken = taken.get_mut(home(definition.package)).unwrap_or(&mut nobody);
            // Values are named after the message that the enum is in, else after the enum.
            let local = local(&definition.full_name, proto(definition.package));
            let scope = local.rsplit_once('.').map_or_else(|| named.name.clone(), |(parent, _)| camel(parent));
            let values = definition.cases.iter().map(|case| unique(format!("{scope}_{}", case.proto_name), taken));
            named.cases = values.collect();
        }
        for (message, named) in schema.messages.iter().zip(&mut messages) {
            let taken = taken.get_mut(home(message.package)).unwrap_or(&mut nobody);
            named.members = members(message, &named.name, taken);
        }
        for (service, named) in schema.services.iter().zip(&mut services) {
            let taken = taken.get_mut(home(service.package)).unwrap_or(&mut nobody);
            let aliases = service.methods.iter().zip(&named.methods).map(|(method, go)| {
                let alias = format!("{}_{go}Server", named.name);
                (!method.is_unary() && taken.insert(alias.clone())).then_some(alias)
            });
            named.stream_aliases = aliases.collect();
        }
        Self { module: module.to_owned(), packages, homes, messages, enums, services }
    }

    /// The package in whose Go package the types of a package are.
    pub(super) fn home(&self, package: usize) -> usize {
        self.homes.get(package).copied().unwrap_or(package)
    }

    /// The import path of a package that is not for people.
    pub(super) fn internal(&self, package: &str) -> String {
        format!("{}/internal/okra/{package}", self.module)
    }
}

fn homes(schema: &Schema) -> Vec<usize> {
    let circles = schema.package_circles();
    let mut shortest = HashMap::new();
    for (index, (package, circle)) in schema.packages.iter().zip(&circles).enumerate() {
        let rank = (package.proto.len(), &package.proto, index);
        shortest.entry(circle).and_modify(|least| *least = rank.min(*least)).or_insert(rank);
    }
    circles.iter().map(|circle| shortest.get(circle).map_or(0, |(_, _, index)| *index)).collect()
}

/// What stands in place of a message of `google.protobuf`.
fn known(full_name: &str, has_details: bool) -> Option<(String, String)> {
    let package = match full_name {
        "google.protobuf.Timestamp" => "timestamppb",
        "google.protobuf.Duration" => "durationpb",
        "google.protobuf.Any" => "anypb",
        "google.protobuf.Empty" => "emptypb",
        name if has_details && error_detail(name).is_some() => "errdetails",
        _ => return None,
    };
    Some((format!("okra/{package}"), package.to_owned()))
}

/// The messages of `google/rpc/error_details.proto` as `okra/errdetails` has them, with their fields.
const ERROR_DETAILS: [(&str, &[&str]); 14] = [
    ("BadRequest", &["field_violations"]),
    ("BadRequest.FieldViolation", &["field", "description", "reason", "localized_message"]),
    ("DebugInfo", &["stack_entries", "detail"]),
    ("ErrorInfo", &["reason", "domain", "metadata"]),
    ("Help", &["links"]),
    ("Help.Link", &["description", "url"]),
    ("LocalizedMessage", &["locale", "message"]),
    ("PreconditionFailure", &["violations"]),
    ("PreconditionFailure.Violation", &["type", "subject", "description"]),
    ("QuotaFailure", &["violations"]),
    (
        "QuotaFailure.Violation",
        &[
            "subject",
            "description",
            "api_service",
            "quota_metric",
            "quota_id",
            "quota_dimensions",
            "quota_value",
            "future_quota_value",
        ],
    ),
    ("RequestInfo", &["request_id", "serving_data"]),
    ("ResourceInfo", &["resource_type", "resource_name", "owner", "description"]),
    ("RetryInfo", &["retry_delay"]),
];

/// The fields that the SDK has of a message, if it is one of the details of errors.
fn error_detail(full_name: &str) -> Option<&'static [&'static str]> {
    let local = full_name.strip_prefix("google.rpc.")?;
    ERROR_DETAILS.iter().find(|(name, _)| *name == local).map(|(_, fields)| *fields)
}

/// Whether the SDK has all fields of the details of errors. A later version of the file may have others.
fn has_error_details(schema: &Schema) -> bool {
    schema.messages.iter().all(|message| match error_detail(&message.full_name) {
        None => true,
        Some(fields) => message.members.iter().all(|member| match member {
            Member::Field(field) => fields.contains(&&*field.proto_name),
            Member::Oneof(_) => false,
        }),
    })
}

pub(super) fn go_package(proto: &str, module: &str) -> GoPackage {
    let parts: Vec<&str> = proto.split('.').filter(|part| !part.is_empty()).collect();
    // Folders of these names mean something to Go.
    let folder = |part: &&str| match *part {
        "internal" | "vendor" | "testdata" => format!("{part}_"),
        part if part.starts_with('_') => format!("x{part}"),
        part => part.to_owned(),
    };
    let mut folders: Vec<String> = parts.iter().map(folder).collect();
    if folders.is_empty() {
        folders.push("pb".to_owned());
    }
    let is_version =
        |part: &str| part.strip_prefix('v').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
    let name = match parts.as_slice() {
        [.., above, version] if is_version(version) => format!("{above}{version}"),
        [.., last] => (*last).to_owned(),
        [] => "pb".to_owned(),
    };
    let mut name = name.to_ascii_lowercase();
    if is_taken(&name) {
        name.push_str("pb");
    }
    GoPackage { import: format!("{module}/gen/{}", folders.join("/")), folder: folders.iter().collect(), name }
}

/// Names that no package can have, or none that is to be imported.
fn is_taken(name: &str) -> bool {
    const KEYWORDS: [&str; 25] = [
        "break",
        "case",
        "chan",
        "const",
        "continue",
        "default",
        "defer",
        "else",
        "fallthrough",
        "for",
        "func",
        "go",
        "goto",
        "if",
        "import",
        "interface",
        "map",
        "package",
        "range",
        "return",
        "select",
        "struct",
        "switch",
        "type",
        "var",
    ];
    const USED: [&str; 25] = [
        "any", "append", "bool", "byte", "error", "false", "float32", "float64", "init", "int32", "int64", "len",
        "main", "make", "new", "nil", "req", "res", "string", "true", "uint32", "uint64", "x", "options", "_",
    ];
    KEYWORDS.contains(&name) || USED.contains(&name)
}

/// The part of a full name behind that of its package.
fn local<'a>(full_name: &'a str, package: &str) -> &'a str {
    full_name.strip_prefix(package).and_then(|rest| rest.strip_prefix('.')).unwrap_or(full_name)
}

/// A name as protoc-gen-go spells it: `GoCamelCase` of google.golang.org/protobuf/internal/strs.
fn camel(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut before = None;
    let mut chars = name.chars().peekable();
    // Whether the letter before goes on as it is.
    let mut in_word = false;
    while let Some(char) = chars.next() {
        let is_lower_next = chars.peek().is_some_and(char::is_ascii_lowercase);
        match char {
            '.' if is_lower_next => in_word = false,
            '.' => {
                camel.push('_');
                in_word = false;
            }
            '_' if before.is_none_or(|before| before == '.') => {
                camel.push('X');
                in_word = false;
            }
            '_' if is_lower_next => in_word = false,
            digit if digit.is_ascii_digit() => {
                camel.push(digit);
                in_word = false;
            }
            letter if in_word && letter.is_ascii_lowercase() => camel.push(letter),
            letter => {
                camel.push(letter.to_ascii_uppercase());
                in_word = true;
            }
        }
        before = Some(char);
    }
    camel
}

/// The name, or with as many `_` behind it as make it the only one.
fn unique(mut name: String, taken: &mut HashSet<String>) -> String {
    while !taken.insert(name.clone()) {
        name.push('_');
    }
    name
}

/// The name of a service, from which others are made.
fn service_name(mut name: String, taken: &mut HashSet<String>) -> String {
    let made = |name: &str| {
        [
            format!("{name}Server"),
            format!("Unimplemented{name}Server"),
            format!("Register{name}Server"),
            format!("{name}Client"),
            format!("New{name}Client"),
        ]
    };
    while made(&name).iter().any(|made| taken.contains(made)) {
        name.push('_');
    }
    taken.extend(made(&name));
    name
}

/// The names of a message's fields: those of methods, and getters of other fields, have a `_` behind them.
fn members(message: &Message, name: &str, taken: &mut HashSet<String>) -> Vec<GoMember> {
    const METHODS: [&str; 11] = [
        "Reset",
        "String",
        "ProtoMessage",
        "Marshal",
        "Unmarshal",
        "ExtensionRangeArray",
        "ExtensionMap",
        "Descriptor",
        "MessageType",
        "MarshalWire",
        "UnmarshalWire",
    ];
    let mut used: HashSet<String> = METHODS.map(str::to_owned).into();
    let mut field = |proto_name: &str, has_getter: bool| {
        let mut name = camel(proto_name);
        while used.contains(&name) || has_getter && used.contains(&format!("Get{name}")) {
            name.push('_');
        }
        used.insert(name.clone());
        if has_getter {
            used.insert(format!("Get{name}"));
        }
        name
    };
    let mut members = Vec::new();
    for member in &message.members {
        members.push(match member {
            Member::Field(one) => GoMember {
                name: field(&one.proto_name, true),
                interface: String::new(),
                has_getter: false,
                cases: Vec::new(),
            },
            Member::Oneof(oneof) => {
                // protoc-gen-go names the first case, then the oneof, then the other cases.
                let mut cases: Vec<String> =
                    oneof.cases.iter().take(1).map(|case| field(&case.proto_name, true)).collect();
                let of_oneof = field(&oneof.proto_name, false);
                cases.extend(oneof.cases.iter().skip(1).map(|case| field(&case.proto_name, true)));
                let cases = cases.into_iter().map(|case| {
                    let ty = unique(format!("{name}_{case}"), taken);
                    (case, ty)
                });
                let cases = cases.collect();
                let interface = unique(format!("is{name}_{of_oneof}"), taken);
                GoMember { name: of_oneof, interface, has_getter: false, cases }
            }
        });
    }
    for member in members.iter_mut().filter(|member| !member.interface.is_empty()) {
        member.has_getter = used.insert(format!("Get{}", member.name));
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_protoc_gen_go() {
        // The cases of strs_test.go in google.golang.org/protobuf.
        let cases = [
            ("", ""),
            ("one", "One"),
            ("one_two", "OneTwo"),
            ("_my_field_name_2", "XMyFieldName_2"),
            ("Something_Capped", "Something_Capped"),
            ("my_Name", "My_Name"),
            ("OneTwo", "OneTwo"),
            ("_", "X"),
            ("_a_", "XA_"),
            ("one.two", "OneTwo"),
            ("one.Two", "One_Two"),
            ("one_two.three_four", "OneTwoThreeFour"),
            ("one_two.Three_four", "OneTwo_ThreeFour"),
            ("_one._two", "XOne_XTwo"),
            ("SCREAMING_SNAKE_CASE", "SCREAMING_SNAKE_CASE"),
            ("double__underscore", "Double_Underscore"),
            ("camelCase", "CamelCase"),
            ("go2proto", "Go2Proto"),
        ];
        for (proto, go) in cases {
            assert_eq!(camel(proto), go, "{proto}");
        }
    }

    #[test]
    fn packages_are_named_after_their_version_too() {
        let go = |proto| {
            let package = go_package(proto, "m");
            format!("{} {}", package.import, package.name)
        };
        assert_eq!(go("shop.users.v1"), "m/gen/shop/users/v1 usersv1");
        assert_eq!(go("greeter"), "m/gen/greeter greeter");
        assert_eq!(go("a.func"), "m/gen/a/func funcpb");
        assert_eq!(go("a.internal.v1"), "m/gen/a/internal_/v1 internalv1");
        assert_eq!(go(""), "m/gen/pb pb");
    }
}
