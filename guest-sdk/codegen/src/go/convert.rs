//! Between Go's own values and those of the bindings: for each message and enum a `Get`, which reads the bindings' value,
//! and a `Put`, which writes it.

use std::fmt::Write as _;

use super::names::Names;
use super::{File, is_message, raw, scalar};
use crate::schema::{Cardinality, Enum, Field, JsonKind, Kind, Member, Message, Scalar, Schema};

const TYPES: &str = "okra/wit/types";

/// The conversions of all messages and enums.
pub(super) fn text(schema: &Schema, names: &Names) -> String {
    let mut file = File::new(schema, names, None);
    for (index, definition) in schema.enums.iter().enumerate().filter(|(_, definition)| definition.in_wit) {
        file.get_enum(index, definition);
        file.put_enum(index, definition);
    }
    for (index, message) in schema.messages.iter().enumerate().filter(|(_, message)| message.in_wit) {
        file.get_message(index, message);
        file.put_message(index, message);
    }
    file.finish("glue")
}

/// Whether a conversion may fail, which [`text`] has no other way to say than to throw.
pub(super) fn may_throw(schema: &Schema) -> bool {
    has_encoded_fields(schema) || schema.enums.iter().any(|definition| definition.unrecognized.is_none())
}

/// Whether some field comes and goes encoded.
fn has_encoded_fields(schema: &Schema) -> bool {
    schema.messages.iter().flat_map(|message| &message.members).any(|member| match member {
        Member::Field(field) => matches!(field.kind, Kind::Encoded { .. }),
        Member::Oneof(oneof) => oneof.cases.iter().any(|case| matches!(case.kind, Kind::Encoded { .. })),
    })
}

impl File<'_> {
    /// A name of the bindings of a package's interface of types.
    fn raw_type(&mut self, package: usize, name: &str) -> String {
        let Some(found) = self.schema.packages.get(package) else { return String::new() };
        let import = self.bindings(&raw::package(found, &found.types_interface));
        format!("{import}.{name}")
    }

    /// Imports bindings, and gives the name here.
    pub(super) fn bindings(&mut self, package: &str) -> String {
        let path = self.names.internal(&format!("wit/{package}"));
        self.imports.add(&path, package)
    }

    /// The bindings' type of one value.
    pub(super) fn raw_value(&mut self, kind: &Kind) -> String {
        match kind {
            Kind::Scalar(of) | Kind::Wrapper(of) => scalar(*of).to_owned(),
            Kind::FieldMask => "[]string".to_owned(),
            Kind::Json(_) => "string".to_owned(),
            Kind::Encoded { .. } => "[]byte".to_owned(),
            Kind::Enum(id) => {
                let package = self.schema.enums.get(id.0).map(|found| found.package).unwrap_or_default();
                self.raw_type(package, &raw::camel(&raw::enumeration(id.0)))
            }
            Kind::Message { message, .. } => {
                let package = self.schema.messages.get(message.0).map(|found| found.package).unwrap_or_default();
                self.raw_type(package, &raw::camel(&raw::message(message.0)))
            }
        }
    }

    fn get_enum(&mut self, index: usize, definition: &Enum) {
        let go = self.value_type(&Kind::Enum(crate::schema::EnumId(index)));
        let ty = self.raw_value(&Kind::Enum(crate::schema::EnumId(index)));
        let numbers: Vec<String> = definition.cases.iter().map(|case| case.number.to_string()).collect();
        let numbers = numbers.join(", ");
        let body = &mut self.body;
        let _ = writeln!(body, "\nvar numbersE{index} = [...]{go}{{{numbers}}}\n");
        let _ = writeln!(body, "func GetE{index}(r {ty}) {go} {{");
        if definition.unrecognized.is_some() {
            let last = raw::camel(&raw::case(definition.cases.len()));
            let _ = writeln!(body, "\tif tag := int(r.Tag()); tag < len(numbersE{index}) {{");
            let _ = writeln!(body, "\t\treturn numbersE{index}[tag]\n\t}}\n\treturn {go}(r.{last}())\n}}");
        } else {
            let _ = writeln!(body, "\treturn numbersE{index}[r]\n}}");
        }
    }

    fn put_enum(&mut self, index: usize, definition: &Enum) {
        let go = self.value_type(&Kind::Enum(crate::schema::EnumId(index)));
        let ty = self.raw_value(&Kind::Enum(crate::schema::EnumId(index)));
        let (package, name) = ty.split_once('.').unwrap_or_default();
        let is_open = definition.unrecognized.is_some();
        if !is_open {
            self.imports.add("okra/link", "link");
            self.imports.add("okra/codes", "codes");
        }
        let body = &mut self.body;
        let _ = writeln!(body, "\nfunc PutE{index}(v {go}) {ty} {{\n\tswitch v {{");
        let case = |index| raw::camel(&raw::case(index));
        for (at, value) in definition.cases.iter().enumerate() {
            let made =
                if is_open { format!("{package}.Make{name}{}()", case(at)) } else { format!("{ty}{}", case(at)) };
            let _ = writeln!(body, "\tcase {}:\n\t\treturn {made}", value.number);
        }
        body.push_str("\t}\n");
        if is_open {
            let _ = writeln!(body, "\treturn {package}.Make{name}{}(int32(v))\n}}", case(definition.cases.len()));
        } else {
            let full_name = &definition.full_name;
            let _ = writeln!(
                body,
                "\tlink.Throw(codes.Internal, \"%d is no value of enum {full_name}\", int32(v))\n\treturn 0\n}}"
            );
        }
    }

    fn get_message(&mut self, index: usize, message: &Message) {
        let kind = message_kind(index);
        let (go, ty) = (self.value_type(&kind), self.raw_value(&kind));
        let mut text = String::new();
        for (at, member) in message.members.iter().enumerate() {
            let name = self.member_name(index, at);
            let from = format!("r.{}", raw::camel(&raw::member(at)));
            match member {
                Member::Field(field) => text += &self.get_field(field, &format!("m.{name}"), &from),
                Member::Oneof(oneof) => {
                    let raw_name = raw::camel(&raw::oneof(index, at));
                    let raw_package = self.raw_type(message.package, "");
                    let _ = writeln!(text, "if {from}.IsSome() {{\nv := {from}.Some()\nswitch v.Tag() {{");
                    for (case_at, case) in oneof.cases.iter().enumerate() {
                        let case_name = raw::camel(&raw::case(case_at));
                        let (field, wrapper) = self.case_names(index, at, case_at);
                        let wrapper = self.qualified(message.package, &wrapper);
                        let _ = writeln!(text, "case {raw_package}{raw_name}{case_name}:\nr := v.{case_name}()");
                        let _ = writeln!(text, "w := &{wrapper}{{}}");
                        text += &self.get(&case.kind, &format!("w.{field}"), "r");
                        let _ = writeln!(text, "m.{name} = w");
                    }
                    text += "}\n}\n";
                }
            }
        }
        let _ = writeln!(self.body, "\nfunc GetM{index}(m *{go}, r *{ty}) {{\n{text}}}");
    }

    fn put_message(&mut self, index: usize, message: &Message) {
        let kind = message_kind(index);
        let (go, ty) = (self.value_type(&kind), self.raw_value(&kind));
        let mut text = String::new();
        for (at, member) in message.members.iter().enumerate() {
            let name = self.member_name(index, at);
            let to = format!("r.{}", raw::camel(&raw::member(at)));
            match member {
                Member::Field(field) => text += &self.put_field(field, &to, &format!("m.{name}")),
                Member::Oneof(oneof) => {
                    self.imports.add(TYPES, "witTypes");
                    let raw_name = raw::camel(&raw::oneof(index, at));
                    let raw_package = self.raw_type(message.package, "");
                    let _ = writeln!(text, "switch w := m.{name}.(type) {{");
                    for (case_at, case) in oneof.cases.iter().enumerate() {
                        let case_name = raw::camel(&raw::case(case_at));
                        let (field, wrapper) = self.case_names(index, at, case_at);
                        let wrapper = self.qualified(message.package, &wrapper);
                        let raw_case = self.raw_value(&case.kind);
                        let _ = writeln!(text, "case *{wrapper}:\nif w != nil {{\nvar v {raw_case}");
                        text += &self.put(&case.kind, "v", &format!("w.{field}"));
                        let _ = writeln!(text, "{to} = witTypes.Some({raw_package}Make{raw_name}{case_name}(v))\n}}");
                    }
                    text += "}\n";
                }
            }
        }
        if !text.is_empty() {
            // What is nil is the message with nothing in it.
            text.insert_str(0, &format!("if m == nil {{\nm = &{go}{{}}\n}}\n"));
        }
        let _ = writeln!(self.body, "\nfunc PutM{index}(r *{ty}, m *{go}) {{\n{text}}}");
    }

    fn member_name(&self, message: usize, member: usize) -> String {
        let named = self.names.messages.get(message).and_then(|message| message.members.get(member));
        named.map(|member| member.name.clone()).unwrap_or_default()
    }

    fn case_names(&self, message: usize, member: usize, case: usize) -> (String, String) {
        let named = self.names.messages.get(message).and_then(|message| message.members.get(member));
        named.and_then(|member| member.cases.get(case)).cloned().unwrap_or_default()
    }

    /// Statements that set `to` to the value `from` of the bindings, which has an address.
    pub(super) fn get(&mut self, kind: &Kind, to: &str, from: &str) -> String {
        match kind {
            Kind::Scalar(_) | Kind::Wrapper(_) | Kind::FieldMask => format!("{to} = {from}\n"),
            Kind::Json(_) => format!("{to} = {}({from})\n", self.value_type(kind)),
            Kind::Enum(id) => format!("{to} = GetE{}({from})\n", id.0),
            Kind::Message { message, .. } => {
                let go = self.value_type(kind);
                format!("{to} = new({go})\nGetM{}({to}, &{from})\n", message.0)
            }
            Kind::Encoded { .. } => {
                self.imports.add("okra/link", "link");
                let go = self.value_type(kind);
                format!("{to} = new({go})\nlink.Decode({from}, {to})\n")
            }
        }
    }

    /// Statements that set `to`, of the bindings and with an address, to the value `from`.
    pub(super) fn put(&mut self, kind: &Kind, to: &str, from: &str) -> String {
        match kind {
            Kind::Scalar(_) | Kind::Wrapper(_) | Kind::FieldMask => format!("{to} = {from}\n"),
            Kind::Json(json) => {
                let nothing = match json {
                    JsonKind::Struct => "{}",
                    JsonKind::Value => "null",
                    JsonKind::ListValue => "[]",
                };
                format!("if {to} = string({from}); {to} == \"\" {{\n{to} = \"{nothing}\"\n}}\n")
            }
            Kind::Enum(id) => format!("{to} = PutE{}({from})\n", id.0),
            Kind::Message { message, .. } => format!("PutM{}(&{to}, {from})\n", message.0),
            Kind::Encoded { .. } => {
                self.imports.add("okra/link", "link");
                format!("{to} = link.Encode({from})\n")
            }
        }
    }

    fn get_field(&mut self, field: &Field, to: &str, from: &str) -> String {
        let kind = &field.kind;
        match field.cardinality {
            Cardinality::Implicit | Cardinality::Required => self.get(kind, to, from),
            Cardinality::Optional => {
                let inner = match kind {
                    Kind::Scalar(Scalar::Bytes) | Kind::Wrapper(Scalar::Bytes) | Kind::FieldMask => {
                        // Of what is there, but empty, the bindings make nil.
                        let ty = self.value_type(kind);
                        format!("if {to} = v; {to} == nil {{\n{to} = {ty}{{}}\n}}\n")
                    }
                    Kind::Scalar(_) | Kind::Wrapper(_) => format!("{to} = &v\n"),
                    Kind::Enum(id) => format!("e := GetE{}(v)\n{to} = &e\n", id.0),
                    _ => self.get(kind, to, "v"),
                };
                format!("if {from}.IsSome() {{\nv := {from}.Some()\n{inner}}}\n")
            }
            Cardinality::Repeated { .. } if is_same(kind) => format!("{to} = {from}\n"),
            Cardinality::Repeated { .. } => {
                let element = self.element_type(kind);
                let inner = match kind {
                    // One allocation for all.
                    Kind::Message { message, .. } => {
                        let go = self.value_type(kind);
                        return format!(
                            "if n := len({from}); n > 0 {{\nall := make([]{go}, n)\n{to} = make([]{element}, n)\n\
                             for i := range {from} {{\nGetM{}(&all[i], &{from}[i])\n{to}[i] = &all[i]\n}}\n}}\n",
                            message.0
                        );
                    }
                    _ => self.get(kind, &format!("{to}[i]"), &format!("{from}[i]")),
                };
                format!(
                    "if n := len({from}); n > 0 {{\n{to} = make([]{element}, n)\nfor i := range {from} {{\n{inner}}}\n}}\n"
                )
            }
            Cardinality::Map { key } => {
                let element = self.element_type(kind);
                let inner = self.get(kind, "v", "e.F1");
                format!(
                    "if n := len({from}); n > 0 {{\n{to} = make(map[{}]{element}, n)\nfor i := range {from} {{\n\
                     e := &{from}[i]\nvar v {element}\n{inner}{to}[e.F0] = v\n}}\n}}\n",
                    scalar(key)
                )
            }
        }
    }

    fn put_field(&mut self, field: &Field, to: &str, from: &str) -> String {
        let kind = &field.kind;
        match field.cardinality {
            Cardinality::Implicit | Cardinality::Required => self.put(kind, to, from),
            Cardinality::Optional => {
                self.imports.add(TYPES, "witTypes");
                let ty = self.raw_value(kind);
                let value =
                    if is_message(kind) || super::is_nilable(kind) { from.to_owned() } else { format!("*{from}") };
                let inner = self.put(kind, "v", &value);
                format!("if {from} != nil {{\nvar v {ty}\n{inner}{to} = witTypes.Some(v)\n}}\n")
            }
            Cardinality::Repeated { .. } if is_same(kind) => format!("{to} = {from}\n"),
            Cardinality::Repeated { .. } => {
                let ty = self.raw_value(kind);
                let inner = self.put(kind, &format!("{to}[i]"), &format!("{from}[i]"));
                format!("{to} = make([]{ty}, len({from}))\nfor i := range {from} {{\n{inner}}}\n")
            }
            Cardinality::Map { key } => {
                self.imports.add(TYPES, "witTypes");
                let entry = format!("witTypes.Tuple2[{}, {}]", scalar(key), self.raw_value(kind));
                let inner = self.put(kind, "e.F1", "v");
                format!(
                    "{to} = make([]{entry}, 0, len({from}))\nfor k, v := range {from} {{\n\
                     var e {entry}\ne.F0 = k\n{inner}{to} = append({to}, e)\n}}\n"
                )
            }
        }
    }
}

fn message_kind(index: usize) -> Kind {
    Kind::Message { message: crate::schema::MessageId(index), group: false }
}

/// Whether a list of it is the same for Go and for the bindings.
fn is_same(kind: &Kind) -> bool {
    matches!(kind, Kind::Scalar(_) | Kind::Wrapper(_) | Kind::FieldMask)
}
