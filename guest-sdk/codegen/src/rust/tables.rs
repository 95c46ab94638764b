//! The tables by which the SDK encodes and decodes messages: see `okra_guest::message::fields`.

use std::fmt::Write as _;

use super::names::{camel, snake, type_name};
use super::types::Types;
use crate::schema::{Cardinality, Enum, Field, JsonKind, Kind, Member, Message, Oneof, Scalar};

/// Prints the table of all messages, in which the contents of `google.protobuf.Any` are found.
pub(super) fn registry_text(types: &Types<'_>, text: &mut String) {
    text.push_str("pub static TYPES: ::okra_guest::message::fields::Types = ::okra_guest::message::fields::Types { messages: &[\n");
    let is_generated = |message: &&Message| Types::sdk_type(&message.full_name).is_none();
    let mut messages: Vec<_> = types.schema.messages.iter().filter(is_generated).collect();
    messages.sort_by(|one, other| one.full_name.cmp(&other.full_name));
    for message in messages {
        let (name, package) = (type_name(&message.wit_name), message.package);
        let new = format!("<p{package}::{name} as ::std::default::Default>::default()");
        let _ = writeln!(text, "    ({:?}, || ::std::boxed::Box::new({new})),", message.full_name);
    }
    text.push_str("] };\n");
}

pub(super) fn message_text(message: &Message, text: &mut String) {
    let name = type_name(&message.wit_name);
    let full_name = &message.full_name;
    let _ = writeln!(text, "impl __f::Fields for {name} {{");
    text.push_str("fn info(&self) -> &'static __f::MessageInfo {\n");
    let _ = writeln!(
        text,
        "static INFO: __f::MessageInfo = __f::MessageInfo {{ full_name: {full_name:?}, types: &super::TYPES, fields: &["
    );
    let mut fields: Vec<(u32, String)> = Vec::new();
    for (index, member) in message.members.iter().enumerate() {
        match member {
            Member::Field(field) => {
                let cardinality = cardinality(field);
                fields.push((field.number, format!("__f::Field::new({}, {cardinality}, {index})", field_head(field))));
            }
            Member::Oneof(oneof) => fields.extend(oneof.cases.iter().enumerate().map(|(case, field)| {
                (field.number, format!("__f::Field::case({}, {index}, {case})", field_head(field)))
            })),
        }
    }
    fields.sort();
    for (_, field) in fields {
        let _ = writeln!(text, "    {field},");
    }
    text.push_str("] };\n&INFO\n}\n");
    for (is_mut, signature) in [
        (false, "fn member(&self, index: usize) -> __f::Member<'_>"),
        (true, "fn member_mut(&mut self, index: usize) -> __f::MemberMut<'_>"),
    ] {
        let _ = writeln!(text, "{signature} {{\nmatch index {{");
        for (index, member) in message.members.iter().enumerate() {
            let _ = writeln!(text, "    {index} => {},", member_value(member, is_mut));
        }
        let ty = if is_mut { "MemberMut" } else { "Member" };
        let _ = writeln!(text, "    _ => __f::{ty}::Missing,\n}}\n}}");
    }
    text.push_str("}\n");
    let _ =
        writeln!(text, "impl ::okra_guest::Message for {name} {{ const FULL_NAME: &'static str = {full_name:?}; }}");
}

fn field_head(field: &Field) -> String {
    format!("{}, {:?}, {:?}, {}", field.number, field.proto_name, field.json_name, kind(&field.kind))
}

fn member_value(member: &Member, is_mut: bool) -> String {
    let (name, shape) = match member {
        Member::Oneof(oneof) => (&oneof.wit_name, "Oneof"),
        Member::Field(field) => {
            let shape = match field.cardinality {
                Cardinality::Repeated { .. } => "Many",
                Cardinality::Map { .. } => "Map",
                Cardinality::Optional => "Maybe",
                _ if matches!(field.kind, Kind::Encoded { .. }) => "Maybe",
                Cardinality::Implicit | Cardinality::Required => "One",
            };
            (&field.wit_name, shape)
        }
    };
    let name = snake(name);
    match (is_mut, shape) {
        (true, _) => format!("__f::MemberMut::{shape}(&mut self.{name})"),
        (false, "Maybe") => format!("__f::Member::maybe(&self.{name})"),
        (false, "Oneof") => format!("__f::Member::oneof(&self.{name})"),
        (false, _) => format!("__f::Member::{shape}(&self.{name})"),
    }
}

pub(super) fn oneof_text(oneof: &Oneof, text: &mut String) {
    let name = type_name(&oneof.type_name);
    let _ = writeln!(text, "impl __f::OneofEnum for {name} {{");
    for signature in
        ["fn get(&self) -> (usize, &dyn __f::Single)", "fn get_mut(&mut self) -> (usize, &mut dyn __f::Single)"]
    {
        let _ = writeln!(text, "{signature} {{\nmatch self {{");
        for (index, case) in oneof.cases.iter().enumerate() {
            let _ = writeln!(text, "    {name}::{}(value) => ({index}, value),", camel(&case.wit_name));
        }
        text.push_str("}\n}\n");
    }
    text.push_str("fn new(case: usize) -> Self {\nmatch case {\n");
    for (index, case) in oneof.cases.iter().enumerate() {
        let pattern = if index + 1 == oneof.cases.len() { "_".to_owned() } else { index.to_string() };
        let _ =
            writeln!(text, "    {pattern} => {name}::{}(::std::default::Default::default()),", camel(&case.wit_name));
    }
    text.push_str("}\n}\n}\n");
}

pub(super) fn enum_text(definition: &Enum, name: &str, text: &mut String) {
    let _ = writeln!(text, "impl __f::EnumValue for {name} {{");
    text.push_str("fn info(&self) -> &'static __f::EnumInfo {\n");
    let _ = writeln!(
        text,
        "static INFO: __f::EnumInfo = __f::EnumInfo {{ full_name: {:?}, values: &[",
        definition.full_name
    );
    for case in &definition.cases {
        let _ = writeln!(text, "    ({:?}, {}),", case.proto_name, case.number);
    }
    for (alias, number) in &definition.aliases {
        let _ = writeln!(text, "    ({alias:?}, {number}),");
    }
    text.push_str("] };\n&INFO\n}\nfn number(&self) -> i32 {\nmatch self {\n");
    for case in &definition.cases {
        let _ = writeln!(text, "    {name}::{} => {},", camel(&case.wit_name), case.number);
    }
    if let Some(unrecognized) = &definition.unrecognized {
        let _ = writeln!(text, "    {name}::{}(number) => *number,", camel(unrecognized));
    }
    text.push_str("}\n}\nfn set_number(&mut self, number: i32) -> bool {\n*self = match number {\n");
    for case in &definition.cases {
        let _ = writeln!(text, "    {} => {name}::{},", case.number, camel(&case.wit_name));
    }
    match &definition.unrecognized {
        Some(unrecognized) => {
            let _ = writeln!(text, "    number => {name}::{}(number),", camel(unrecognized));
        }
        None => text.push_str("    _ => return false,\n"),
    }
    text.push_str("};\ntrue\n}\n}\n");
    let _ = writeln!(text, "impl __f::Single for {name} {{");
    text.push_str("fn view(&self) -> __f::View<'_> { __f::View::Enum(self) }\n");
    text.push_str("fn view_mut(&mut self) -> __f::ViewMut<'_> { __f::ViewMut::Enum(self) }\n}\n");
}

fn cardinality(field: &Field) -> String {
    let name = match field.cardinality {
        Cardinality::Implicit => "Implicit",
        Cardinality::Optional => "Optional",
        Cardinality::Required => "Required",
        Cardinality::Repeated { packed: true } => "Packed",
        Cardinality::Repeated { packed: false } => "Repeated",
        Cardinality::Map { key } => return format!("__f::Cardinality::Map({})", scalar(key)),
    };
    format!("__f::Cardinality::{name}")
}

fn kind(kind: &Kind) -> String {
    let name = match kind {
        Kind::Scalar(of) => return format!("__f::Kind::Scalar({})", scalar(*of)),
        Kind::Wrapper(of) => return format!("__f::Kind::Wrapper({})", scalar(*of)),
        Kind::Enum(_) => "Enum",
        Kind::Message { group: true, .. } | Kind::Encoded { group: true, .. } => "Group",
        Kind::Message { .. } | Kind::Encoded { .. } => "Message",
        Kind::FieldMask => "FieldMask",
        Kind::Json(JsonKind::Struct) => "Struct",
        Kind::Json(JsonKind::Value) => "Value",
        Kind::Json(JsonKind::ListValue) => "ListValue",
    };
    format!("__f::Kind::{name}")
}

fn scalar(scalar: Scalar) -> String {
    format!("__f::Scalar::{scalar:?}")
}
