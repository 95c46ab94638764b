//! The methods that make messages of structs: their tables, and what reads and writes their protobuf encoding, for each message
//! a function without tables.

use std::fmt::Write as _;

use super::names::{GoMessage, Names};
use super::{File, is_message, scalar};
use crate::schema::{Cardinality, Enum, Field, JsonKind, Kind, Member, Message, Scalar, Schema};

/// The wire types of the protobuf encoding.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const GROUP: u32 = 3;
const FIXED32: u32 = 5;

/// The codec of the messages and enums of a package; none when it has none that are its own.
pub(super) fn text(schema: &Schema, names: &Names, package: usize) -> Option<String> {
    let mut file = File::new(schema, names, Some(package));
    file.imports.add("okra/protoimpl", "protoimpl");
    file.imports.add("encoding/json", "json");
    file.imports.add("math", "math");
    file.enum_tables(package);
    file.message_tables(package);
    let messages = schema.messages.iter().zip(&names.messages);
    let own = messages.filter(|(message, name)| names.home(message.package) == package && name.known.is_none());
    for (at, (message, name)) in own.enumerate() {
        file.message_methods(at, &name.name);
        file.marshal(message, name);
        file.unmarshal(message, name);
    }
    let name = &names.packages.get(package)?.name;
    if file.body.is_empty() { None } else { Some(file.finish(name)) }
}

impl File<'_> {
    fn enum_tables(&mut self, package: usize) {
        let (schema, names) = (self.schema, self.names);
        let own: Vec<_> =
            schema.enums.iter().zip(&names.enums).filter(|(found, _)| names.home(found.package) == package).collect();
        if own.is_empty() {
            return;
        }
        self.body.push_str("\nvar enumTypes = [...]protoimpl.EnumType{\n");
        for (definition, _) in &own {
            let is_closed = definition.unrecognized.is_none();
            let _ = writeln!(
                self.body,
                "\t{{Name: \"{}\", IsClosed: {is_closed}, Values: []protoimpl.EnumValue{{",
                definition.full_name
            );
            for case in &definition.cases {
                let _ = writeln!(self.body, "\t\t{{Number: {}, Name: \"{}\"}},", case.number, case.proto_name);
            }
            if definition.aliases.is_empty() {
                self.body.push_str("\t}},\n");
                continue;
            }
            self.body.push_str("\t}, Aliases: []protoimpl.EnumValue{\n");
            for (name, number) in &definition.aliases {
                let _ = writeln!(self.body, "\t\t{{Number: {number}, Name: \"{name}\"}},");
            }
            self.body.push_str("\t}},\n");
        }
        self.body.push_str("}\n");
        for (at, (_, named)) in own.iter().enumerate() {
            let _ = write!(
                self.body,
                "\n// EnumType is for package protoimpl.\nfunc ({}) EnumType() *protoimpl.EnumType {{\n\treturn &enumTypes[{at}]\n}}\n",
                named.name
            );
        }
    }

    fn message_tables(&mut self, package: usize) {
        let (schema, names) = (self.schema, self.names);
        let messages = schema.messages.iter().zip(&names.messages);
        let own: Vec<_> =
            messages.filter(|(message, name)| names.home(message.package) == package && name.known.is_none()).collect();
        if own.is_empty() {
            return;
        }
        self.body.push_str("\nvar messageTypes = [...]protoimpl.MessageType{\n");
        for (message, named) in own {
            let name = &named.name;
            let _ = writeln!(
                self.body,
                "\t{{Name: \"{}\", New: func() protoimpl.Message {{ return new({name}) }}, Fields: []protoimpl.Field{{",
                message.full_name
            );
            if message.members.is_empty() {
                self.body.truncate(self.body.trim_end().len());
                self.body.push_str("}},\n");
                continue;
            }
            for (index, (member, go)) in message.members.iter().zip(&named.members).enumerate() {
                match member {
                    Member::Field(field) => self.field_row(field, index, None),
                    Member::Oneof(oneof) => {
                        for (case, (_, ty)) in oneof.cases.iter().zip(&go.cases) {
                            self.field_row(case, index, Some(ty));
                        }
                    }
                }
            }
            self.body.push_str("\t}},\n");
        }
        self.body.push_str("}\n\nfunc init() {\n\tprotoimpl.Register(messageTypes[:])\n}\n");
    }

    fn field_row(&mut self, field: &Field, index: usize, case: Option<&str>) {
        let mut rest = String::new();
        match (case, field.cardinality) {
            (Some(ty), _) => {
                let _ = write!(rest, ", Presence: protoimpl.Explicit, Case: (*{ty})(nil)");
            }
            (None, Cardinality::Optional) => rest.push_str(", Presence: protoimpl.Explicit"),
            (None, Cardinality::Required) => rest.push_str(", Presence: protoimpl.Required"),
            _ => {}
        }
        let kind = match &field.kind {
            Kind::Wrapper(_) => Some("Wrapper"),
            Kind::FieldMask => Some("FieldMask"),
            Kind::Json(json) => Some(json_kind(*json)),
            _ => None,
        };
        if let Some(kind) = kind {
            let _ = write!(rest, ", Kind: protoimpl.{kind}");
        }
        let _ = writeln!(
            self.body,
            "\t\t{{Name: \"{}\", JSON: {}, Number: {}, Index: {index}{rest}}},",
            field.proto_name,
            string_literal(&field.json_name),
            field.number
        );
    }

    fn message_methods(&mut self, at: usize, name: &str) {
        let _ = write!(
            self.body,
            "\n// Reset clears the message.\nfunc (x *{name}) Reset() {{\n\t*x = {name}{{}}\n}}\n\
             \n// String gives the message as text, for logs.\nfunc (x *{name}) String() string {{\n\treturn protoimpl.Text(x)\n}}\n\
             \n// ProtoMessage marks a message.\nfunc (*{name}) ProtoMessage() {{}}\n\
             \n// MessageType is for package protoimpl.\nfunc (*{name}) MessageType() *protoimpl.MessageType {{\n\
             \treturn &messageTypes[{at}]\n}}\n"
        );
    }

    fn marshal(&mut self, message: &Message, named: &GoMessage) {
        let name = &named.name;
        let mut text = String::new();
        for (member, go) in message.members.iter().zip(&named.members) {
            let field = format!("x.{}", go.name);
            match member {
                Member::Field(one) => text += &write_field(one, &field),
                Member::Oneof(oneof) => {
                    let _ = writeln!(text, "switch w := {field}.(type) {{");
                    for (case, (case_field, ty)) in oneof.cases.iter().zip(&go.cases) {
                        let write = write_value(&case.kind, case.number, &format!("w.{case_field}"));
                        let _ = writeln!(text, "case *{ty}:\nif w != nil {{\n{write}}}");
                    }
                    text += "}\n";
                }
            }
        }
        let receiver = if text.is_empty() { "" } else { "x " };
        if !text.is_empty() {
            text.insert_str(0, "if x == nil {\nreturn\n}\n");
        }
        let parameter = if text.is_empty() { "" } else { "e " };
        let _ = write!(
            self.body,
            "\n// MarshalWire is for package protoimpl.\nfunc ({receiver}*{name}) MarshalWire({parameter}*protoimpl.Encoder) {{\n{}}}\n",
            indent(&text, 1)
        );
    }

    fn unmarshal(&mut self, message: &Message, named: &GoMessage) {
        let name = &named.name;
        let mut cases = String::new();
        for (member, go) in message.members.iter().zip(&named.members) {
            let field = format!("x.{}", go.name);
            match member {
                Member::Field(one) => cases += &self.read_field(one, &field),
                Member::Oneof(oneof) => {
                    for (case, (case_field, ty)) in oneof.cases.iter().zip(&go.cases) {
                        cases += &self.read_case(case, &field, case_field, ty);
                    }
                }
            }
        }
        let receiver = if cases.is_empty() { "" } else { "x " };
        let text = read_fields(&cases);
        let _ = write!(
            self.body,
            "\n// UnmarshalWire is for package protoimpl.\nfunc ({receiver}*{name}) UnmarshalWire(d *protoimpl.Decoder) {{\n{}}}\n",
            indent(&text, 1)
        );
    }

    /// The cases of the `switch` over tags that read a field.
    fn read_field(&mut self, field: &Field, to: &str) -> String {
        let kind = &field.kind;
        let tag = tag(kind, field.number);
        match field.cardinality {
            Cardinality::Implicit | Cardinality::Required => {
                format!("case {tag}:\n{}", self.read_value(kind, to, Target::Value))
            }
            Cardinality::Optional => {
                let target = if is_message(kind) || super::is_nilable(kind) { Target::Value } else { Target::Pointer };
                format!("case {tag}:\n{}", self.read_value(kind, to, target))
            }
            Cardinality::Repeated { .. } => {
                let one = self.read_value(kind, to, Target::Element);
                let mut text = format!("case {tag}:\n{one}");
                if is_packable(kind) {
                    let _ = write!(
                        text,
                        "case {}:\nend := d.Begin()\nfor d.More() {{\n{one}}}\nd.End(end)\n",
                        field.number << 3 | LENGTH
                    );
                }
                text
            }
            Cardinality::Map { key } => self.read_entry(field, key, to),
        }
    }

    fn read_entry(&mut self, field: &Field, key: Scalar, to: &str) -> String {
        let kind = &field.kind;
        let element = self.element_type(kind);
        let key_kind = Kind::Scalar(key);
        let go_key = scalar(key);
        let (mut made, mut stored) = (format!("var v {element}\n"), format!("{to}[k] = v\n"));
        let read = match kind {
            Kind::Message { .. } | Kind::Encoded { .. } => {
                made = format!("v := new({})\n", self.value_type(kind));
                "d.Message(v)\n".to_owned()
            }
            Kind::Enum(_) if self.is_closed(kind) => {
                made = format!("v, known := {element}({}), true\n", self.first_number(kind));
                stored = format!("if known {{\n{stored}}}\n");
                format!("v = {element}(d.Int32())\nknown = v.EnumType().Has(int32(v))\n")
            }
            _ => self.read_value(kind, "v", Target::Value),
        };
        let entries = format!(
            "case {}:\n{}case {}:\n{read}",
            self::tag(&key_kind, 1),
            self.read_value(&key_kind, "k", Target::Value),
            self::tag(kind, 2)
        );
        format!(
            "case {}:\nvar k {go_key}\n{made}end := d.Begin()\n{}d.End(end)\nif {to} == nil {{\n\
             {to} = map[{go_key}]{element}{{}}\n}}\n{stored}",
            field.number << 3 | LENGTH,
            read_fields(&entries)
        )
    }

    fn read_case(&mut self, case: &Field, to: &str, field: &str, ty: &str) -> String {
        let kind = &case.kind;
        let tag = tag(kind, case.number);
        let read = match kind {
            Kind::Message { .. } | Kind::Encoded { .. } => {
                let go = self.value_type(kind);
                format!(
                    "w, ok := {to}.(*{ty})\nif !ok || w == nil || w.{field} == nil {{\nw = &{ty}{{{field}: new({go})}}\n}}\n\
                     {}{to} = w\n",
                    read_message(kind, &format!("w.{field}"))
                )
            }
            Kind::Enum(_) if self.is_closed(kind) => {
                let go = self.value_type(kind);
                format!("if v := {go}(d.Int32()); v.EnumType().Has(int32(v)) {{\n{to} = &{ty}{{{field}: v}}\n}}\n")
            }
            Kind::Scalar(_) | Kind::Enum(_) => {
                format!("{to} = &{ty}{{{field}: {}}}\n", self.read_plain(kind))
            }
            _ => {
                format!(
                    "w, ok := {to}.(*{ty})\nif !ok || w == nil {{\nw = new({ty})\n}}\n{}{to} = w\n",
                    self.read_value(kind, &format!("w.{field}"), Target::Value)
                )
            }
        };
        format!("case {tag}:\n{read}")
    }

    /// The expression that reads a scalar or an enum.
    fn read_plain(&mut self, kind: &Kind) -> String {
        match kind {
            Kind::Scalar(of) => format!("d.{}()", method(*of)),
            _ => format!("{}(d.Int32())", self.value_type(kind)),
        }
    }

    /// Statements that read one value.
    fn read_value(&mut self, kind: &Kind, to: &str, target: Target) -> String {
        let store = |value: &str| match target {
            Target::Value => format!("{to} = {value}\n"),
            Target::Pointer => format!("{to} = &{value}\n"),
            Target::Element => format!("{to} = append({to}, {value})\n"),
        };
        match kind {
            Kind::Message { .. } | Kind::Encoded { .. } => {
                let go = self.value_type(kind);
                match target {
                    Target::Element => {
                        format!("v := new({go})\n{to} = append({to}, v)\n{}", read_message(kind, "v"))
                    }
                    _ => format!("if {to} == nil {{\n{to} = new({go})\n}}\n{}", read_message(kind, to)),
                }
            }
            Kind::Enum(_) if self.is_closed(kind) => {
                let go = self.value_type(kind);
                format!("if v := {go}(d.Int32()); v.EnumType().Has(int32(v)) {{\n{}}}\n", store("v"))
            }
            Kind::Scalar(_) | Kind::Enum(_) => {
                let value = self.read_plain(kind);
                if target == Target::Pointer { format!("v := {value}\n{}", store("v")) } else { store(&value) }
            }
            Kind::Wrapper(of) => {
                let go = scalar(*of);
                let tag = tag(&Kind::Scalar(*of), 1);
                let read = read_fields(&format!("case {tag}:\ninner = d.{}()\n", method(*of)));
                let start = match (of, target) {
                    (Scalar::Bytes, Target::Value) => {
                        format!("inner := {to}\nif inner == nil {{\ninner = []byte{{}}\n}}\n")
                    }
                    (_, Target::Value) => format!("inner := {to}\n"),
                    (_, Target::Pointer) => format!("var inner {go}\nif {to} != nil {{\ninner = *{to}\n}}\n"),
                    (Scalar::Bytes, Target::Element) => "inner := []byte{}\n".to_owned(),
                    (_, Target::Element) => format!("var inner {go}\n"),
                };
                format!("{start}end := d.Begin()\n{read}d.End(end)\n{}", store("inner"))
            }
            Kind::FieldMask => {
                let read = read_fields("case 10:\ninner = append(inner, d.String())\n");
                let start = match target {
                    Target::Element => "inner := []string{}\n".to_owned(),
                    _ => format!("inner := {to}\nif inner == nil {{\ninner = []string{{}}\n}}\n"),
                };
                format!("{start}end := d.Begin()\n{read}d.End(end)\n{}", store("inner"))
            }
            Kind::Json(json) => {
                let old = if target == Target::Element { "nil" } else { to };
                store(&format!("d.ReadJSON(protoimpl.{}, {old})", json_kind(*json)))
            }
        }
    }

    fn is_closed(&self, kind: &Kind) -> bool {
        let Kind::Enum(id) = kind else { return false };
        self.schema.enums.get(id.0).is_some_and(|found| found.unrecognized.is_none())
    }

    /// The number of an enum's first value.
    fn first_number(&self, kind: &Kind) -> i32 {
        let Kind::Enum(id) = kind else { return 0 };
        let first = |found: &Enum| found.cases.first().map(|case| case.number);
        self.schema.enums.get(id.0).and_then(first).unwrap_or_default()
    }
}

/// Where a value that is read goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    /// A variable of its type, which has what was read before.
    Value,
    /// A pointer.
    Pointer,
    /// A list, to which it is appended.
    Element,
}

fn read_message(kind: &Kind, to: &str) -> String {
    if is_group(kind) { format!("d.Group({to})\n") } else { format!("d.Message({to})\n") }
}

/// The loop over the fields of a message, by the cases of a `switch` over their tags.
fn read_fields(cases: &str) -> String {
    if cases.is_empty() {
        return "for d.Next() != 0 {\nd.Skip()\n}\n".to_owned();
    }
    format!("for tag := d.Next(); tag != 0; tag = d.Next() {{\nswitch tag {{\n{cases}default:\nd.Skip()\n}}\n}}\n")
}

/// Statements that write a field that is set.
fn write_field(field: &Field, from: &str) -> String {
    let kind = &field.kind;
    let number = field.number;
    match field.cardinality {
        Cardinality::Implicit => {
            let is_set = match kind {
                Kind::Scalar(of) => is_set(*of, from),
                Kind::Enum(_) => format!("{from} != 0"),
                _ => format!("{from} != nil"),
            };
            format!("if {is_set} {{\n{}}}\n", write_value(kind, number, from))
        }
        Cardinality::Required => write_value(kind, number, from),
        Cardinality::Optional => {
            let value = if is_message(kind) || super::is_nilable(kind) { from.to_owned() } else { format!("*{from}") };
            format!("if {from} != nil {{\n{}}}\n", write_value(kind, number, &value))
        }
        Cardinality::Repeated { packed } if packed && is_packable(kind) => format!(
            "if len({from}) > 0 {{\nend := e.Begin({})\nfor _, v := range {from} {{\n{}}}\ne.End(end)\n}}\n",
            number << 3 | LENGTH,
            write_with(kind, 0, "v")
        ),
        Cardinality::Repeated { .. } => {
            format!("for _, v := range {from} {{\n{}}}\n", write_value(kind, number, "v"))
        }
        Cardinality::Map { key } => {
            let keys = if key == Scalar::Bool { "BoolKeys" } else { "SortedKeys" };
            let write_key = write_value(&Kind::Scalar(key), 1, "k");
            format!(
                "for _, k := range protoimpl.{keys}({from}) {{\nend := e.Begin({})\n{write_key}{}e.End(end)\n}}\n",
                number << 3 | LENGTH,
                write_value(kind, 2, &format!("{from}[k]"))
            )
        }
    }
}

fn write_value(kind: &Kind, number: u32, from: &str) -> String {
    write_with(kind, tag(kind, number), from)
}

/// Statements that write a value with a tag.
fn write_with(kind: &Kind, tag: u32, from: &str) -> String {
    match kind {
        Kind::Scalar(of) => format!("e.{}({tag}, {from})\n", method(*of)),
        Kind::Enum(_) => format!("e.Int32({tag}, int32({from}))\n"),
        Kind::Message { .. } | Kind::Encoded { .. } if is_group(kind) => format!("e.Group({tag}, {from})\n"),
        Kind::Message { .. } | Kind::Encoded { .. } => format!("e.Message({tag}, {from})\n"),
        Kind::Wrapper(of) => {
            let write = write_value(&Kind::Scalar(*of), 1, "v");
            format!("{{\nv, end := {from}, e.Begin({tag})\nif {} {{\n{write}}}\ne.End(end)\n}}\n", is_set(*of, "v"))
        }
        Kind::FieldMask => {
            format!(
                "{{\nend := e.Begin({tag})\nfor _, path := range {from} {{\ne.String(10, path)\n}}\ne.End(end)\n}}\n"
            )
        }
        Kind::Json(json) => format!("e.WriteJSON({tag}, protoimpl.{}, {from})\n", json_kind(*json)),
    }
}

/// The condition under which a scalar that has no presence is written.
fn is_set(of: Scalar, from: &str) -> String {
    match of {
        Scalar::Bool => from.to_owned(),
        Scalar::String => format!("{from} != \"\""),
        Scalar::Bytes => format!("len({from}) > 0"),
        // Minus 0 is not the zero value.
        Scalar::Double => format!("math.Float64bits({from}) != 0"),
        Scalar::Float => format!("math.Float32bits({from}) != 0"),
        _ => format!("{from} != 0"),
    }
}

fn json_kind(json: JsonKind) -> &'static str {
    match json {
        JsonKind::Struct => "Struct",
        JsonKind::Value => "Value",
        JsonKind::ListValue => "ListValue",
    }
}

fn is_group(kind: &Kind) -> bool {
    matches!(kind, Kind::Message { group: true, .. } | Kind::Encoded { group: true, .. })
}

/// Whether a list of it may be packed.
fn is_packable(kind: &Kind) -> bool {
    match kind {
        Kind::Scalar(of) => !matches!(of, Scalar::String | Scalar::Bytes),
        Kind::Enum(_) => true,
        _ => false,
    }
}

/// A field's number with the wire type of one value.
fn tag(kind: &Kind, number: u32) -> u32 {
    let wire_type = match kind {
        Kind::Scalar(of) => match of {
            Scalar::Double | Scalar::Fixed64 | Scalar::Sfixed64 => FIXED64,
            Scalar::Float | Scalar::Fixed32 | Scalar::Sfixed32 => FIXED32,
            Scalar::String | Scalar::Bytes => LENGTH,
            _ => VARINT,
        },
        Kind::Enum(_) => VARINT,
        kind if is_group(kind) => GROUP,
        _ => LENGTH,
    };
    number << 3 | wire_type
}

/// The method of reader and writer.
fn method(of: Scalar) -> &'static str {
    match of {
        Scalar::Double => "Double",
        Scalar::Float => "Float",
        Scalar::Int32 => "Int32",
        Scalar::Int64 => "Int64",
        Scalar::Uint32 => "Uint32",
        Scalar::Uint64 => "Uint64",
        Scalar::Sint32 => "Sint32",
        Scalar::Sint64 => "Sint64",
        Scalar::Fixed32 => "Fixed32",
        Scalar::Fixed64 => "Fixed64",
        Scalar::Sfixed32 => "Sfixed32",
        Scalar::Sfixed64 => "Sfixed64",
        Scalar::Bool => "Bool",
        Scalar::String => "String",
        Scalar::Bytes => "Bytes",
    }
}

/// Returns text as a string of Go.
fn string_literal(text: &str) -> String {
    let mut literal = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => literal.extend(['\\', char]),
            control if control.is_control() => {
                let _ = write!(literal, "\\u{:04x}", u32::from(control));
            }
            other => literal.push(other),
        }
    }
    literal + "\""
}

/// Indents statements by their braces, as gofmt does.
fn indent(text: &str, mut depth: usize) -> String {
    let mut indented = String::with_capacity(text.len() * 2);
    for line in text.lines() {
        if line.starts_with('}') {
            depth = depth.saturating_sub(1);
        }
        let is_case = line.starts_with("case ") || line.starts_with("default:");
        for _ in usize::from(is_case)..depth {
            indented.push('\t');
        }
        indented.push_str(line);
        indented.push('\n');
        // A `switch` has its cases at its own margin, and their statements below them.
        if line.ends_with('{') {
            depth += 1;
        }
    }
    indented
}
