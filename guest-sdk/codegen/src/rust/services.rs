//! Services: the traits that are served, the functions that are called, readers and writers of streams.
//!
//! Where no message is a type of its own, they are those of wit-bindgen.

use std::fmt::Write as _;

use super::docs;
use super::names::{camel, snake};
use super::types::{ERROR, OPTION, RESULT, Types};
use crate::schema::{Kind, Method, Schema, Service, Stream, StreamId};
use crate::wit::World;

/// The module of the SDK with what readers are made of.
const STREAM: &str = "::okra_guest::stream";

/// Prints module `rPACKAGE`: the readers and writers of a package.
pub(super) fn streams_text(types: &Types<'_>, package: usize, text: &mut String) {
    let streams: Vec<_> = types.schema.streams.iter().filter(|stream| stream.package == package).collect();
    if streams.is_empty() {
        return;
    }
    let _ = writeln!(text, "pub mod r{package} {{");
    for stream in streams {
        let (reader, writer) = (camel(&stream.reader), camel(&stream.writer));
        let (wit_reader, wit_writer) = (wit_reader(types, stream), wit_writer(types, stream));
        let item = payload(types, &stream.item, true);
        reader_text("Messages that come one by one.", &reader, &wit_reader, &item, text);
        let _ = writeln!(text, "impl {reader} {{");
        lent_text(&wit_reader, text);
        read_text(types, &stream.item, text);
        text.push_str("}\n");
        writer_text("Where messages go one by one.", &writer, &wit_writer, text);
        let _ = writeln!(text, "impl {writer} {{");
        write_text(types, &stream.item, text);
        text.push_str("}\n");
        reader_impls(&reader, &types.value(&stream.item), text);
    }
    text.push_str("}\n");
}

fn interface_of_streams(schema: &Schema, package: usize) -> &str {
    schema.packages.get(package).map(|found| found.streams_interface.as_str()).unwrap_or_default()
}

fn wit_reader(types: &Types<'_>, stream: &Stream) -> String {
    let interface = interface_of_streams(types.schema, stream.package);
    format!("{}::{}", types.wit_path(stream.package, interface, false), camel(&stream.reader))
}

fn wit_writer(types: &Types<'_>, stream: &Stream) -> String {
    let interface = interface_of_streams(types.schema, stream.package);
    format!("{}::{}", types.wit_path(stream.package, interface, false), camel(&stream.writer))
}

/// Prints a type around a resource of wit-bindgen that is written to, with references that are made of references.
fn writer_text(docs_text: &str, name: &str, wit: &str, text: &mut String) {
    docs(docs_text, 0, text);
    let _ = writeln!(text, "#[derive(Debug)]\n#[repr(transparent)]\npub struct {name}({wit});");
    let _ = writeln!(text, "impl {name} {{");
    let _ = writeln!(text, "#[doc(hidden)]\npub fn from_wit(wit: {wit}) -> Self {{ Self(wit) }}");
    let _ = writeln!(text, "#[doc(hidden)]\npub fn from_ref(wit: &{wit}) -> &Self {{");
    text.push_str("// SAFETY: it is a transparent type around the other.\n");
    text.push_str("unsafe { &*::std::ptr::from_ref(wit).cast() }\n}\n}\n");
}

/// Prints a type around a resource of wit-bindgen that is read from, with the messages that have come already.
fn reader_text(docs_text: &str, name: &str, wit: &str, item: &str, text: &mut String) {
    docs(docs_text, 0, text);
    let _ =
        writeln!(text, "#[derive(Debug)]\npub struct {name}({STREAM}::Resource<{wit}>, {STREAM}::ReadAhead<{item}>);");
    let _ = writeln!(text, "impl {name} {{");
    let _ = writeln!(text, "#[doc(hidden)]\npub fn from_wit(wit: {wit}) -> Self {{");
    let _ = writeln!(text, "Self({STREAM}::Resource::owned(wit), ::std::default::Default::default())\n}}\n}}");
}

/// Prints the function that makes a reader of one that is lent.
fn lent_text(wit: &str, text: &mut String) {
    let _ = writeln!(text, "#[doc(hidden)]\npub fn lent(wit: &{wit}) -> Self {{");
    text.push_str("// SAFETY: it lives no longer than the reference, and does not drop the resource.\n");
    let _ = writeln!(text, "let wit = {STREAM}::Resource::lent(unsafe {{ <{wit}>::from_handle(wit.handle()) }});");
    text.push_str("Self(wit, ::std::default::Default::default())\n}\n");
}

fn read_text(types: &Types<'_>, item: &Kind, text: &mut String) {
    let message = types.value(item);
    docs("Waits for the next message; none at the end. Fails with what ended the stream.", 0, text);
    let _ = writeln!(text, "pub fn read(&self) -> {RESULT}<{OPTION}<{message}>, {ERROR}> {{");
    let value = from_wit(types, item, "message");
    let next = "self.1.next(|| self.0.read_batch())?";
    let _ = writeln!(text, "Ok(match {next} {{ Some(message) => Some({value}), None => None }})\n}}");
}

fn write_text(types: &Types<'_>, item: &Kind, text: &mut String) {
    docs("Sends a message, waiting for room. Fails if the reader is gone.", 0, text);
    let _ = writeln!(text, "pub fn write(&self, message: {}) -> {RESULT}<(), {ERROR}> {{", types.borrowed(item));
    let value = into_wit_argument(types, item, "message");
    let _ = writeln!(text, "let message = {value};");
    text.push_str("match self.0.try_write(message)? { true => Ok(()), false => self.0.write(message) }\n}\n");
    let docs_text = "Sends messages in their order, waiting for room. Fails if the reader is gone. Many small messages cost \
                     a fraction of what they do one by one.";
    docs(docs_text, 0, text);
    let list = format!("&[{}]", types.value(item));
    let _ = writeln!(text, "pub fn write_all(&self, messages: {list}) -> {RESULT}<(), {ERROR}> {{");
    match types.is_own_kind(item) {
        true => {
            let converted = format!("{RESULT}<::std::vec::Vec<_>, {ERROR}>");
            let one = "|message| ::okra_guest::message::convert::into_one(message)";
            let _ =
                writeln!(text, "self.0.write_all(&messages.iter().cloned().map({one}).collect::<{converted}>()?)\n}}");
        }
        false => text.push_str("self.0.write_all(messages)\n}\n"),
    }
}

/// Prints that a type is a reader, by the trait and as an iterator.
fn reader_impls(name: &str, message: &str, text: &mut String) {
    let next = format!("fn next_message(&self) -> {RESULT}<{OPTION}<{message}>, {ERROR}> {{ self.read() }}");
    let _ = writeln!(text, "impl ::okra_guest::stream::Read for {name} {{\ntype Message = {message};\n{next}\n}}");
    let _ = writeln!(text, "impl<'a> ::std::iter::IntoIterator for &'a {name} {{");
    let _ = writeln!(text, "type Item = {RESULT}<{message}, {ERROR}>;");
    let _ = writeln!(text, "type IntoIter = ::okra_guest::stream::Messages<'a, {name}>;");
    text.push_str("fn into_iter(self) -> Self::IntoIter { ::okra_guest::stream::Read::messages(self) }\n}\n");
}

/// A value with people's type, made of one with wit-bindgen's.
fn from_wit(types: &Types<'_>, kind: &Kind, value: &str) -> String {
    match types.is_own_kind(kind) {
        true => format!("::okra_guest::message::convert::from_one::<{}>({value})?", types.value(kind)),
        false => value.to_owned(),
    }
}

/// A value with wit-bindgen's type, made of one with people's.
fn into_wit(types: &Types<'_>, kind: &Kind, value: &str) -> String {
    match types.is_own_kind(kind) {
        true => format!("::okra_guest::message::convert::into_one({value})?"),
        false => value.to_owned(),
    }
}

/// What a function of wit-bindgen is given, made of what people give.
fn into_wit_argument(types: &Types<'_>, kind: &Kind, value: &str) -> String {
    match types.is_own_kind(kind) {
        true => format!("&::okra_guest::message::convert::into_one(::std::clone::Clone::clone({value}))?"),
        false => value.to_owned(),
    }
}

fn stream<'a>(types: &'a Types<'_>, id: StreamId) -> Option<&'a Stream> {
    types.schema.streams.get(id.0)
}

/// Whether a service has streams, or some message of it is a type of its own.
fn is_own(types: &Types<'_>, service: &Service) -> bool {
    if service.methods.iter().any(|method| !method.is_unary()) {
        return true;
    }
    let mut kinds = service.methods.iter().flat_map(|method| [&method.input, &method.output]).flatten();
    kinds.any(|kind| types.is_own_kind(kind))
}

/// Prints module `sINDEX` with the trait of a service that is served, and `cINDEX` with the functions of one that is called.
pub(super) fn service_text(types: &Types<'_>, world: &World, index: usize, service: &Service, text: &mut String) {
    if world.exports.contains(&service.full_name) {
        let _ = writeln!(text, "pub mod s{index} {{");
        let guest = format!("{}::Guest", types.wit_path(service.package, &service.wit_name, true));
        let name = camel(&service.wit_name);
        match is_own(types, service) {
            true => trait_text(types, service, &name, &guest, text),
            false => {
                let _ = writeln!(text, "pub use {guest} as {name};");
            }
        }
        text.push_str("}\n");
    }
    if world.imports.contains(&service.full_name) {
        let _ = writeln!(text, "pub mod c{index} {{");
        client_text(types, service, text);
        text.push_str("}\n");
    }
}

fn trait_text(types: &Types<'_>, service: &Service, name: &str, guest: &str, text: &mut String) {
    let mut implementation = String::new();
    docs(&service.docs, 0, text);
    let _ = writeln!(text, "pub trait {name} {{");
    for method in &service.methods {
        docs(&method.docs, 0, text);
        let function = snake(&method.wit_name);
        let parameters = |is_wit: bool| server_parameters(types, method, is_wit).join(", ");
        let response = |is_wit: bool| match (&method.responses, &method.output) {
            (None, Some(kind)) => payload(types, kind, is_wit),
            _ => "()".to_owned(),
        };
        let _ = writeln!(text, "fn {function}({}) -> {RESULT}<{}, {ERROR}>;", parameters(false), response(false));
        let _ =
            writeln!(implementation, "fn {function}({}) -> {RESULT}<{}, {ERROR}> {{", parameters(true), response(true));
        let argument = |id: StreamId, name: &str, is_reader: bool| match stream(types, id) {
            Some(stream) if is_reader => {
                format!("&super::r{}::{}::lent({name})", stream.package, camel(&stream.reader))
            }
            Some(stream) => format!("super::r{}::{}::from_ref({name})", stream.package, camel(&stream.writer)),
            None => name.to_owned(),
        };
        let mut arguments = Vec::new();
        match (method.requests, &method.input) {
            (Some(id), _) => arguments.push(argument(id, "requests", true)),
            (None, Some(kind)) => arguments.push(from_wit(types, kind, "request")),
            (None, None) => {}
        }
        arguments.extend(method.responses.map(|id| argument(id, "responses", false)));
        let call = format!("<__T as {name}>::{function}({})", arguments.join(", "));
        let made = match (&method.responses, &method.output) {
            (None, Some(kind)) => format!("Ok({})", into_wit(types, kind, &format!("{call}?"))),
            _ => call,
        };
        let _ = writeln!(implementation, "{made}\n}}");
    }
    let _ = writeln!(text, "}}\nimpl<__T: {name}> {guest} for __T {{\n{implementation}}}");
}

fn payload(types: &Types<'_>, kind: &Kind, is_wit: bool) -> String {
    match kind {
        Kind::Message { message, .. } if is_wit && types.is_own_kind(kind) => {
            match types.schema.messages.get(message.0) {
                Some(message) => types.wit_type(message.package, &message.wit_name),
                None => String::new(),
            }
        }
        _ => types.value(kind),
    }
}

fn server_parameters(types: &Types<'_>, method: &Method, is_wit: bool) -> Vec<String> {
    let resource = |id: StreamId, is_reader: bool| {
        let Some(stream) = stream(types, id) else { return String::new() };
        match (is_wit, is_reader) {
            (true, true) => wit_reader(types, stream),
            (true, false) => wit_writer(types, stream),
            (false, true) => format!("super::r{}::{}", stream.package, camel(&stream.reader)),
            (false, false) => format!("super::r{}::{}", stream.package, camel(&stream.writer)),
        }
    };
    let mut parameters = Vec::new();
    match (method.requests, &method.input) {
        (Some(id), _) => parameters.push(format!("requests: &{}", resource(id, true))),
        (None, Some(kind)) => parameters.push(format!("request: {}", payload(types, kind, is_wit))),
        (None, None) => {}
    }
    parameters.extend(method.responses.map(|id| format!("responses: &{}", resource(id, false))));
    parameters
}

fn client_text(types: &Types<'_>, service: &Service, text: &mut String) {
    let wit = types.wit_path(service.package, service.client_name(), false);
    for method in &service.methods {
        let function = snake(&method.wit_name);
        let item = |id: Option<StreamId>| id.and_then(|id| stream(types, id)).map(|stream| &stream.item);
        let is_own = |kind: Option<&Kind>| kind.is_some_and(|kind| types.is_own_kind(kind));
        let input = item(method.requests).or(method.input.as_ref());
        let output = item(method.responses).or(method.output.as_ref());
        let is_own = !method.is_unary() || is_own(input) || is_own(output);
        if let Some(call) = &method.call {
            call_text(types, method, &camel(call), &wit, [input, output], text);
        }
        if !is_own {
            let _ = writeln!(text, "pub use {wit}::{function};");
            continue;
        }
        docs(&method.docs, 0, text);
        let (parameter, argument) = match (&method.requests, &method.input) {
            (None, Some(kind)) => {
                (format!("request: {}", types.borrowed(kind)), into_wit_argument(types, kind, "request"))
            }
            _ => (String::new(), String::new()),
        };
        let (response, made) = match (&method.call, method.responses.and_then(|id| stream(types, id)), output) {
            (Some(call), _, _) => (camel(call), format!("Ok({}::from_wit(response))", camel(call))),
            (None, Some(stream), _) => {
                let reader = format!("super::r{}::{}", stream.package, camel(&stream.reader));
                let made = format!("Ok({reader}::from_wit(response))");
                (reader, made)
            }
            (None, None, Some(kind)) => (types.value(kind), format!("Ok({})", from_wit(types, kind, "response"))),
            (None, None, None) => ("()".to_owned(), "Ok(response)".to_owned()),
        };
        let _ = writeln!(text, "pub fn {function}({parameter}) -> {RESULT}<{response}, {ERROR}> {{");
        let _ = writeln!(text, "let response = {wit}::{function}({argument})?;\n{made}\n}}");
    }
}

/// Prints the type of a call with a stream of requests.
fn call_text(
    types: &Types<'_>,
    method: &Method,
    call: &str,
    wit: &str,
    [input, output]: [Option<&Kind>; 2],
    text: &mut String,
) {
    let (docs_text, wit) =
        (format!("A call of `{}`. Dropped, it is cancelled.", method.proto_name), format!("{wit}::{call}"));
    let read = output.filter(|_| method.responses.is_some());
    match read {
        Some(kind) => reader_text(&docs_text, call, &wit, &payload(types, kind, true), text),
        None => writer_text(&docs_text, call, &wit, text),
    }
    let _ = writeln!(text, "impl {call} {{");
    if let Some(kind) = input {
        write_text(types, kind, text);
    }
    match read {
        Some(kind) => {
            docs("Says that no more requests follow.", 0, text);
            let _ = writeln!(text, "pub fn done_writing(&self) -> {RESULT}<(), {ERROR}> {{ self.0.done_writing() }}");
            read_text(types, kind, text);
        }
        None => {
            docs("Says that no more requests follow, and waits for the response.", 0, text);
            let response = output.map_or_else(|| "()".to_owned(), |kind| types.value(kind));
            let made = output.map_or_else(|| "response".to_owned(), |kind| from_wit(types, kind, "response"));
            let _ = writeln!(text, "pub fn finish(&self) -> {RESULT}<{response}, {ERROR}> {{");
            let _ = writeln!(text, "let response = self.0.finish()?;\nOk({made})\n}}");
        }
    }
    text.push_str("}\n");
    if let Some(kind) = read {
        reader_impls(call, &types.value(kind), text);
    }
}
