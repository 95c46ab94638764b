//! Conversions between the types that people see and those of wit-bindgen, for messages in which some field is encoded.

use std::fmt::Write as _;

use super::messages::oneofs;
use super::names::{camel, snake, type_name};
use super::types::{ERROR, RESULT, Types};
use crate::schema::{Cardinality, Field, Kind, Member, Message, Oneof};

/// Prints the conversions of a message and of its oneofs.
pub(super) fn message_text(types: &Types<'_>, id: usize, message: &Message, text: &mut String) {
    let wit = types.wit_type(message.package, &message.wit_name);
    head(&type_name(&message.wit_name), &wit, text);
    for direction in [Direction::FromWit, Direction::IntoWit] {
        let (signature, ty, value) = direction.parts(&wit);
        let _ = writeln!(text, "{signature} {{\nOk({ty} {{");
        for member in &message.members {
            let (name, made) = match member {
                Member::Field(field) => {
                    let name = snake(&field.wit_name);
                    let place = format!("{}.{}", message.full_name, field.proto_name);
                    let made = direction.field(types, field, &format!("{value}.{name}"), &place, false);
                    (name, made)
                }
                Member::Oneof(oneof) => {
                    let name = snake(&oneof.wit_name);
                    let value = format!("{value}.{name}");
                    let made = match types.is_own_oneof(id, oneof) {
                        true => direction.call("optional", &value),
                        false => value,
                    };
                    (name, made)
                }
            };
            let _ = writeln!(text, "    {name}: {made},");
        }
        text.push_str("})\n}\n");
    }
    text.push_str("}\n");
    for oneof in oneofs(message).filter(|oneof| types.is_own_oneof(id, oneof)) {
        oneof_text(types, message, oneof, text);
    }
}

fn oneof_text(types: &Types<'_>, message: &Message, oneof: &Oneof, text: &mut String) {
    let wit = types.wit_type(message.package, &oneof.type_name);
    let own = type_name(&oneof.type_name);
    head(&own, &wit, text);
    for direction in [Direction::FromWit, Direction::IntoWit] {
        let (signature, _, value) = direction.parts(&wit);
        let (from, to) = match direction {
            Direction::FromWit => (&wit, &own),
            Direction::IntoWit => (&own, &wit),
        };
        let _ = writeln!(text, "{signature} {{\nOk(match {value} {{");
        for case in &oneof.cases {
            let name = camel(&case.wit_name);
            let place = format!("{}.{}", message.full_name, case.proto_name);
            let made = direction.field(types, case, "value", &place, true);
            let _ = writeln!(text, "    {from}::{name}(value) => {to}::{name}({made}),");
        }
        text.push_str("})\n}\n");
    }
    text.push_str("}\n");
}

fn head(own: &str, wit: &str, text: &mut String) {
    let _ = writeln!(text, "impl __c::Typed for {own} {{\ntype Wit = {wit};");
}

#[derive(Clone, Copy)]
enum Direction {
    FromWit,
    IntoWit,
}

impl Direction {
    /// The signature, the type that is made, and the value that it is made of.
    fn parts(self, wit: &str) -> (String, String, &'static str) {
        match self {
            Self::FromWit => (format!("fn from_wit(wit: {wit}) -> {RESULT}<Self, {ERROR}>"), "Self".to_owned(), "wit"),
            Self::IntoWit => (format!("fn into_wit(self) -> {RESULT}<{wit}, {ERROR}>"), wit.to_owned(), "self"),
        }
    }

    /// A call of a function of the SDK.
    fn call(self, shape: &str, arguments: &str) -> String {
        let verb = match self {
            Self::FromWit => "from",
            Self::IntoWit => "into",
        };
        format!("__c::{verb}_{shape}({arguments})?")
    }

    fn field(self, types: &Types<'_>, field: &Field, value: &str, place: &str, is_case: bool) -> String {
        let is_encoded = matches!(field.kind, Kind::Encoded { .. });
        if !is_encoded && !types.is_own_kind(&field.kind) {
            return value.to_owned();
        }
        let shape = match field.cardinality {
            Cardinality::Optional => "optional",
            Cardinality::Repeated { .. } => "list",
            Cardinality::Map { .. } => "map",
            Cardinality::Required | Cardinality::Implicit if is_encoded && !is_case => "required",
            Cardinality::Required | Cardinality::Implicit => "one",
        };
        match is_encoded {
            true => self.call(&format!("encoded_{shape}"), &format!("{value}, {place:?}")),
            false => self.call(shape, value),
        }
    }
}
