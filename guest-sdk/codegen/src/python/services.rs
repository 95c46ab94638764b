//! Services: a base class to implement, whose methods answer UNIMPLEMENTED until they are, and a client that calls.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::names::{client_class, component_name, service_class};
use super::text::{call, docstring};
use super::types::Types;
use crate::schema::{Method, Service, StreamId};

/// The classes of a service, each after two empty lines.
pub(super) fn text(types: &mut Types<'_>, service: &Service) -> String {
    format!("\n\n{}\n\n{}", base(types, service), client(types, service))
}

fn base(types: &mut Types<'_>, service: &Service) -> String {
    let okra = types.whole("okra");
    let mut text = format!("class {}({okra}.Service):\n", service_class(service));
    let functions: BTreeSet<String> = service.methods.iter().map(|method| component_name(&method.wit_name)).collect();
    let scope: BTreeSet<&str> = functions.iter().map(String::as_str).collect();
    let docs = docstring(4, &service.docs);
    if !docs.is_empty() {
        let _ = writeln!(text, "{docs}");
    }
    if service.methods.is_empty() {
        let (dict, str) = (types.builtin("dict"), types.builtin("str"));
        let _ = writeln!(text, "    __methods__: {dict}[{str}, {str}] = {{}}");
    } else {
        text.push_str("    __methods__ = {\n");
        for method in &service.methods {
            let (path, function) = (path(service, method), component_name(&method.wit_name));
            let _ = writeln!(text, "        \"{path}\": \"{function}\",");
        }
        text.push_str("    }\n");
    }
    for method in &service.methods {
        let mut arguments = vec!["self".to_owned()];
        match (method.requests, &method.input) {
            (Some(stream), _) => {
                let iterator = types.from("collections.abc", "Iterator");
                arguments.push(format!("requests: {iterator}[{}]", item(types, stream, &scope)));
            }
            (None, Some(kind)) => arguments.push(format!("request: {}", types.kind(kind, &scope))),
            (None, None) => {}
        }
        arguments.push(format!("context: {okra}.Context"));
        let response = match (method.responses, &method.output) {
            (Some(stream), _) => {
                let iterable = types.from("collections.abc", "Iterable");
                format!("{iterable}[{}]", item(types, stream, &scope))
            }
            (None, Some(kind)) => types.kind(kind, &scope),
            (None, None) => "None".to_owned(),
        };
        let head = format!("def {}", component_name(&method.wit_name));
        text.push('\n');
        text.push_str(&call(4, &head, &arguments, &format!(" -> {response}:")));
        text.push_str(&docstring(8, &method.docs));
        let message = format!("\"{}/{} is not implemented\"", service.full_name, method.proto_name);
        text.push_str(&call(8, &format!("raise {okra}.Unimplemented"), &[message], ""));
    }
    text
}

fn client(types: &mut Types<'_>, service: &Service) -> String {
    let okra = types.whole("okra");
    let mut text = format!("class {}:\n", client_class(types.schema, service));
    let functions: BTreeSet<String> = service.methods.iter().map(|method| component_name(&method.wit_name)).collect();
    let scope: BTreeSet<&str> = functions.iter().map(String::as_str).collect();
    text.push_str(&docstring(4, &format!("Calls `{}`.", service.full_name)));
    for method in &service.methods {
        let path = path(service, method);
        let mut arguments = vec!["self".to_owned()];
        let mut passed = vec![format!("\"{path}\"")];
        match (method.requests, method.responses, &method.input) {
            (Some(_), Some(_), _) => {}
            (Some(stream), None, _) => {
                let iterable = types.from("collections.abc", "Iterable");
                arguments.push(format!("requests: {iterable}[{}]", item(types, stream, &scope)));
                passed.push("requests".to_owned());
            }
            (None, _, Some(kind)) => {
                arguments.push(format!("request: {}", types.kind(kind, &scope)));
                passed.push("request".to_owned());
            }
            (None, _, None) => passed.push("None".to_owned()),
        }
        let (function, response) = match (method.requests, method.responses, &method.output) {
            (Some(requests), Some(responses), _) => {
                let (request, response) = (item(types, requests, &scope), item(types, responses, &scope));
                ("stream", Some(format!("{okra}.Call[{request}, {response}]")))
            }
            (None, Some(stream), _) => {
                let iterator = types.from("collections.abc", "Iterator");
                ("server_stream", Some(format!("{iterator}[{}]", item(types, stream, &scope))))
            }
            (Some(_), None, output) => ("client_stream", output.as_ref().map(|kind| types.kind(kind, &scope))),
            (None, None, output) => ("unary", output.as_ref().map(|kind| types.kind(kind, &scope))),
        };
        let head = format!("def {}", component_name(&method.wit_name));
        let returned = response.as_deref().unwrap_or("None");
        let _ = write!(text, "\n{}", call(4, &head, &arguments, &format!(" -> {returned}:")));
        text.push_str(&docstring(8, &method.docs));
        // Those of streams are typed as they come.
        let is_typed = method.responses.is_some();
        let function = format!("{okra}.calls.{function}");
        match &response {
            Some(_) if is_typed => text.push_str(&call(8, &format!("return {function}"), &passed, "")),
            Some(response) => {
                text.push_str(&call(8, &format!("response: {response} = {function}"), &passed, ""));
                text.push_str("        return response\n");
            }
            None => text.push_str(&call(8, &function, &passed, "")),
        }
    }
    text
}

/// The path of a method on the wire.
pub(super) fn path(service: &Service, method: &Method) -> String {
    format!("/{}/{}", service.full_name, method.proto_name)
}

fn item(types: &mut Types<'_>, stream: StreamId, scope: &BTreeSet<&str>) -> String {
    let schema = types.schema;
    schema.streams.get(stream.0).map(|stream| types.kind(&stream.item, scope)).unwrap_or_default()
}
