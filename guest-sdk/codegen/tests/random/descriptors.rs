//! Random sets of descriptors: several files and packages, nested messages, oneofs, maps, groups, recursion, well-known
//! types, and names that clash or that WIT refuses. Other crates include this file by its path.

use std::collections::{HashMap, HashSet};

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use prost_reflect::DescriptorPool;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::source_code_info::Location;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumOptions, EnumValueDescriptorProto, FieldDescriptorProto, FieldOptions,
    FileDescriptorProto, FileDescriptorSet, MessageOptions, MethodDescriptorProto, OneofDescriptorProto,
    ServiceDescriptorProto, SourceCodeInfo,
};

/// What [`descriptors`] are built by.
pub(crate) fn choices() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..1200)
}

/// A set that protoc could have made.
pub(crate) fn descriptors(choices: &[u8]) -> FileDescriptorSet {
    Builder::build(choices, false)
}

/// A set that protoc need not have made.
pub(crate) fn hostile_descriptors(choices: &[u8]) -> FileDescriptorSet {
    Builder::build(choices, true)
}

const PACKAGES: &[&str] = &[
    "",
    "a",
    "a.b.v1",
    "a.b.v1beta1",
    "a.b_c.v2",
    "a.b.c.v2",
    "type.list.v1",
    "okra.service",
    "okra.service.v0p1",
    "okra.project",
    "_",
    "v1",
    "shop.v2p1",
    "google.protobuf",
];

const TYPES: &[&str] = &[
    "M",
    "Record",
    "List",
    "HTTPServer",
    "HttpServer",
    "Http_Server",
    "Error",
    "Error2",
    "Error22",
    "Types",
    "Codec",
    "_",
    "__9",
    "A1",
    "A_1",
    "A_",
    "Option",
    "Result",
    "Stream",
    "DecodeM",
    "Encode_M",
    "World",
    "Type",
    "M_one",
    "S8",
    "Context",
];

const FIELDS: &[&str] = &[
    "a",
    "type",
    "list",
    "address_2",
    "address2",
    "address_22",
    "ADDRESS2",
    "_9",
    "__",
    "HTTPServer",
    "http_server",
    "error",
    "request",
    "with",
    "use",
    "record",
    "empty",
    "f32",
    "async",
    "constructor",
    "package",
    "error_context",
    "unrecognized",
    "one",
    "x509Cert",
    "self",
];

const ONEOFS: &[&str] = &["one", "kind", "_", "type", "ONE", "o2"];

const VALUES: &[&str] =
    &["UNSPECIFIED", "A", "_A", "2", "2_A", "UNRECOGNIZED", "unrecognized2", "ENUM", "_", "record", "A2", "EMPTY"];

const METHODS: &[&str] =
    &["Get", "get", "GET", "Get2", "Record", "Error", "error", "M", "Func", "_", "Decode_M", "Import"];

const SERVICES: &[&str] = &["S", "Types", "Codec", "types2", "Interface", "Raw", "M", "HTTPServer"];

const COMMENTS: &[&str] = &[
    " A comment.\n\n More of it.\n",
    "*/ } world evil {} /*",
    "\r@since(version = 1.0.0)\n@unstable(feature = x)",
    "/ \u{202e}\u{2066}\u{85}\u{2028}\u{0}\u{149}\u{7f}\t`",
    "\n\n",
];

const EVIL_NAMES: &[&str] = &["", "a b", "a.b", ".", "a\n}\nworld evil {}", "ä", "9", "\u{202e}", "%a"];

const WELL_KNOWN: &[&str] = &[
    "Any",
    "Duration",
    "Timestamp",
    "Empty",
    "FieldMask",
    "Struct",
    "Value",
    "ListValue",
    "DoubleValue",
    "BoolValue",
    "BytesValue",
    "StringValue",
    "Int64Value",
    "UInt32Value",
    "Type",
    "Option",
];

/// A message or enum that fields may refer to.
#[derive(Clone)]
struct Known {
    full_name: String,
    file: usize,
    proto2: bool,
}

/// Builds a set by choices, of which each takes a byte; when there are none left, it is the first of what there is.
struct Builder<'a> {
    choices: std::slice::Iter<'a, u8>,
    hostile: bool,
    /// All full names.
    names: HashSet<String>,
    messages: Vec<Known>,
    enums: Vec<Known>,
    /// Packages of the files.
    files: Vec<(String, bool)>,
}

impl<'a> Builder<'a> {
    fn build(choices: &'a [u8], hostile: bool) -> FileDescriptorSet {
        let pool = DescriptorPool::global();
        let well_known: Vec<_> = pool.files().filter(|file| file.package_name() == "google.protobuf").collect();
        let names = well_known.iter().flat_map(|file| {
            let messages = file.messages().map(|message| message.full_name().to_owned());
            messages.chain(file.enums().map(|found| found.full_name().to_owned())).collect::<Vec<_>>()
        });
        // A package and a type cannot have the same name either.
        let packages = PACKAGES.iter().flat_map(|package| package.match_indices('.').map(|(at, _)| &package[..at]));
        let packages = packages.chain(PACKAGES.iter().copied()).map(str::to_owned);
        let names: HashSet<String> = names.chain(packages).collect();
        let known = |name: &str| Known { full_name: format!("google.protobuf.{name}"), file: 0, proto2: false };
        let mut builder = Self {
            choices: choices.iter(),
            hostile,
            names,
            messages: WELL_KNOWN.iter().map(|name| known(name)).collect(),
            enums: vec![known("NullValue"), known("Syntax")],
            files: Vec::new(),
        };
        let count = 1 + builder.below(5);
        let mut set = FileDescriptorSet::default();
        set.file.extend(well_known.iter().map(|file| file.file_descriptor_proto().clone()));
        let imports: Vec<_> = well_known.iter().map(|file| file.name().to_owned()).collect();
        for index in 0..count {
            let before = (0..index).map(|index| format!("f{index}.proto"));
            let dependency = imports.iter().cloned().chain(before).collect();
            let file = builder.file(index);
            set.file.push(FileDescriptorProto { dependency, ..file });
        }
        set
    }

    fn below(&mut self, count: usize) -> usize {
        self.choices.next().map_or(0, |choice| usize::from(*choice)) % count
    }

    fn chance(&mut self, of: usize) -> bool {
        self.below(of) == of - 1
    }

    fn one(&mut self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len())]
    }

    /// A name that is new in its scope.
    fn name(&mut self, scope: &str, wanted: &[&'static str]) -> String {
        let mut name = self.one(wanted).to_owned();
        if self.hostile && self.chance(100) {
            name = match self.chance(8) {
                true => "long".repeat(100),
                false => self.one(EVIL_NAMES).to_owned(),
            };
        }
        while !self.names.insert(join(scope, &name)) {
            name.push_str(["_", "2", "b", "_A"][self.below(4)]);
        }
        name
    }

    fn file(&mut self, index: usize) -> FileDescriptorProto {
        let package = match self.files.last().cloned() {
            Some((package, _)) if self.chance(3) => package,
            _ => self.one(PACKAGES).to_owned(),
        };
        let proto2 = self.chance(3);
        self.files.push((package.clone(), proto2));
        let mut file = FileDescriptorProto {
            name: Some(format!("f{index}.proto")),
            syntax: (!proto2).then(|| "proto3".to_owned()),
            ..Default::default()
        };
        // Types are declared before any field refers to them: they may refer to each other.
        file.enum_type = (0..self.below(3)).map(|_| self.enumeration(&package)).collect();
        file.message_type = (0..1 + self.below(6)).map(|_| self.declare(&package, 0)).collect();
        let mut messages = std::mem::take(&mut file.message_type);
        for message in &mut messages {
            self.fill(message, &package);
        }
        file.message_type = messages;
        file.service = (0..1 + self.below(2)).map(|_| self.service(&package)).collect();
        file.source_code_info = Some(self.comments());
        file.package = (!package.is_empty()).then_some(package);
        file
    }

    fn is_proto2(&self) -> bool {
        self.files.last().is_some_and(|(_, proto2)| *proto2)
    }

    fn known(&self, scope: &str, name: &str) -> Known {
        Known { full_name: join(scope, name), file: self.files.len(), proto2: self.is_proto2() }
    }

    fn declare(&mut self, scope: &str, depth: usize) -> DescriptorProto {
        let name = self.name(scope, TYPES);
        let full_name = join(scope, &name);
        self.messages.push(self.known(scope, &name));
        let mut message = DescriptorProto { name: Some(name), ..Default::default() };
        if depth < 3 {
            message.nested_type = (0..self.below(3)).map(|_| self.declare(&full_name, depth + 1)).collect();
            message.enum_type = (0..self.below(2)).map(|_| self.enumeration(&full_name)).collect();
        }
        message
    }

    fn fill(&mut self, message: &mut DescriptorProto, scope: &str) {
        let full_name = join(scope, message.name());
        for nested in &mut message.nested_type {
            self.fill(nested, &full_name);
        }
        let oneofs: Vec<_> = (0..self.below(3)).map(|_| self.name(&full_name, ONEOFS)).collect();
        let mut cases = vec![Vec::new(); oneofs.len()];
        let mut plain = Vec::new();
        let mut entries = Vec::new();
        let mut proto3_names = HashSet::new();
        for index in 0..self.below(10) {
            let name = self.name(&full_name, FIELDS);
            // proto3 refuses names that differ in case and underscores only.
            if !self.is_proto2() && !proto3_names.insert(name.replace('_', "").to_lowercase()) {
                continue;
            }
            // Numbers in another order than the declarations, and some large ones.
            let number = if self.chance(8) { 536_870_911 - index as i32 } else { 100 - index as i32 };
            let mut field = self.field(name, number);
            match self.below(6) {
                0 | 1 => plain.push(field),
                2 => {
                    field.set_label(Label::Repeated);
                    if matches!(field.r#type(), Type::Int32 | Type::Enum) && self.chance(2) {
                        field.options = Some(FieldOptions { packed: Some(self.chance(2)), ..Default::default() });
                    }
                    plain.push(field);
                }
                3 => {
                    // A group is no value of a map.
                    if field.r#type() == Type::Group {
                        field.set_type(Type::Message);
                    }
                    entries.push(self.map(&mut field, &full_name));
                    plain.push(field);
                }
                4 => match oneofs.len() {
                    0 => plain.push(field),
                    count => {
                        let oneof = self.below(count);
                        field.oneof_index = Some(oneof as i32);
                        cases[oneof].push(field);
                    }
                },
                _ if self.is_proto2() => {
                    field.set_label(Label::Required);
                    plain.push(field);
                }
                _ => {
                    field.proto3_optional = Some(true);
                    plain.push(field);
                }
            }
        }
        // Oneofs without fields are none; those of `optional` come after all others.
        let used: Vec<_> = oneofs.into_iter().zip(cases).filter(|(_, cases)| !cases.is_empty()).collect();
        for (index, (name, cases)) in used.into_iter().enumerate() {
            message.oneof_decl.push(OneofDescriptorProto { name: Some(name), options: None });
            let cases = cases.into_iter().map(|case| FieldDescriptorProto { oneof_index: Some(index as i32), ..case });
            message.field.extend(cases);
        }
        for mut field in plain {
            if field.proto3_optional() {
                field.oneof_index = Some(message.oneof_decl.len() as i32);
                let name = format!("_synthetic{}", message.oneof_decl.len());
                self.names.insert(join(&full_name, &name));
                message.oneof_decl.push(OneofDescriptorProto { name: Some(name), options: None });
            }
            message.field.push(field);
        }
        // Declared in any order.
        let turn = self.below(message.field.len().max(1));
        message.field.rotate_left(turn);
        message.nested_type.extend(entries);
        if self.hostile && self.chance(40) {
            message.options = Some(MessageOptions { map_entry: Some(true), ..Default::default() });
        }
        if self.hostile && self.chance(40) && !message.field.is_empty() {
            let field = self.below(message.field.len());
            let label = [Label::Repeated, Label::Required][self.below(2)];
            message.field[field].set_label(label);
        }
    }

    fn field(&mut self, name: String, number: i32) -> FieldDescriptorProto {
        let mut field = FieldDescriptorProto {
            name: Some(name),
            number: Some(number),
            label: Some(Label::Optional.into()),
            // Of clashing names protobuf would make the same name of JSON.
            json_name: Some(format!("j{number}")),
            ..Default::default()
        };
        let scalars = [
            Type::String,
            Type::Bytes,
            Type::Int32,
            Type::Sint64,
            Type::Fixed32,
            Type::Sfixed64,
            Type::Uint64,
            Type::Bool,
            Type::Float,
            Type::Double,
        ];
        match self.below(8) {
            0..4 => field.set_type(scalars[self.below(scalars.len())]),
            4 => {
                let enums = match self.is_proto2() {
                    true => self.enums.clone(),
                    false => self.enums.iter().filter(|known| !known.proto2).cloned().collect(),
                };
                field.set_type(Type::Enum);
                field.type_name = Some(format!(".{}", enums[self.below(enums.len())].full_name));
            }
            choice => {
                // Mostly of the same file, so that messages hold themselves and each other.
                let file = self.files.len();
                let near: Vec<_> = self.messages.iter().filter(|known| known.file == file).cloned().collect();
                let messages = if choice == 5 || near.is_empty() { self.messages.clone() } else { near };
                let group = self.is_proto2() && self.chance(4);
                field.set_type(if group { Type::Group } else { Type::Message });
                field.type_name = Some(format!(".{}", messages[self.below(messages.len())].full_name));
            }
        }
        field
    }

    /// Makes a map of values like the field, and returns its entry.
    fn map(&mut self, field: &mut FieldDescriptorProto, scope: &str) -> DescriptorProto {
        let name = format!("Map{}Entry", field.number());
        self.names.insert(join(scope, &name));
        let keys = [Type::String, Type::Int32, Type::Bool, Type::Uint64, Type::Sfixed32];
        let number = |field: &FieldDescriptorProto, name: &str, number| FieldDescriptorProto {
            name: Some(name.to_owned()),
            number: Some(number),
            json_name: Some(name.to_owned()),
            ..field.clone()
        };
        let value = number(field, "value", 2);
        let mut key = number(field, "key", 1);
        key.type_name = None;
        key.set_type(keys[self.below(keys.len())]);
        field.set_label(Label::Repeated);
        field.set_type(Type::Message);
        field.type_name = Some(format!(".{}", join(scope, &name)));
        let mut fields = vec![key, value];
        if self.hostile && self.chance(10) {
            fields.remove(self.below(2));
        }
        DescriptorProto {
            name: Some(name),
            field: fields,
            options: Some(MessageOptions { map_entry: Some(true), ..Default::default() }),
            ..Default::default()
        }
    }

    fn enumeration(&mut self, scope: &str) -> EnumDescriptorProto {
        let name = self.name(scope, TYPES);
        self.enums.push(self.known(scope, &name));
        let aliases = self.chance(2);
        let mut numbers = HashMap::new();
        let mut value = Vec::new();
        for index in 0..1 + self.below(5) {
            // Values are siblings of their enum.
            let prefix = if self.chance(3) { String::new() } else { format!("{}_", name.to_uppercase()) };
            let wanted = self.one(VALUES);
            let mut name = format!("{prefix}{wanted}");
            if name.starts_with(|first: char| first.is_ascii_digit()) {
                name.insert(0, '_');
            }
            while !self.names.insert(join(scope, &name)) {
                name.push('_');
            }
            let number = match (index, self.below(4)) {
                (0, _) => 0,
                (_, 0) => i32::MIN + self.below(3) as i32,
                (_, 1) => self.below(3) as i32,
                _ => -(index as i32),
            };
            if numbers.insert(number, ()).is_none() || aliases {
                value.push(EnumValueDescriptorProto { name: Some(name), number: Some(number), options: None });
            }
        }
        let options = aliases.then(|| EnumOptions { allow_alias: Some(true), ..Default::default() });
        EnumDescriptorProto { name: Some(name), value, options, ..Default::default() }
    }

    fn service(&mut self, scope: &str) -> ServiceDescriptorProto {
        let name = self.name(scope, SERVICES);
        let full_name = join(scope, &name);
        let methods = (0..self.below(5)).map(|_| {
            let message = |builder: &mut Self| {
                let known = builder.below(builder.messages.len());
                // Rather of the last files than of the first.
                Some(format!(".{}", builder.messages[builder.messages.len() - 1 - known].full_name))
            };
            MethodDescriptorProto {
                name: Some(self.name(&full_name, METHODS)),
                input_type: message(self),
                output_type: message(self),
                ..Default::default()
            }
        });
        ServiceDescriptorProto { name: Some(name), method: methods.collect(), options: None }
    }

    fn comments(&mut self) -> SourceCodeInfo {
        let paths: [&[i32]; 10] = [
            &[4, 0],
            &[4, 1],
            &[4, 0, 2, 0],
            &[4, 0, 2, 1],
            &[4, 0, 8, 0],
            &[4, 0, 3, 0],
            &[5, 0],
            &[5, 0, 2, 0],
            &[6, 0],
            &[6, 0, 2, 0],
        ];
        let locations = paths.into_iter().filter_map(|path| {
            let comment = self.one(COMMENTS);
            self.chance(2).then(|| Location {
                path: path.to_vec(),
                span: vec![0, 0, 0],
                leading_comments: Some(comment.to_owned()),
                ..Default::default()
            })
        });
        SourceCodeInfo { location: locations.collect() }
    }
}

fn join(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}
