//! Messages and enums as Go has them.

use std::fmt::Write as _;

use super::names::{GoEnum, GoMember, GoMessage, Names};
use super::text::{Columns, comment};
use super::{File, is_message, is_nilable};
use crate::schema::{Cardinality, Enum, Field, Kind, Member, Message, Oneof, Scalar, Schema};

/// The messages and enums of a package; none when it has none that are its own.
pub(super) fn text(schema: &Schema, names: &Names, package: usize) -> Option<String> {
    let mut file = File::new(schema, names, Some(package));
    for (definition, name) in schema.enums.iter().zip(&names.enums) {
        if names.home(definition.package) == package {
            file.enumeration(definition, name);
        }
    }
    for (message, name) in schema.messages.iter().zip(&names.messages) {
        if names.home(message.package) == package && name.known.is_none() {
            file.message(message, name);
        }
    }
    let name = &names.packages.get(package)?.name;
    if file.body.is_empty() { None } else { Some(file.finish(name)) }
}

impl File<'_> {
    fn enumeration(&mut self, definition: &Enum, named: &GoEnum) {
        let strconv = self.imports.add("strconv", "strconv");
        let name = &named.name;
        let body = &mut self.body;
        body.push('\n');
        if definition.docs.trim().is_empty() {
            let _ = writeln!(body, "// {name} is enum {}.", definition.full_name);
        }
        body.push_str(&comment(&definition.docs, ""));
        let _ = writeln!(body, "type {name} int32\n");
        let mut columns = Columns::default();
        for (case, constant) in definition.cases.iter().zip(&named.cases) {
            let number = format!("= {}", case.number);
            columns.line(&comment(&case.docs, "\t"), &[constant, name, &number]);
        }
        let _ = writeln!(body, "const (\n{})\n", columns.finish());
        let _ = writeln!(body, "// String gives the name of the value, or its number when it has none.");
        let _ = writeln!(body, "func (x {name}) String() string {{\n\tswitch x {{");
        for (case, constant) in definition.cases.iter().zip(&named.cases) {
            let _ = writeln!(body, "\tcase {constant}:\n\t\treturn \"{}\"", case.proto_name);
        }
        let _ = writeln!(body, "\t}}\n\treturn {strconv}.Itoa(int(x))\n}}\n");
        let _ = writeln!(body, "// Enum gives a pointer to the value, for fields that are optional.");
        let _ = writeln!(body, "func (x {name}) Enum() *{name} {{\n\treturn &x\n}}");
    }

    fn message(&mut self, message: &Message, named: &GoMessage) {
        let name = &named.name;
        let mut columns = Columns::default();
        for (member, go) in message.members.iter().zip(&named.members) {
            match member {
                Member::Field(field) => {
                    let ty = self.field_type(field);
                    columns.line(&comment(&field.docs, "\t"), &[&go.name, &ty]);
                }
                Member::Oneof(oneof) => {
                    let mut docs = comment(&oneof.docs, "\t");
                    if docs.is_empty() {
                        let types: Vec<String> = go.cases.iter().map(|(_, ty)| format!("*{ty}")).collect();
                        let _ = writeln!(docs, "\t// One of {}, or nil.", types.join(", "));
                    }
                    columns.line(&docs, &[&go.name, &go.interface]);
                }
            }
        }
        self.body.push('\n');
        if message.docs.trim().is_empty() {
            let _ = writeln!(self.body, "// {name} is message {}.", message.full_name);
        }
        self.body.push_str(&comment(&message.docs, ""));
        let columns = columns.finish();
        if columns.is_empty() {
            let _ = writeln!(self.body, "type {name} struct{{}}");
        } else {
            let _ = writeln!(self.body, "type {name} struct {{\n{columns}}}");
        }
        for (member, go) in message.members.iter().zip(&named.members) {
            match member {
                Member::Field(field) => self.getter(name, field, &go.name),
                Member::Oneof(oneof) => self.oneof(name, oneof, go),
            }
        }
    }

    fn field_type(&mut self, field: &Field) -> String {
        let element = self.element_type(&field.kind);
        match field.cardinality {
            Cardinality::Implicit | Cardinality::Required => element,
            Cardinality::Optional if is_nilable(&field.kind) => element,
            Cardinality::Optional => format!("*{element}"),
            Cardinality::Repeated { .. } => format!("[]{element}"),
            Cardinality::Map { key } => format!("map[{}]{element}", super::scalar(key)),
        }
    }

    fn getter(&mut self, message: &str, field: &Field, name: &str) {
        let is_pointer = field.cardinality == Cardinality::Optional && !is_nilable(&field.kind);
        let is_many = matches!(field.cardinality, Cardinality::Repeated { .. } | Cardinality::Map { .. });
        let ty = if is_pointer { self.element_type(&field.kind) } else { self.field_type(field) };
        let zero = if is_many { "nil".to_owned() } else { self.zero(&field.kind) };
        let (absent, value) =
            if is_pointer { (format!("x == nil || x.{name} == nil"), "*x.") } else { ("x == nil".to_owned(), "x.") };
        let _ = write!(
            self.body,
            "\n// Get{name} gives {name}, or what stands for none.\n\
             func (x *{message}) Get{name}() {ty} {{\n\tif {absent} {{\n\t\treturn {zero}\n\t}}\n\treturn {value}{name}\n}}\n"
        );
    }

    fn oneof(&mut self, message: &str, oneof: &Oneof, go: &GoMember) {
        let interface = &go.interface;
        let _ = write!(self.body, "\ntype {interface} interface {{\n\t{interface}()\n}}\n");
        for (case, (field, ty)) in oneof.cases.iter().zip(&go.cases) {
            let element = self.element_type(&case.kind);
            self.body.push('\n');
            let docs = comment(&case.docs, "");
            if docs.is_empty() {
                let _ = writeln!(self.body, "// {ty} is the case {} of {message}.{}.", case.proto_name, go.name);
            }
            self.body.push_str(&docs);
            let _ = write!(self.body, "type {ty} struct {{\n\t{field} {element}\n}}\n");
            let _ = write!(self.body, "\nfunc (*{ty}) {interface}() {{\n}}\n");
        }
        if go.has_getter {
            let _ = write!(
                self.body,
                "\n// Get{0} gives {0}, of nil none.\n\
                 func (x *{message}) Get{0}() {interface} {{\n\tif x == nil {{\n\t\treturn nil\n\t}}\n\treturn x.{0}\n}}\n",
                go.name
            );
        }
        for (case, (field, ty)) in oneof.cases.iter().zip(&go.cases) {
            let element = self.element_type(&case.kind);
            let zero = self.zero(&case.kind);
            let _ = write!(
                self.body,
                "\n// Get{field} gives {field}, or what stands for none.\n\
                 func (x *{message}) Get{field}() {element} {{\n\tif x != nil {{\n\t\t\
                 if v, ok := x.{}.(*{ty}); ok && v != nil {{\n\t\t\treturn v.{field}\n\t\t}}\n\t}}\n\treturn {zero}\n}}\n",
                go.name
            );
        }
    }

    /// The value that stands for none.
    fn zero(&self, kind: &Kind) -> String {
        match kind {
            kind if is_message(kind) || is_nilable(kind) => "nil".to_owned(),
            Kind::Scalar(Scalar::Bool) | Kind::Wrapper(Scalar::Bool) => "false".to_owned(),
            Kind::Scalar(Scalar::String) | Kind::Wrapper(Scalar::String) => "\"\"".to_owned(),
            // Of a closed enum the first value, whatever its number.
            Kind::Enum(id) => match self.schema.enums.get(id.0) {
                Some(Enum { unrecognized: None, cases, .. }) => {
                    cases.first().map(|case| case.number).unwrap_or_default().to_string()
                }
                _ => "0".to_owned(),
            },
            _ => "0".to_owned(),
        }
    }
}
