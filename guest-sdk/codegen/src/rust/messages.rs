//! The module of a package: its types, those of wit-bindgen and its own.

use std::fmt::Write as _;

use super::names::{camel, snake, type_name};
use super::types::{OPTION, Types};
use super::{convert, docs, operation, tables};
use crate::schema::{Enum, Member, Message, Oneof};

const DERIVES: &str = "#[derive(Clone, Debug, Default, PartialEq)]";

/// Prints module `pINDEX`.
pub(super) fn package_text(types: &Types<'_>, index: usize, text: &mut String) {
    let _ = writeln!(text, "pub mod p{index} {{");
    text.push_str("use ::okra_guest::message::{convert as __c, fields as __f};\n");
    for definition in types.schema.enums.iter().filter(|definition| definition.package == index) {
        enum_text(types, definition, text);
    }
    for (id, message) in types.schema.messages.iter().enumerate().filter(|(_, message)| message.package == index) {
        match (Types::sdk_type(&message.full_name), types.is_own(id)) {
            (Some(path), _) => {
                let _ = writeln!(text, "pub use {path};");
                continue;
            }
            (None, true) => own_text(types, id, message, text),
            (None, false) => {
                let _ = writeln!(text, "pub use {};", types.wit_type(index, &message.wit_name));
            }
        }
        for oneof in oneofs(message) {
            if types.is_own_oneof(id, oneof) {
                own_oneof_text(types, oneof, text);
            } else {
                let _ = writeln!(text, "pub use {};", types.wit_type(index, &oneof.type_name));
            }
            tables::oneof_text(oneof, text);
        }
        tables::message_text(message, text);
        operation::operation_text(types, message, text);
        if types.is_own(id) && message.in_wit {
            convert::message_text(types, id, message, text);
        }
    }
    text.push_str("}\n");
}

pub(super) fn oneofs(message: &Message) -> impl Iterator<Item = &Oneof> {
    message.members.iter().filter_map(|member| match member {
        Member::Oneof(oneof) => Some(oneof),
        Member::Field(_) => None,
    })
}

fn enum_text(types: &Types<'_>, definition: &Enum, text: &mut String) {
    let name = type_name(&definition.wit_name);
    if definition.in_wit {
        let _ = writeln!(text, "pub use {};", types.wit_type(definition.package, &definition.wit_name));
    } else {
        docs(&definition.docs, 0, text);
        text.push_str("#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]\n");
        let _ = writeln!(text, "pub enum {name} {{");
        for (index, case) in definition.cases.iter().enumerate() {
            docs(&case.docs, 4, text);
            let default = if index == 0 { "#[default] " } else { "" };
            let _ = writeln!(text, "    {default}{},", camel(&case.wit_name));
        }
        if let Some(unrecognized) = &definition.unrecognized {
            let _ =
                writeln!(text, "    #[doc = \" A number without a name here.\"]\n    {}(i32),", camel(unrecognized));
        }
        text.push_str("}\n");
    }
    tables::enum_text(definition, &name, text);
}

fn own_text(types: &Types<'_>, id: usize, message: &Message, text: &mut String) {
    docs(&message.docs, 0, text);
    let name = type_name(&message.wit_name);
    if message.members.is_empty() {
        let _ = writeln!(text, "{DERIVES}\npub enum {name} {{\n    #[default] Empty,\n}}");
        return;
    }
    let _ = writeln!(text, "{DERIVES}\npub struct {name} {{");
    for member in &message.members {
        match member {
            Member::Field(field) => {
                docs(&field.docs, 4, text);
                let _ = writeln!(text, "    pub {}: {},", snake(&field.wit_name), types.field(field, false));
            }
            Member::Oneof(oneof) => {
                docs(&oneof.docs, 4, text);
                let ty = format!("{OPTION}<super::p{}::{}>", package(types, id), type_name(&oneof.type_name));
                let _ = writeln!(text, "    pub {}: {ty},", snake(&oneof.wit_name));
            }
        }
    }
    text.push_str("}\n");
}

fn package(types: &Types<'_>, message: usize) -> usize {
    types.schema.messages.get(message).map(|message| message.package).unwrap_or_default()
}

fn own_oneof_text(types: &Types<'_>, oneof: &Oneof, text: &mut String) {
    docs(&oneof.docs, 0, text);
    let _ = writeln!(text, "#[derive(Clone, Debug, PartialEq)]\npub enum {} {{", type_name(&oneof.type_name));
    for case in &oneof.cases {
        docs(&case.docs, 4, text);
        let _ = writeln!(text, "    {}({}),", camel(&case.wit_name), types.field(case, true));
    }
    text.push_str("}\n");
}
