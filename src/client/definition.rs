//! Definitions of services, methods, messages and enums as text of .proto files.

use std::collections::HashMap;
use std::fmt::Write as _;

use okra_codegen::editions::has_implicit_presence;
use prost_reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor, MethodDescriptor,
    OneofDescriptor, ServiceDescriptor, Syntax,
};
use prost_types::source_code_info::Location;

use crate::client::ProtoSymbol;

/// Returns the definition of a symbol as .proto text, with its comments if the descriptors have them. The definition of a
/// method includes its request and response messages.
pub fn print_definition(symbol: &ProtoSymbol) -> String {
    match symbol {
        ProtoSymbol::Service(service) => {
            DefinitionPrinter::new(&service.parent_file()).with(|printer| printer.service(service))
        }
        ProtoSymbol::Method(method) => {
            let mut text = DefinitionPrinter::new(&method.parent_file()).with(|printer| printer.method(method));
            let mut messages = vec![method.input()];
            if method.output() != method.input() {
                messages.push(method.output());
            }
            for message in messages {
                text.push('\n');
                text.push_str(&print_definition(&ProtoSymbol::Message(message)));
            }
            text
        }
        ProtoSymbol::Message(message) => {
            DefinitionPrinter::new(&message.parent_file()).with(|printer| printer.message(message))
        }
        ProtoSymbol::Enum(descriptor) => {
            DefinitionPrinter::new(&descriptor.parent_file()).with(|printer| printer.enumeration(descriptor))
        }
    }
}

/// Returns the type of a field as a .proto file has it, `repeated` and `map` included.
pub(super) fn field_type_text(field: &FieldDescriptor) -> String {
    if let Some(entry) = field.kind().as_message().filter(|_| field.is_map()) {
        let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
        return format!("map<{}, {}>", element_type_text(&key), element_type_text(&value));
    }
    let repeated = if field.is_list() { "repeated " } else { "" };
    format!("{repeated}{}", element_type_text(field))
}

fn element_type_text(field: &FieldDescriptor) -> String {
    match field.kind() {
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(descriptor) => descriptor.full_name().to_owned(),
        kind => format!("{kind:?}"),
    }
}

struct DefinitionPrinter {
    comments: HashMap<Vec<i32>, Location>,
    text: String,
    depth: usize,
}

impl DefinitionPrinter {
    fn new(file: &FileDescriptor) -> Self {
        let locations = file.file_descriptor_proto().source_code_info.iter().flat_map(|info| &info.location);
        let comments = locations
            .filter(|location| location.leading_comments.is_some() || location.trailing_comments.is_some())
            .map(|location| (location.path.clone(), location.clone()))
            .collect();
        let mut text = format!("// {}\n", file.name());
        if !file.package_name().is_empty() {
            text.push_str(&format!("package {};\n", file.package_name()));
        }
        text.push('\n');
        Self { comments, text, depth: 0 }
    }

    fn with(mut self, print: impl FnOnce(&mut Self)) -> String {
        print(&mut self);
        self.text
    }

    fn service(&mut self, service: &ServiceDescriptor) {
        self.block(service.path(), &format!("service {}", service.name()), |this| {
            this.options(&service.options());
            for method in service.methods() {
                this.method(&method);
            }
        });
    }

    fn method(&mut self, method: &MethodDescriptor) {
        let side = |streams, message: MessageDescriptor| {
            format!("({}{})", if streams { "stream " } else { "" }, message.full_name())
        };
        let input = side(method.is_client_streaming(), method.input());
        let output = side(method.is_server_streaming(), method.output());
        let head = format!("rpc {}{input} returns {output}", method.name());
        let options = method.options();
        if option_texts(&options).is_empty() {
            self.statement(method.path(), &head);
        } else {
            self.block(method.path(), &head, |this| this.options(&options));
        }
    }

    fn message(&mut self, message: &MessageDescriptor) {
        self.block(message.path(), &format!("message {}", message.name()), |this| this.members(message));
    }

    fn members(&mut self, message: &MessageDescriptor) {
        self.options(&message.options());
        for field in message.fields() {
            match field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) {
                None => self.field(&field),
                Some(oneof) if oneof.fields().next().as_ref() == Some(&field) => self.oneof(&oneof),
                Some(_) => {}
            }
        }
        for range in message.extension_ranges() {
            self.line(&format!("extensions {};", range_text(range.start.into(), i64::from(range.end) - 1)));
        }
        let ranges = message.reserved_ranges().map(|range| range_text(range.start.into(), i64::from(range.end) - 1));
        self.reserved(ranges.collect(), message.reserved_names().map(quote).collect());
        let groups: Vec<_> = message.fields().filter(FieldDescriptor::is_group).map(|field| field.kind()).collect();
        for child in message.child_messages() {
            if !child.is_map_entry() && !groups.contains(&Kind::Message(child.clone())) {
                self.message(&child);
            }
        }
        for child in message.child_enums() {
            self.enumeration(&child);
        }
    }

    fn oneof(&mut self, oneof: &OneofDescriptor) {
        self.block(oneof.path(), &format!("oneof {}", oneof.name()), |this| {
            this.options(&oneof.options());
            for field in oneof.fields() {
                this.field(&field);
            }
        });
    }

    fn field(&mut self, field: &FieldDescriptor) {
        let in_oneof = field.containing_oneof().is_some_and(|oneof| !oneof.is_synthetic());
        let explicit = match field.parent_file().syntax() {
            Syntax::Proto2 => !has_implicit_presence(field),
            Syntax::Proto3 => field.field_descriptor_proto().proto3_optional(),
        };
        let label = match field.cardinality() {
            prost_reflect::Cardinality::Required => "required ",
            prost_reflect::Cardinality::Optional if explicit && !in_oneof => "optional ",
            _ => "",
        };
        let mut options = Vec::new();
        if let Some(value) = &field.field_descriptor_proto().default_value {
            let value = if matches!(field.kind(), Kind::String | Kind::Bytes) { quote(value) } else { value.clone() };
            options.push(format!("default = {value}"));
        }
        options.extend(option_texts(&field.options()));
        let options = if options.is_empty() { String::new() } else { format!(" [{}]", options.join(", ")) };
        match field.kind() {
            Kind::Message(group) if field.is_group() => {
                let repeated = if field.is_list() { "repeated " } else { label };
                let head = format!("{repeated}group {} = {}{options}", group.name(), field.number());
                self.block(field.path(), &head, |this| this.members(&group));
            }
            _ => {
                let text = format!("{label}{} {} = {}{options}", field_type_text(field), field.name(), field.number());
                self.statement(field.path(), &text);
            }
        }
    }

    fn enumeration(&mut self, descriptor: &EnumDescriptor) {
        self.block(descriptor.path(), &format!("enum {}", descriptor.name()), |this| {
            this.options(&descriptor.options());
            let mut values: Vec<_> = descriptor.values().collect();
            values.sort_by(|one, other| one.path().cmp(other.path()));
            for value in values {
                let options = option_texts(&value.options());
                let options = if options.is_empty() { String::new() } else { format!(" [{}]", options.join(", ")) };
                this.statement(value.path(), &format!("{} = {}{options}", value.name(), value.number()));
            }
            let ranges =
                descriptor.reserved_ranges().map(|range| range_text((*range.start()).into(), (*range.end()).into()));
            this.reserved(ranges.collect(), descriptor.reserved_names().map(quote).collect());
        });
    }

    fn reserved(&mut self, ranges: Vec<String>, names: Vec<String>) {
        for list in [ranges, names] {
            if !list.is_empty() {
                self.line(&format!("reserved {};", list.join(", ")));
            }
        }
    }

    fn options(&mut self, options: &DynamicMessage) {
        for option in option_texts(options) {
            self.line(&format!("option {option};"));
        }
    }

    fn block(&mut self, path: &[i32], head: &str, members: impl FnOnce(&mut Self)) {
        self.leading(path);
        self.line(&format!("{head} {{"));
        self.depth += 1;
        let before = self.text.len();
        members(self);
        self.depth -= 1;
        if self.text.len() == before {
            self.text.pop();
            self.text.push_str("}\n");
        } else {
            self.line("}");
        }
    }

    fn statement(&mut self, path: &[i32], text: &str) {
        self.leading(path);
        let trailing = self.comments.get(path).and_then(|location| location.trailing_comments.as_deref());
        let trailing: Vec<_> = trailing.map(str::trim).into_iter().flat_map(str::lines).map(str::trim).collect();
        match trailing.is_empty() {
            true => self.line(&format!("{text};")),
            false => self.line(&format!("{text}; // {}", trailing.join(" "))),
        }
    }

    fn leading(&mut self, path: &[i32]) {
        let comment = self.comments.get(path).and_then(|location| location.leading_comments.clone());
        for line in comment.iter().flat_map(|comment| comment.trim_end().lines()) {
            self.line(format!("//{}", line.trim_end()).as_str());
        }
    }

    fn line(&mut self, text: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{:1$}{text}", "", self.depth * 2);
    }
}

/// Returns the options that are set as `name = value`, names of custom options in parentheses.
fn option_texts(options: &DynamicMessage) -> Vec<String> {
    let standard = options.fields().map(|(field, value)| (field.name().to_owned(), value));
    let custom = options.extensions().map(|(extension, value)| (format!("({})", extension.full_name()), value));
    standard.chain(custom).map(|(name, value)| format!("{name} = {value}")).collect()
}

fn range_text(first: i64, last: i64) -> String {
    match (first == last, last) {
        (true, _) => first.to_string(),
        (false, 0x1fff_ffff | 0x7fff_ffff) => format!("{first} to max"),
        (false, _) => format!("{first} to {last}"),
    }
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.escape_default())
}
