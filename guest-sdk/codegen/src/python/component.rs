//! What joins the generated modules with componentize-py's bindings, in a component and nowhere else.
//!
//! componentize-py makes and takes apart values by what modules of its package `wit_world` name. The app module that is
//! printed here makes these modules itself, with the generated classes in them, so that messages go in and out as they
//! are. What Python does not hold as the component does (maps, JSON, messages that hold themselves, closed enums) is
//! *lifted* by the function that stands in the place of the class, and *lowered* by one that is called before.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path as FilePath;
use std::slice;

use super::names::{MemberNames, Names, Path, component_class, component_name, module, service_class};
use super::services::path;
use crate::contract;
use crate::schema::{
    Cardinality, Field, JsonKind, Kind, Member, Message, MessageId, Method, Schema, Service, StreamId,
};
use crate::wit::{GeneratedFile, World, generate};

/// Name of the app module.
pub const APP: &str = "okra_app";

/// What componentize-py is given.
#[derive(Clone, Debug)]
pub struct Component {
    /// The app module.
    pub app: String,
    /// The project's WIT, without its comments: componentize-py would put them into Python unescaped.
    pub wit: Vec<GeneratedFile>,
    /// Interfaces that are imported, by their full names, and the modules of their bindings.
    pub imports: BTreeMap<String, String>,
    /// The same of those that are exported.
    pub exports: BTreeMap<String, String>,
}

/// What componentize-py is given to make a component of a project's `service.py`.
pub fn component(schema: &Schema, world: &World) -> Component {
    let mut wit = generate(schema, world);
    for file in &mut wit {
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        file.text = file.text.lines().filter(is_code).map(|line| format!("{line}\n")).collect();
    }
    let names = Names::new(schema);
    let glue = Glue { schema, world, lowered: lowered(schema, &names), names };
    let (imports, exports) = glue.interfaces();
    Component { app: glue.text(), wit, imports, exports }
}

struct Glue<'a> {
    schema: &'a Schema,
    world: &'a World,
    names: Names,
    /// By index into [`Schema::messages`]: whether a message is changed on its way out.
    lowered: Vec<bool>,
}

/// The messages that do not go out as they are: because of a field of theirs, or of a message in them.
fn lowered(schema: &Schema, names: &Names) -> Vec<bool> {
    let mut lowered: Vec<bool> = schema
        .messages
        .iter()
        .zip(&names.messages)
        .map(|(message, names)| aliases(message, &names.members).is_none())
        .collect();
    // Until nothing changes: each round reaches the messages that hold those of the last.
    loop {
        let is_lowered = |kind: &Kind| match kind {
            Kind::Json(_) | Kind::Encoded { .. } => true,
            Kind::Enum(id) => schema.enums.get(id.0).is_some_and(|found| found.unrecognized.is_none()),
            Kind::Message { message, .. } => lowered.get(message.0).copied().unwrap_or_default(),
            Kind::Scalar(_) | Kind::Wrapper(_) | Kind::FieldMask => false,
        };
        let next: Vec<bool> = schema
            .messages
            .iter()
            .zip(&lowered)
            .map(|(message, was)| {
                let holds = |member: &Member| match member {
                    Member::Field(Field { cardinality: Cardinality::Map { .. }, .. }) => true,
                    Member::Field(field) => is_lowered(&field.kind),
                    Member::Oneof(oneof) => oneof.cases.iter().any(|case| is_lowered(&case.kind)),
                };
                *was || message.members.iter().any(holds)
            })
            .collect();
        if next == lowered {
            return lowered;
        }
        lowered = next;
    }
}

/// Attributes that componentize-py asks for by other names than ours. None: such a name is that of another attribute.
fn aliases(message: &Message, members: &[MemberNames]) -> Option<Vec<(String, String)>> {
    let mut aliases = Vec::new();
    for (member, names) in message.members.iter().zip(members) {
        let asked = component_name(wit_name(member));
        if asked == names.attribute {
            continue;
        }
        if members.iter().any(|other| other.attribute == asked) {
            return None;
        }
        aliases.push((asked, names.attribute.clone()));
    }
    Some(aliases)
}

fn wit_name(member: &Member) -> &str {
    match member {
        Member::Field(field) => &field.wit_name,
        Member::Oneof(oneof) => &oneof.wit_name,
    }
}

impl Glue<'_> {
    fn interfaces(&self) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
        let mut imports: BTreeMap<String, String> = contract::imported_interfaces()
            .map(|name| (contract::interface_name(name), format!("okra-{name}")))
            .collect();
        for (index, package) in self.schema.packages.iter().enumerate() {
            if self.has_types(index) {
                imports.insert(package.interface(&package.types_interface), format!("types{index}"));
            }
            if self.schema.streams.iter().any(|stream| stream.package == index) {
                imports.insert(package.interface(&package.streams_interface), format!("streams{index}"));
            }
        }
        let mut exports = BTreeMap::new();
        for (index, service) in self.schema.services.iter().enumerate() {
            if self.world.imports.contains(&service.full_name) {
                imports.insert(self.schema.client_interface(service), format!("client{index}"));
            }
            if self.world.exports.contains(&service.full_name) {
                exports.insert(self.schema.service_interface(service), format!("service{index}"));
            }
        }
        if self.world.raw {
            exports.insert(contract::RAW_INTERFACE.to_owned(), "raw".to_owned());
            imports.insert(contract::RAW_STREAMS_INTERFACE.to_owned(), "okra-raw-streams".to_owned());
        }
        (imports, exports)
    }

    fn has_types(&self, package: usize) -> bool {
        self.schema.messages.iter().any(|message| message.package == package && message.in_wit)
            || self.schema.enums.iter().any(|found| found.package == package && found.in_wit)
    }

    fn text(&self) -> String {
        let mut text = "# Generated by OKRA; do not edit.\nimport okra\nfrom okra import _component as c\n".to_owned();
        for (index, package) in self.schema.packages.iter().enumerate() {
            if !super::module::text(self.schema, &self.names, index).is_empty() {
                let _ = writeln!(text, "import {} as m{index}", module(&package.proto));
            }
        }
        for index in (0..self.schema.packages.len()).filter(|index| self.has_types(*index)) {
            let _ = writeln!(text, "types{index} = c.types_module(\"types{index}\")");
        }
        text.push('\n');
        for (index, found) in self.schema.enums.iter().enumerate().filter(|(_, found)| found.in_wit) {
            self.enum_text(index, found, &mut text);
        }
        for (index, message) in self.schema.messages.iter().enumerate().filter(|(_, message)| message.in_wit) {
            self.message_text(index, message, &mut text);
        }
        let (imports, exports) = self.interfaces();
        text.push('\n');
        for name in imports.values().map(|name| component_name(name)) {
            if !name.starts_with("types") && name != "okra_status" {
                let _ = writeln!(text, "from wit_world.imports import {name}");
            }
        }
        text.push_str("\nc.start({\n");
        for name in contract::imported_interfaces().filter(|name| *name != "status") {
            let _ = writeln!(text, "    \"{name}\": {},", component_name(&format!("okra-{name}")));
        }
        text.push_str("}, {\n");
        for (index, service) in self.schema.services.iter().enumerate() {
            if self.world.imports.contains(&service.full_name) {
                for method in &service.methods {
                    self.client_text(index, service, method, &mut text);
                }
            }
        }
        text.push_str("})\n");
        let encoded = self.encoded_messages().into_iter().map(|message| self.message_class(message));
        let encoded: Vec<String> = encoded.collect();
        if !encoded.is_empty() {
            let _ = writeln!(text, "c.prepare([{}])", encoded.join(", "));
        }
        text.push_str("\nimport service\n\nc.import_deferred()\nc.ready()\ncontext = c.context\nfailure = c.failure\n");
        for (index, service) in self.schema.services.iter().enumerate() {
            if self.world.exports.contains(&service.full_name) {
                self.service_text(index, service, &mut text);
            }
        }
        if exports.values().any(|name| name == "raw") {
            text.push_str(
                "\nraw = c.implementation(okra.RawService)\n\n\nclass Raw:\n    def handle(self, method, request):\n        \
                 try:\n            return raw.handle(method, request, context)\n        except BaseException as error:\n            \
                 raise failure(error) from None\n\n    def handle_stream(self, method, requests, responses):\n        \
                 try:\n            call = raw.handle_stream(method, c.requests(requests), context)\n            \
                 return c.respond(responses, None, call)\n        except BaseException as error:\n            \
                 raise failure(error) from None\n",
            );
        }
        text
    }

    /// A class as the app module names it.
    fn class(&self, path: &Path) -> String {
        match path {
            Path::Sdk(name) => format!("okra.{name}"),
            Path::In { package, classes } => format!("m{package}.{}", classes.join(".")),
        }
    }

    fn enum_text(&self, index: usize, found: &crate::schema::Enum, text: &mut String) {
        let Some(names) = self.names.enums.get(index) else { return };
        let (class, name, package) = (self.class(&names.path), component_class(&found.wit_name), found.package);
        match &found.unrecognized {
            Some(unrecognized) => {
                let _ = writeln!(text, "c.open_enum(types{package}, \"{name}\", {class}, {{");
                for case in &found.cases {
                    let _ = writeln!(text, "    \"{}\": {},", component_class(&case.wit_name), case.number);
                }
                let _ = writeln!(text, "}}, \"{}\")", component_class(unrecognized));
            }
            None => {
                let numbers: Vec<String> = found.cases.iter().map(|case| case.number.to_string()).collect();
                let numbers = numbers.join(", ");
                let _ = writeln!(text, "numbers{index} = [{numbers}]");
                let _ = writeln!(text, "types{package}.{name} = lambda place: {class}(numbers{index}[place])");
                let _ = writeln!(text, "lower_enum{index} = c.closed_enum(numbers{index})");
            }
        }
    }

    fn message_text(&self, index: usize, message: &Message, text: &mut String) {
        let Some(names) = self.names.messages.get(index) else { return };
        let (class, package) = (self.class(&names.path), message.package);
        let name = format!("types{package}.{}", component_class(&message.wit_name));
        if message.members.is_empty() {
            let _ = writeln!(text, "{name} = lambda _: {class}()");
            // What a WIT enum is asked for; this one has the single case `empty`.
            let _ = writeln!(text, "{class}.value = 0");
        } else {
            for (member, found) in message.members.iter().zip(&names.members) {
                if let Member::Oneof(oneof) = member {
                    self.oneof_text(index, message, oneof, &class, found, text);
                }
            }
            self.record_text(index, message, &class, &name, &names.members, text);
        }
    }

    fn record_text(
        &self,
        index: usize,
        message: &Message,
        class: &str,
        name: &str,
        members: &[MemberNames],
        text: &mut String,
    ) {
        let lifts: Vec<Option<String>> = message
            .members
            .iter()
            .enumerate()
            .map(|(place, member)| match member {
                Member::Field(field) => self.lift_field(field, &format!("v{place}")),
                Member::Oneof(_) => None,
            })
            .collect();
        if lifts.iter().all(Option::is_none) {
            let _ = writeln!(text, "{name} = {class}");
        } else {
            let parameters: Vec<String> = (0..lifts.len()).map(|place| format!("v{place}")).collect();
            let values = lifts.into_iter().zip(&parameters).map(|(lift, value)| lift.unwrap_or_else(|| value.clone()));
            let values: Vec<String> = values.collect();
            let _ = writeln!(text, "{name} = lambda {}: {class}({})", parameters.join(", "), values.join(", "));
        }
        if !self.is_lowered(index) {
            for (asked, attribute) in aliases(message, members).unwrap_or_default() {
                // Of a class with slots: both names have the one slot.
                let _ = writeln!(text, "{class}.{asked} = {class}.{attribute}");
            }
            return;
        }
        let _ = writeln!(text, "def lower{index}(v):\n    return c.record(");
        for (member, names) in message.members.iter().zip(members) {
            let value = format!("v.{}", names.attribute);
            let lowered = match member {
                Member::Field(field) => self.lower_field(field, &value),
                Member::Oneof(oneof) if oneof.cases.iter().any(|case| self.lower(&case.kind, "").is_some()) => {
                    Some(format!("lower{index}_{}({value})", component_name(&oneof.wit_name)))
                }
                Member::Oneof(_) => None,
            };
            let _ = writeln!(text, "        {}={},", component_name(wit_name(member)), lowered.unwrap_or(value));
        }
        text.push_str("    )\n");
    }

    fn oneof_text(
        &self,
        index: usize,
        message: &Message,
        oneof: &crate::schema::Oneof,
        class: &str,
        names: &MemberNames,
        text: &mut String,
    ) {
        let (package, variant) = (message.package, component_class(&oneof.type_name));
        let mut lowers = String::new();
        for (case, name) in oneof.cases.iter().zip(&names.cases) {
            let own = format!("{class}.{}.{name}", names.class);
            let place = format!("{variant}_{}", component_class(&case.wit_name));
            let Some(lower) = self.lower(&case.kind, "v.value") else {
                let _ = writeln!(text, "types{package}.{place} = {own}");
                continue;
            };
            let lift = self.lift(&case.kind, "v").unwrap_or_else(|| "v".to_owned());
            let _ =
                writeln!(text, "make_{package}_{place} = c.case(types{package}, \"{place}\", lambda v: {own}({lift}))");
            let _ = writeln!(lowers, "    if isinstance(v, {own}):\n        return make_{package}_{place}({lower})");
        }
        if !lowers.is_empty() {
            let name = component_name(&oneof.wit_name);
            let _ = writeln!(text, "def lower{index}_{name}(v):\n{lowers}    return v");
        }
    }

    fn message_class(&self, message: MessageId) -> String {
        self.names.messages.get(message.0).map(|names| self.class(&names.path)).unwrap_or_default()
    }

    /// The messages that some field or method has in their encoding.
    fn encoded_messages(&self) -> BTreeSet<MessageId> {
        let members = self.schema.messages.iter().flat_map(|message| &message.members);
        let fields = members.flat_map(|member| match member {
            Member::Field(field) => slice::from_ref(field),
            Member::Oneof(oneof) => &oneof.cases,
        });
        let methods = self.schema.services.iter().flat_map(|service| &service.methods);
        let payloads = methods.flat_map(|method| method.input.iter().chain(&method.output));
        let items = self.schema.streams.iter().map(|stream| &stream.item);
        let kinds = fields.map(|field| &field.kind).chain(payloads).chain(items);
        kinds
            .filter_map(|kind| match kind {
                Kind::Encoded { message, .. } => Some(*message),
                _ => None,
            })
            .collect()
    }

    fn is_lowered(&self, message: usize) -> bool {
        self.lowered.get(message).copied().unwrap_or_default()
    }

    fn lower_message(&self, message: MessageId, value: &str) -> Option<String> {
        self.is_lowered(message.0).then(|| format!("lower{}({value})", message.0))
    }

    /// What makes a value ready to go out; none when it goes as it is.
    fn lower(&self, kind: &Kind, value: &str) -> Option<String> {
        match kind {
            Kind::Scalar(_) | Kind::Wrapper(_) | Kind::FieldMask => None,
            Kind::Json(_) => Some(format!("c.to_json({value})")),
            Kind::Encoded { message, .. } => Some(format!("c.encode({}, {value})", self.message_class(*message))),
            Kind::Message { message, .. } => self.lower_message(*message, value),
            Kind::Enum(id) => {
                let is_closed = self.schema.enums.get(id.0).is_some_and(|found| found.unrecognized.is_none());
                is_closed.then(|| format!("lower_enum{}({value})", id.0))
            }
        }
    }

    /// What makes a value of one that came in; none when it is one already.
    fn lift(&self, kind: &Kind, value: &str) -> Option<String> {
        match kind {
            Kind::Json(_) => Some(format!("c.from_json({value})")),
            Kind::Encoded { message, .. } => Some(format!("c.decode({}, {value})", self.message_class(*message))),
            Kind::Scalar(_) | Kind::Wrapper(_) | Kind::FieldMask | Kind::Message { .. } | Kind::Enum(_) => None,
        }
    }

    fn lower_field(&self, field: &Field, value: &str) -> Option<String> {
        if matches!(field.cardinality, Cardinality::Map { .. }) {
            return Some(match self.lower(&field.kind, "x") {
                Some(lowered) => format!("[(k, {lowered}) for k, x in {value}.items()]"),
                None => format!("list({value}.items())"),
            });
        }
        self.each(field.cardinality, value, |value| self.lower(&field.kind, value))
    }

    fn lift_field(&self, field: &Field, value: &str) -> Option<String> {
        if matches!(field.cardinality, Cardinality::Map { .. }) {
            return Some(match self.lift(&field.kind, "x") {
                Some(lifted) => format!("{{k: {lifted} for k, x in {value}}}"),
                None => format!("dict({value})"),
            });
        }
        if field.cardinality == Cardinality::Optional && field.kind == Kind::Json(JsonKind::Value) {
            return Some(format!("None if {value} is None else c.from_json_or_null({value})"));
        }
        self.each(field.cardinality, value, |value| self.lift(&field.kind, value))
    }

    fn each(&self, cardinality: Cardinality, value: &str, change: impl Fn(&str) -> Option<String>) -> Option<String> {
        match cardinality {
            Cardinality::Implicit | Cardinality::Required => change(value),
            Cardinality::Optional => Some(format!("None if {value} is None else {}", change(value)?)),
            Cardinality::Repeated { .. } | Cardinality::Map { .. } => {
                Some(format!("[{} for x in {value}]", change("x")?))
            }
        }
    }

    fn item(&self, stream: StreamId) -> Option<&Kind> {
        self.schema.streams.get(stream.0).map(|stream| &stream.item)
    }

    fn client_text(&self, index: usize, service: &Service, method: &Method, text: &mut String) {
        let request = method.requests.and_then(|stream| self.item(stream)).or(method.input.as_ref());
        let response = method.responses.and_then(|stream| self.item(stream)).or(method.output.as_ref());
        let function =
            |changed: Option<String>| changed.map_or_else(|| "None".to_owned(), |it| format!("lambda v: {it}"));
        let lower = function(request.and_then(|kind| self.lower(kind, "v")));
        let lift = function(response.and_then(|kind| self.lift(kind, "v")));
        let (path, name) = (path(service, method), component_name(&method.wit_name));
        let _ = writeln!(text, "    \"{path}\": c.Client(client{index}.{name}, {lower}, {lift}),");
    }

    fn service_text(&self, index: usize, service: &Service, text: &mut String) {
        let class = format!("m{}.{}", service.package, service_class(service));
        let _ = write!(text, "\nservice{index} = c.implementation({class})\n\n\nclass Service{index}:\n");
        if service.methods.is_empty() {
            text.push_str("    pass\n");
        }
        for method in &service.methods {
            let name = component_name(&method.wit_name);
            let (mut parameters, mut arguments) = (vec!["self"], Vec::new());
            match (method.requests.map(|stream| self.item(stream)), &method.input) {
                (Some(item), _) => {
                    parameters.push("requests");
                    let read = "c.requests(requests)".to_owned();
                    let lift = item.and_then(|kind| self.lift(kind, "v"));
                    arguments.push(lift.map_or(read.clone(), |lift| format!("({lift} for v in {read})")));
                }
                (None, Some(kind)) => {
                    parameters.push("request");
                    arguments.push(self.lift(kind, "request").unwrap_or_else(|| "request".to_owned()));
                }
                (None, None) => {}
            }
            arguments.push("context".to_owned());
            let call = format!("service{index}.{name}({})", arguments.join(", "));
            let answer = match (method.responses.map(|stream| self.item(stream)), &method.output) {
                (Some(item), _) => {
                    parameters.push("responses");
                    let lower = item.and_then(|kind| self.lower(kind, "v"));
                    let lower = lower.map_or_else(|| "None".to_owned(), |lower| format!("lambda v: {lower}"));
                    format!("c.respond(responses, {lower}, {call})")
                }
                (None, Some(kind)) => self.lower(kind, &call).unwrap_or(call),
                (None, None) => call,
            };
            let _ = write!(
                text,
                "    def {name}({}):\n        try:\n            return {answer}\n        except BaseException as error:\n            \
                 raise failure(error) from None\n\n",
                parameters.join(", ")
            );
        }
    }
}

impl Component {
    /// The app module in `app` and the WIT in `wit`, by their place below a folder.
    pub fn files(&self) -> Vec<GeneratedFile> {
        let wit = self
            .wit
            .iter()
            .map(|file| GeneratedFile { path: FilePath::new("wit").join(&file.path), text: file.text.clone() });
        let app = GeneratedFile { path: FilePath::new("app").join(format!("{APP}.py")), text: self.app.clone() };
        wit.chain([app]).collect()
    }
}
