//! Random schemas: a proto2 and a proto3 file, of which the second has the services and uses types of the first.

use std::collections::HashSet;

use prost_reflect::DescriptorPool;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumOptions, EnumValueDescriptorProto, FieldDescriptorProto, FieldOptions,
    FileDescriptorProto, MessageOptions, MethodDescriptorProto, OneofDescriptorProto, ServiceDescriptorProto,
};

use super::Tape;

/// The services of every random schema. They have the same methods.
pub(crate) const RELAY: &str = "test.random.v1.Relay";
pub(crate) const UPSTREAM: &str = "test.random.v1.Upstream";

const WELL_KNOWN: [&str; 16] = [
    "Timestamp",
    "Duration",
    "Any",
    "FieldMask",
    "Struct",
    "Value",
    "ListValue",
    "Empty",
    "DoubleValue",
    "FloatValue",
    "Int64Value",
    "UInt64Value",
    "Int32Value",
    "BoolValue",
    "StringValue",
    "BytesValue",
];

const SCALARS: [Type; 15] = [
    Type::Int32,
    Type::String,
    Type::Bool,
    Type::Double,
    Type::Float,
    Type::Int64,
    Type::Uint64,
    Type::Uint32,
    Type::Fixed64,
    Type::Fixed32,
    Type::Bytes,
    Type::Sfixed32,
    Type::Sfixed64,
    Type::Sint32,
    Type::Sint64,
];

const KEYS: [Type; 12] = [
    Type::Int32,
    Type::String,
    Type::Bool,
    Type::Int64,
    Type::Uint64,
    Type::Uint32,
    Type::Fixed64,
    Type::Fixed32,
    Type::Sfixed32,
    Type::Sfixed64,
    Type::Sint32,
    Type::Sint64,
];

/// The descriptors of a random schema.
pub(crate) fn random(tape: &mut Tape<'_>) -> DescriptorPool {
    let proto3_first = tape.once_in(2);
    let package = if tape.once_in(2) { "test.random.v1" } else { "test.random.base" };
    let nothing = Known::default();
    let base = File::new(tape, "base.proto", package, "B", proto3_first, &nothing);
    // A proto3 message cannot have an enum of proto2.
    let enums = if proto3_first { base.known.enums.clone() } else { Vec::new() };
    let borrowed = Known { messages: base.known.messages.clone(), enums };
    let mut own = File::new(tape, "own.proto", "test.random.v1", "M", !proto3_first, &borrowed);
    own.proto.dependency.push("base.proto".to_owned());
    let methods = methods(tape, &own.known.messages, &base.known.messages);
    own.proto.service = [RELAY, UPSTREAM]
        .iter()
        .map(|name| ServiceDescriptorProto {
            name: name.rsplit('.').next().map(ToOwned::to_owned),
            method: methods.clone(),
            ..Default::default()
        })
        .collect();
    let mut pool = DescriptorPool::global();
    for file in [base.proto, own.proto] {
        let text = format!("{file:?}");
        pool.add_file_descriptor_proto(file).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    }
    pool
}

/// One method for each of some messages, and one for a type of protobuf's own.
fn methods(tape: &mut Tape<'_>, own: &[String], borrowed: &[String]) -> Vec<MethodDescriptorProto> {
    let mut types: Vec<String> = own.iter().take(4).chain(borrowed.iter().take(2)).cloned().collect();
    types.push(format!(".google.protobuf.{}", tape.pick(&WELL_KNOWN)));
    let outputs = types.iter().cycle().skip(1);
    let pairs = types.iter().zip(outputs).enumerate();
    pairs
        .map(|(index, (input, output))| MethodDescriptorProto {
            name: Some(format!("Call{index}")),
            input_type: Some(input.clone()),
            output_type: Some(output.clone()),
            ..Default::default()
        })
        .collect()
}

/// Types by their full names, with a dot before.
#[derive(Default)]
struct Known {
    messages: Vec<String>,
    enums: Vec<String>,
}

struct File<'k> {
    proto: FileDescriptorProto,
    proto3: bool,
    known: Known,
    borrowed: &'k Known,
}

impl<'k> File<'k> {
    fn new(tape: &mut Tape<'_>, name: &str, package: &str, prefix: &str, proto3: bool, borrowed: &'k Known) -> Self {
        let files = ["any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers"];
        let proto = FileDescriptorProto {
            name: Some(name.to_owned()),
            package: Some(package.to_owned()),
            dependency: files.iter().map(|file| format!("google/protobuf/{file}.proto")).collect(),
            syntax: proto3.then(|| "proto3".to_owned()),
            ..Default::default()
        };
        let mut file = Self { proto, proto3, known: Known::default(), borrowed };
        for index in 0..1 + tape.below(3) {
            let name = format!("{prefix}Enum{index}");
            file.known.enums.push(format!(".{package}.{name}"));
            file.proto.enum_type.push(enumeration(tape, &name, proto3));
        }
        // All names first, because any field may have any type.
        let mut outlines: Vec<_> =
            (0..1 + tape.below(4)).map(|index| outline(tape, &format!("{prefix}{index}"), 2)).collect();
        outlines.iter().for_each(|message| file.name(message, &format!(".{package}")));
        let mut next = 0;
        for message in &mut outlines {
            file.fill(tape, message, &mut next);
        }
        file.proto.message_type = outlines;
        file
    }

    fn name(&mut self, message: &DescriptorProto, parent: &str) {
        let full_name = format!("{parent}.{}", message.name());
        self.known.messages.push(full_name.clone());
        message.nested_type.iter().for_each(|child| self.name(child, &full_name));
    }

    /// Gives a message its fields; `next` counts the messages of the file in the order of their names.
    fn fill(&self, tape: &mut Tape<'_>, message: &mut DescriptorProto, next: &mut usize) {
        let (index, full_name) = (*next, self.known.messages[*next].clone());
        *next += 1;
        for child in &mut message.nested_type {
            self.fill(tape, child, next);
        }
        let count = match tape.below(8) {
            0 => 0,
            1..=4 => 1 + tape.below(6),
            5 | 6 => 1 + tape.below(20),
            _ => 20 + tape.below(60),
        };
        let mut number = 0;
        let mut oneofs: [Vec<FieldDescriptorProto>; 2] = Default::default();
        for position in 0..count {
            number += match tape.below(16) {
                14 => 1000,
                15 => 1 << 22,
                step => 1 + step as i32 / 8,
            };
            let mut field = FieldDescriptorProto {
                name: Some(format!("f{position}")),
                number: Some(number),
                label: Some(Label::Optional as i32),
                ..Default::default()
            };
            match tape.below(8) {
                0 | 1 => self.set_type(tape, &mut field),
                2 if self.proto3 => {
                    self.set_type(tape, &mut field);
                    field.proto3_optional = Some(true);
                }
                2 => {
                    self.set_type(tape, &mut field);
                    // Messages that require one another have no value.
                    let target = self.known.messages.iter().position(|name| name == field.type_name());
                    if target.is_none_or(|target| target > index) {
                        field.label = Some(Label::Required as i32);
                    }
                }
                3 | 4 => {
                    self.set_type(tape, &mut field);
                    field.label = Some(Label::Repeated as i32);
                    let packs = !matches!(field.r#type(), Type::String | Type::Bytes | Type::Message | Type::Group);
                    if packs && tape.once_in(3) {
                        field.options = Some(FieldOptions { packed: Some(tape.once_in(2)), ..Default::default() });
                    }
                }
                5 => message.nested_type.push(self.map(tape, &mut field, position, &full_name)),
                _ => {
                    self.set_type(tape, &mut field);
                    oneofs[tape.below(2)].push(field);
                    continue;
                }
            }
            message.field.push(field);
        }
        for mut cases in oneofs.into_iter().filter(|cases| !cases.is_empty()) {
            let oneof = message.oneof_decl.len();
            message
                .oneof_decl
                .push(OneofDescriptorProto { name: Some(format!("choice{oneof}")), ..Default::default() });
            cases.iter_mut().for_each(|field| field.oneof_index = Some(oneof as i32));
            message.field.extend(cases);
        }
        for field in message.field.iter_mut().filter(|field| field.proto3_optional()) {
            field.oneof_index = Some(message.oneof_decl.len() as i32);
            let name = Some(format!("_{}", field.name()));
            message.oneof_decl.push(OneofDescriptorProto { name, ..Default::default() });
        }
        // The order of declaration is not that of the numbers.
        let middle = tape.below(1 + message.field.len());
        message.field.rotate_left(middle);
    }

    fn set_type(&self, tape: &mut Tape<'_>, field: &mut FieldDescriptorProto) {
        let (ty, name) = self.random_type(tape);
        field.r#type = Some(ty as i32);
        field.type_name = name;
    }

    fn random_type(&self, tape: &mut Tape<'_>) -> (Type, Option<String>) {
        let messages = || self.known.messages.iter().chain(&self.borrowed.messages).cloned().collect::<Vec<_>>();
        match tape.below(16) {
            10 | 11 => {
                let enums: Vec<_> = self.known.enums.iter().chain(&self.borrowed.enums).cloned().collect();
                (Type::Enum, Some(tape.pick(&enums).clone()))
            }
            12 | 13 => (Type::Message, Some(tape.pick(&messages()).clone())),
            14 => (Type::Message, Some(format!(".google.protobuf.{}", tape.pick(&WELL_KNOWN)))),
            15 => (if self.proto3 { Type::Message } else { Type::Group }, Some(tape.pick(&messages()).clone())),
            _ => (*tape.pick(&SCALARS), None),
        }
    }

    /// Makes a map of a field; returns the message of its entries.
    fn map(
        &self,
        tape: &mut Tape<'_>,
        field: &mut FieldDescriptorProto,
        position: usize,
        owner: &str,
    ) -> DescriptorProto {
        let part = |name: &str, number| FieldDescriptorProto {
            name: Some(name.to_owned()),
            number: Some(number),
            label: Some(Label::Optional as i32),
            ..Default::default()
        };
        let (mut key, mut value) = (part("key", 1), part("value", 2));
        key.r#type = Some(*tape.pick(&KEYS) as i32);
        self.set_type(tape, &mut value);
        if value.r#type() == Type::Group {
            value.r#type = Some(Type::Message as i32);
        }
        let name = format!("F{position}Entry");
        field.r#type = Some(Type::Message as i32);
        field.type_name = Some(format!("{owner}.{name}"));
        field.label = Some(Label::Repeated as i32);
        DescriptorProto {
            name: Some(name),
            field: vec![key, value],
            options: Some(MessageOptions { map_entry: Some(true), ..Default::default() }),
            ..Default::default()
        }
    }
}

/// A message with others in it, none of them with fields yet.
fn outline(tape: &mut Tape<'_>, name: &str, depth: usize) -> DescriptorProto {
    let children = if depth == 0 { 0 } else { tape.below(5).saturating_sub(2) };
    DescriptorProto {
        name: Some(name.to_owned()),
        nested_type: (0..children).map(|index| outline(tape, &format!("{name}N{index}"), depth - 1)).collect(),
        ..Default::default()
    }
}

fn enumeration(tape: &mut Tape<'_>, name: &str, proto3: bool) -> EnumDescriptorProto {
    let count = match tape.below(8) {
        // More than a discriminant of one byte takes.
        7 => 250 + tape.below(20),
        small => 1 + small,
    };
    let alias = tape.once_in(4);
    let mut taken = HashSet::new();
    let mut numbers = Vec::new();
    for index in 0..count {
        let number = match tape.below(4) {
            _ if proto3 && index == 0 => 0,
            3 => tape.integer() as i32,
            // proto2 begins with any number, and may have 0 behind it.
            _ if !proto3 && index == 0 => 3,
            _ if !proto3 && index == 1 => 0,
            _ => index as i32,
        };
        if alias || taken.insert(number) {
            numbers.push(number);
        }
    }
    let value = |(index, number): (usize, &i32)| EnumValueDescriptorProto {
        name: Some(format!("{}_V{index}", name.to_uppercase())),
        number: Some(*number),
        ..Default::default()
    };
    EnumDescriptorProto {
        name: Some(name.to_owned()),
        value: numbers.iter().enumerate().map(value).collect(),
        options: alias.then(|| EnumOptions { allow_alias: Some(true), ..Default::default() }),
        ..Default::default()
    }
}
