//! Services as Go has them: what a server implements, and what a client calls.

use std::fmt::Write as _;

use super::File;
use super::names::{GoService, Names};
use super::text::comment;
use crate::schema::{Method, Schema, Service};
use crate::wit::World;

/// The services of a package that are served or called; none when none is.
pub(super) fn text(schema: &Schema, world: &World, names: &Names, package: usize) -> Option<String> {
    let mut file = File::new(schema, names, Some(package));
    for (service, named) in schema.services.iter().zip(&names.services) {
        if names.home(service.package) == package && world.exports.contains(&service.full_name) {
            file.server(service, named);
        }
        if names.home(service.package) == package && world.imports.contains(&service.full_name) {
            file.client(service, named);
        }
    }
    let name = &names.packages.get(package)?.name;
    if file.body.is_empty() { None } else { Some(file.finish(name)) }
}

impl File<'_> {
    fn server(&mut self, service: &Service, named: &GoService) {
        let name = &named.name;
        let full_name = &service.full_name;
        self.imports.add("okra/link", "link");
        let _ = write!(self.body, "\n// {name}Server is what serves {full_name}.\n");
        let docs = comment(&service.docs, "");
        if !docs.is_empty() {
            let _ = write!(self.body, "//\n{docs}");
        }
        let signatures = service.methods.iter().map(|method| self.handler(method));
        let methods: Vec<(String, String)> = named.methods.iter().cloned().zip(signatures).collect();
        self.interface(&format!("{name}Server"), service, &methods);
        for (method, alias) in service.methods.iter().zip(&named.stream_aliases) {
            if let Some(alias) = alias {
                let stream = self.server_stream(method);
                let _ = write!(
                    self.body,
                    "\n// {alias} is the stream of {}.\ntype {alias} = {stream}\n",
                    method.proto_name
                );
            }
        }
        if !service.methods.is_empty() {
            self.imports.add("okra", "okra");
            self.imports.add("okra/codes", "codes");
        }
        let _ = write!(
            self.body,
            "\n// Unimplemented{name}Server answers each method with UNIMPLEMENTED. Embedded, it stands for those that a \
             server lacks.\ntype Unimplemented{name}Server struct{{}}\n"
        );
        for (method, (go, signature)) in service.methods.iter().zip(&methods) {
            let nothing = if method.is_unary() { "nil, " } else { "" };
            let _ = write!(
                self.body,
                "\n// {go} answers with UNIMPLEMENTED.\nfunc (Unimplemented{name}Server) {go}{signature} {{\n\
                 \treturn {nothing}okra.Error(codes.Unimplemented, \"method {} is not implemented\")\n}}\n",
                method.proto_name
            );
        }
        let _ = write!(
            self.body,
            "\n// Register{name}Server has {full_name} served by srv. Called in main.\n\
             func Register{name}Server(srv {name}Server) {{\n\tlink.Register(\"{full_name}\", srv)\n}}\n"
        );
    }

    /// Parameters and results of a method as it is served.
    fn handler(&mut self, method: &Method) -> String {
        let (req, res) = self.payloads(method);
        match (&method.requests, &method.responses) {
            (None, None) => {
                self.imports.add("context", "context");
                format!("(context.Context, *{req}) (*{res}, error)")
            }
            (None, Some(_)) => format!("(*{req}, {}) error", self.server_stream(method)),
            (Some(_), _) => format!("({}) error", self.server_stream(method)),
        }
    }

    /// The type of the stream that a handler gets.
    fn server_stream(&mut self, method: &Method) -> String {
        let (req, res) = self.payloads(method);
        self.imports.add("okra", "okra");
        match (&method.requests, &method.responses) {
            (None, _) => format!("okra.ServerStreamingServer[{res}]"),
            (Some(_), None) => format!("okra.ClientStreamingServer[{req}, {res}]"),
            (Some(_), Some(_)) => format!("okra.BidiStreamingServer[{req}, {res}]"),
        }
    }

    fn client(&mut self, service: &Service, named: &GoService) {
        let name = &named.name;
        let full_name = &service.full_name;
        self.imports.add("okra/link", "link");
        let _ = write!(self.body, "\n// {name}Client calls {full_name}.\n");
        let docs = comment(&service.docs, "");
        if !docs.is_empty() {
            let _ = write!(self.body, "//\n{docs}");
        }
        let signatures = service.methods.iter().map(|method| self.call(method));
        let methods: Vec<(String, String)> = named.methods.iter().cloned().zip(signatures).collect();
        self.interface(&format!("{name}Client"), service, &methods);
        let _ = write!(
            self.body,
            "\n// New{name}Client gives what calls {full_name} from a component.\n\
             func New{name}Client() {name}Client {{\n\treturn link.Client[{name}Client](\"{full_name}\")\n}}\n"
        );
    }

    /// Parameters and results of a method as it is called.
    pub(super) fn call(&mut self, method: &Method) -> String {
        let (req, res) = self.payloads(method);
        self.imports.add("context", "context");
        self.imports.add("okra", "okra");
        let options = if method.is_unary() { ", options ...okra.CallOption" } else { "" };
        let request = if method.requests.is_none() { format!(", req *{req}") } else { String::new() };
        let result = match (&method.requests, &method.responses) {
            (None, None) => format!("*{res}"),
            (None, Some(_)) => format!("okra.ServerStreamingClient[{res}]"),
            (Some(_), None) => format!("okra.ClientStreamingClient[{req}, {res}]"),
            (Some(_), Some(_)) => format!("okra.BidiStreamingClient[{req}, {res}]"),
        };
        format!("(ctx context.Context{request}{options}) ({result}, error)")
    }

    /// The types of request and response.
    pub(super) fn payloads(&mut self, method: &Method) -> (String, String) {
        let schema = self.schema;
        let item = |stream: Option<crate::schema::StreamId>| {
            stream.and_then(|stream| schema.streams.get(stream.0)).map(|stream| &stream.item)
        };
        let req = self.payload_type(item(method.requests).or(method.input.as_ref()));
        let res = self.payload_type(item(method.responses).or(method.output.as_ref()));
        (req, res)
    }

    fn interface(&mut self, name: &str, service: &Service, methods: &[(String, String)]) {
        if methods.is_empty() {
            let _ = writeln!(self.body, "type {name} interface{{}}");
            return;
        }
        let _ = writeln!(self.body, "type {name} interface {{");
        for (method, (go, signature)) in service.methods.iter().zip(methods) {
            self.body.push_str(&comment(&method.docs, "\t"));
            let _ = writeln!(self.body, "\t{go}{signature}");
        }
        self.body.push_str("}\n");
    }
}
