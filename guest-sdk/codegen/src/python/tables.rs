//! The tables by which the SDK encodes messages, and takes them to and from JSON: a call of `okra.describe` for each class.
//! The form of their rows is in `guest-sdk/python/src/okra/_fields.py`.

use std::collections::BTreeSet;

use super::names::{EnumNames, MemberNames, MessageNames, Path};
use super::text::call;
use super::types::Types;
use crate::schema::{Cardinality, Enum, Field, JsonKind, Kind, Member, Message, Scalar, Schema};

/// The calls for all classes of a package; empty when it has none.
pub(super) fn text(types: &mut Types<'_>) -> String {
    let (schema, names, package) = (types.schema, types.names, types.package);
    let mut text = String::new();
    for (message, names) in schema.messages.iter().zip(&names.messages) {
        if message.package == package && matches!(names.path, Path::In { .. }) {
            text.push_str(&message_text(types, message, names));
        }
    }
    for (definition, names) in schema.enums.iter().zip(&names.enums) {
        if definition.package == package {
            text.push_str(&enum_text(types, definition, names));
        }
    }
    text
}

fn message_text(types: &mut Types<'_>, message: &Message, names: &MessageNames) -> String {
    let mut rows = Vec::new();
    for (member, names) in message.members.iter().zip(&names.members) {
        match member {
            Member::Field(field) => rows.push(row(types.schema, field, &field_label(field), &names.attribute)),
            Member::Oneof(oneof) => {
                for (case, class) in oneof.cases.iter().zip(&names.cases) {
                    let label = case_label(&oneof.proto_name, names, class);
                    rows.push(row(types.schema, case, &label, &case.proto_name));
                }
            }
        }
    }
    describe(types, &names.path, &message.full_name, &rows)
}

fn enum_text(types: &mut Types<'_>, definition: &Enum, names: &EnumNames) -> String {
    let renamed = definition.cases.iter().zip(&names.cases).filter(|(case, member)| case.proto_name != **member);
    let mut rows: Vec<String> = renamed.map(|(case, member)| format!("{} {member}", case.proto_name)).collect();
    for (name, number) in &definition.aliases {
        let place = definition.cases.iter().position(|case| case.number == *number);
        if let Some(member) = place.and_then(|place| names.cases.get(place)) {
            rows.push(format!("{name} {member} alias"));
        }
    }
    describe(types, &names.path, &definition.full_name, &rows)
}

fn describe(types: &mut Types<'_>, path: &Path, full_name: &str, rows: &[String]) -> String {
    let okra = types.whole("okra");
    let class = types.class(path, &BTreeSet::new());
    let strings = [full_name].into_iter().chain(rows.iter().map(String::as_str)).map(literal);
    let arguments: Vec<String> = [class].into_iter().chain(strings).collect();
    call(0, &format!("{okra}.describe"), &arguments, "")
}

/// `NUMBER NAME LABEL TYPE [TYPE_NAME] [as=ATTRIBUTE] [json=JSON_NAME]`.
fn row(schema: &Schema, field: &Field, label: &str, attribute: &str) -> String {
    let mut row = format!("{} {} {label} {}", field.number, field.proto_name, type_words(schema, &field.kind));
    if attribute != field.proto_name {
        row.push_str(&format!(" as={attribute}"));
    }
    if field.json_name != json_name(&field.proto_name) {
        row.push_str(&format!(" json={}", field.json_name));
    }
    row
}

/// The name that protoc gives a field in JSON where its file gives none.
fn json_name(proto_name: &str) -> String {
    let mut name = String::new();
    let mut is_word_start = false;
    for char in proto_name.chars() {
        match char {
            '_' => is_word_start = true,
            char if is_word_start => {
                name.push(char.to_ascii_uppercase());
                is_word_start = false;
            }
            char => name.push(char),
        }
    }
    name
}

fn field_label(field: &Field) -> String {
    match field.cardinality {
        Cardinality::Implicit => "implicit".to_owned(),
        Cardinality::Optional => "optional".to_owned(),
        Cardinality::Required => "required".to_owned(),
        Cardinality::Repeated { packed: false } => "repeated".to_owned(),
        Cardinality::Repeated { packed: true } => "packed".to_owned(),
        Cardinality::Map { key } => format!("map:{}", scalar(key)),
    }
}

fn case_label(oneof: &str, names: &MemberNames, class: &str) -> String {
    format!("case:{oneof}:{}:{}.{class}", names.attribute, names.class)
}

fn type_words(schema: &Schema, kind: &Kind) -> String {
    let message_name = |index: usize| schema.messages.get(index).map(|message| message.full_name.as_str());
    match kind {
        Kind::Scalar(of) => scalar(*of).to_owned(),
        Kind::Wrapper(of) => format!("wrapper:{}", scalar(*of)),
        Kind::Enum(id) => {
            let found = schema.enums.get(id.0).map(|found| found.full_name.as_str());
            format!("enum {}", found.unwrap_or_default())
        }
        Kind::Message { message, group } | Kind::Encoded { message, group } => {
            let word = if *group { "group" } else { "message" };
            format!("{word} {}", message_name(message.0).unwrap_or_default())
        }
        Kind::FieldMask => "mask".to_owned(),
        Kind::Json(JsonKind::Struct) => "struct".to_owned(),
        Kind::Json(JsonKind::Value) => "value".to_owned(),
        Kind::Json(JsonKind::ListValue) => "list".to_owned(),
    }
}

/// A scalar as a .proto file names it.
fn scalar(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Double => "double",
        Scalar::Float => "float",
        Scalar::Int32 => "int32",
        Scalar::Int64 => "int64",
        Scalar::Uint32 => "uint32",
        Scalar::Uint64 => "uint64",
        Scalar::Sint32 => "sint32",
        Scalar::Sint64 => "sint64",
        Scalar::Fixed32 => "fixed32",
        Scalar::Fixed64 => "fixed64",
        Scalar::Sfixed32 => "sfixed32",
        Scalar::Sfixed64 => "sfixed64",
        Scalar::Bool => "bool",
        Scalar::String => "string",
        Scalar::Bytes => "bytes",
    }
}

/// A string as Python writes it.
fn literal(text: &str) -> String {
    let mut literal = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => literal.extend(['\\', char]),
            char if char.is_control() => literal.push_str(&format!("\\u{:04x}", u32::from(char))),
            char => literal.push(char),
        }
    }
    literal + "\""
}

#[cfg(test)]
mod tests {
    use super::{json_name, literal};

    #[test]
    fn names_in_json_are_those_of_protoc() {
        for (proto, json) in [("unit_price", "unitPrice"), ("_a__b_", "AB"), ("address_2", "address2"), ("X", "X")] {
            assert_eq!(json_name(proto), json);
        }
    }

    #[test]
    fn names_of_json_cannot_end_their_string() {
        assert_eq!(literal("a\"b\\c\n"), r#""a\"b\\c\u000a""#);
    }
}
