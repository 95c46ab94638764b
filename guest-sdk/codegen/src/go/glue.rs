//! What stands between the bindings and the stubs: the exported functions, which call the project's servers, and the
//! clients, which call the imported ones.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::convert::{self, may_throw};
use super::names::{GoService, Names};
use super::{File, HEADER, host, raw};
use crate::schema::{Kind, Method, Schema, Service, Stream, StreamId};
use crate::wit::{GeneratedFile, World};

const RAW: &str = include_str!("raw.go.in");

/// The packages below `internal/okra` in a project that are not for people, beside the bindings of wit-bindgen, which
/// are below `wit` there.
pub fn glue(schema: &Schema, world: &World, module: &str) -> Vec<GeneratedFile> {
    let names = &Names::new(schema, module);
    let mut files = Vec::new();
    let mut add = |path: String, text: String| files.push(GeneratedFile { path: PathBuf::from(path), text });
    for (name, text) in host::files(names) {
        add(format!("glue/{name}"), text);
    }
    add("glue/convert.go".to_owned(), convert::text(schema, names));
    add("glue/types.go".to_owned(), types(schema, names));
    add("glue/streams.go".to_owned(), streams(schema, names));
    let mut clients = File::new(schema, names, None);
    for ((index, service), named) in schema.services.iter().enumerate().zip(&names.services) {
        if world.imports.contains(&service.full_name) {
            clients.client_glue(index, service, named);
        }
        if world.exports.contains(&service.full_name) {
            let package = schema.packages.get(service.package);
            let package = package.map(|package| raw::package(package, &service.wit_name)).unwrap_or_default();
            add(format!("wit/export_{package}/export.go"), exports(schema, names, service, named, &package));
        }
    }
    add("glue/clients.go".to_owned(), clients.finish("glue"));
    if world.raw {
        let package = format!("export_{}", raw::okra_service("raw"));
        let status = names.internal(&format!("wit/{}", raw::okra_service("status")));
        let streams = names.internal(&format!("wit/{}", raw::okra_service("raw-streams")));
        let text = RAW.replace("@package", &package).replace("@status", &status).replace("@streams", &streams);
        let text = text.replace("@glue", &names.internal("glue"));
        add(format!("wit/{package}/export.go"), text);
    }
    files
}

/// Imports all packages of messages, so that the messages are known by name.
fn types(schema: &Schema, names: &Names) -> String {
    let mut packages: Vec<&str> = Vec::new();
    for (message, named) in schema.messages.iter().zip(&names.messages) {
        let import = names.packages.get(names.home(message.package)).filter(|_| named.known.is_none());
        packages.extend(import.map(|package| package.import.as_str()));
    }
    packages.sort_unstable();
    packages.dedup();
    let sdk = ["okra/anypb", "okra/durationpb", "okra/emptypb", "okra/errdetails", "okra/timestamppb"];
    let imports: String = sdk.iter().chain(&packages).map(|package| format!("\t_ \"{package}\"\n")).collect();
    format!("{HEADER}\npackage glue\n\nimport (\n{imports})\n")
}

/// What receives from and sends to the streams of the bindings.
fn streams(schema: &Schema, names: &Names) -> String {
    let mut file = File::new(schema, names, None);
    for (index, stream) in schema.streams.iter().enumerate() {
        let Some(package) = schema.packages.get(stream.package) else { continue };
        let bindings = file.bindings(&raw::package(package, &package.streams_interface));
        let (reader, writer) = (raw::camel(&stream.reader), raw::camel(&stream.writer));
        let item = file.payload_type(Some(&stream.item));
        let (receive, send, send_all) =
            (file.receive(&stream.item), file.send(&stream.item), file.send_all(&stream.item));
        let _ = write!(
            file.body,
            "\nfunc RecvS{index}(stream *{bindings}.{reader}) func() (*{item}, error) {{\n\
             return {receive}}}\n\
             \nfunc SendS{index}(stream *{bindings}.{writer}) func(*{item}) error {{\n\
             return func(req *{item}) (err error) {{\n{send}return err\n}}\n}}\n\
             \nfunc SendAllS{index}(stream *{bindings}.{writer}) func([]*{item}) error {{\n\
             return func(all []*{item}) (err error) {{\n{send_all}return err\n}}\n}}\n"
        );
    }
    file.finish("glue")
}

/// The functions that the component exports for a service.
fn exports(schema: &Schema, names: &Names, service: &Service, named: &GoService, package: &str) -> String {
    let mut file = File::new(schema, names, None);
    for (method, go) in service.methods.iter().zip(&named.methods) {
        file.export(service, named, method, go);
    }
    file.finish(&format!("export_{package}"))
}

impl File<'_> {
    fn glue_package(&mut self) -> String {
        let path = self.names.internal("glue");
        self.imports.add(&path, "glue")
    }

    fn error_type(&mut self) -> String {
        format!("{}.Error", self.bindings(&raw::okra_service("status")))
    }

    /// The type that the bindings have for a payload.
    fn raw_payload(&mut self, kind: Option<&Kind>) -> String {
        match kind {
            Some(kind) => self.raw_value(kind),
            None => {
                self.imports.add("okra/wit/types", "witTypes");
                "witTypes.Unit".to_owned()
            }
        }
    }

    /// Statements that set `to`, a pointer to a payload, to what the bindings' `from` holds, which has an address.
    fn get_payload(&mut self, glue: &str, kind: Option<&Kind>, to: &str, from: &str) -> String {
        let go = self.payload_type(kind);
        let made = format!("{to} = new({go})\n");
        match kind {
            Some(Kind::Message { message, .. }) => format!("{made}{glue}GetM{}({to}, &{from})\n", message.0),
            Some(Kind::Encoded { .. }) => format!("{made}link.Decode({from}, {to})\n"),
            Some(Kind::Enum(id)) => format!("{made}*{to} = {glue}GetE{}({from})\n", id.0),
            Some(kind) => made + &self.get(kind, &format!("*{to}"), from),
            None => made,
        }
    }

    /// Statements that set `to`, of the bindings and with an address, to what the pointer `from` leads to.
    fn put_payload(&mut self, glue: &str, kind: Option<&Kind>, to: &str, from: &str) -> String {
        match kind {
            Some(Kind::Message { message, .. }) => format!("{glue}PutM{}(&{to}, {from})\n", message.0),
            Some(Kind::Encoded { .. }) => format!("{to} = link.Encode({from})\n"),
            Some(Kind::Enum(id)) => format!("if {from} != nil {{\n{to} = {glue}PutE{}(*{from})\n}}\n", id.0),
            Some(kind) => {
                let put = self.put(kind, to, &format!("*{from}"));
                let go = self.value_type(kind);
                format!("if {from} == nil {{\n{from} = new({go})\n}}\n{put}")
            }
            None => String::new(),
        }
    }

    /// What follows where conversions may throw.
    fn catch(&mut self) -> &'static str {
        self.imports.add("okra/link", "link");
        if may_throw(self.schema) { "defer link.Catch(&err)\n" } else { "" }
    }

    /// A function that receives messages from `stream`, which takes those from the host together that have come.
    fn receive(&mut self, item: &Kind) -> String {
        self.imports.add("io", "io");
        let go = self.payload_type(Some(item));
        let get = self.get_payload("", Some(item), "res", "batch[i]");
        let catch = self.catch();
        format!(
            "link.Batched(func(add func(*{go})) (err error) {{\n{catch}link.Enter()\ndefer link.Leave()\n\
             result := stream.ReadBatch()\nif result.IsErr() {{\nreturn Failed(result.Err())\n}}\n\
             batch := result.Ok()\nif len(batch) == 0 {{\nreturn io.EOF\n}}\n\
             for i := range batch {{\nvar res *{go}\n{get}add(res)\n}}\nreturn nil\n}})\n"
        )
    }

    /// The body of a function that writes `req` to `stream`, or sets `err`.
    fn send(&mut self, item: &Kind) -> String {
        let ty = self.raw_payload(Some(item));
        let put = self.put_payload("", Some(item), "r", "req");
        let catch = self.catch();
        format!(
            "{catch}var r {ty}\n{put}link.Enter()\ndefer link.Leave()\nsent := stream.TryWrite(r)\nif sent.IsErr() {{\n\
             return Failed(sent.Err())\n}}\nif sent.Ok() {{\nreturn nil\n}}\n\
             if result := stream.Write(r); result.IsErr() {{\nreturn Failed(result.Err())\n}}\n"
        )
    }

    /// The body of a function that writes `all` to `stream`, or sets `err`.
    fn send_all(&mut self, item: &Kind) -> String {
        let ty = self.raw_payload(Some(item));
        let put = self.put_payload("", Some(item), "batch[i]", "req");
        let catch = self.catch();
        format!(
            "{catch}batch := make([]{ty}, len(all))\nfor i, req := range all {{\n{put}}}\n\
             link.Enter()\ndefer link.Leave()\nif result := stream.WriteAll(batch); result.IsErr() {{\n\
             return Failed(result.Err())\n}}\n"
        )
    }

    fn stream(&self, id: Option<StreamId>) -> Option<(usize, &Stream)> {
        let id = id?;
        Some((id.0, self.schema.streams.get(id.0)?))
    }

    fn export(&mut self, service: &Service, named: &GoService, method: &Method, go: &str) {
        self.imports.add("okra/link", "link");
        self.imports.add("okra/wit/types", "witTypes");
        let glue = self.glue_package();
        let error = self.error_type();
        let server = self.qualified(service.package, &format!("{}Server", named.name));
        let name = raw::camel(&method.wit_name);
        let (req, res) = self.payloads(method);

        let (mut parameters, mut arguments, mut drops) = (Vec::new(), Vec::new(), String::new());
        let mut lend = |file: &mut Self, id: Option<StreamId>, name: &str, is_reader: bool| {
            let (index, stream) = file.stream(id)?;
            let resource = raw::camel(if is_reader { &stream.reader } else { &stream.writer });
            let package = file.schema.packages.get(stream.package)?;
            let bindings = file.bindings(&raw::package(package, &package.streams_interface));
            parameters.push(format!("{name} *{bindings}.{resource}"));
            // The host lends it for as long as the call takes; given back after everything else.
            let _ = writeln!(drops, "defer {name}.Drop()");
            Some(match is_reader {
                true => format!("{glue}.RecvS{index}({name})"),
                false => format!("{glue}.SendS{index}({name}), {glue}.SendAllS{index}({name})"),
            })
        };
        let recv = lend(self, method.requests, "requests", true);
        let send = lend(self, method.responses, "responses", false);
        let mut request = String::new();
        if recv.is_none() {
            if let Some(kind) = &method.input {
                parameters.insert(0, format!("request {}", self.raw_value(kind)));
            }
            let glue = format!("{glue}.");
            request = format!("var req *{req}\n{}", self.get_payload(&glue, method.input.as_ref(), "req", "request"));
            arguments.push("req".to_owned());
        }
        let (output, put) = if send.is_some() {
            (None, String::new())
        } else {
            let glue = format!("{glue}.");
            (method.output.as_ref(), self.put_payload(&glue, method.output.as_ref(), "reply", "res"))
        };
        let mut opened = String::new();
        let has_one_response = recv.is_some() && send.is_none();
        if recv.is_some() || send.is_some() {
            opened = format!(
                "stream := link.NewServerStream[{req}, {res}](call, {}, {})\n",
                recv.as_deref().unwrap_or("nil"),
                send.as_deref().unwrap_or("nil, nil")
            );
            arguments.push("stream".to_owned());
        } else {
            arguments.insert(0, "call".to_owned());
        }
        let output = self.raw_payload(output);
        let result = if opened.is_empty() { "res, err :=" } else { "err =" };
        let reply =
            if has_one_response { "res, err := stream.Reply()\nif err != nil {\nreturn reply, err\n}\n" } else { "" };
        let catch = self.catch();
        let ignored = if send.is_none() && put.is_empty() { "_ = res\n" } else { "" };
        let full_name = &service.full_name;
        let arguments = arguments.join(", ");
        let _ = write!(
            self.body,
            "\nfunc {name}({}) witTypes.Result[{output}, {error}] {{\n{drops}call := link.Begin()\ndefer call.End()\n\
             reply, err := func() (reply {output}, err error) {{\n{catch}\
             server, err := link.Server[{server}](\"{full_name}\")\nif err != nil {{\nreturn reply, err\n}}\n{request}{opened}\
             {result} server.{go}({arguments})\nif err != nil {{\nreturn reply, err\n}}\n{reply}{ignored}{put}\
             return reply, nil\n}}()\nif err != nil {{\n\
             return witTypes.Err[{output}, {error}]({glue}.Failure(err))\n}}\n\
             return witTypes.Ok[{output}, {error}](reply)\n}}\n",
            parameters.join(", ")
        );
    }

    fn client_glue(&mut self, index: usize, service: &Service, named: &GoService) {
        self.imports.add("okra/link", "link");
        let _ = write!(
            self.body,
            "\nfunc init() {{\n\tlink.RegisterClient(\"{}\", client{index}{{}})\n}}\n\ntype client{index} struct{{}}\n",
            service.full_name
        );
        for (method, go) in service.methods.iter().zip(&named.methods) {
            let signature = self.call(method);
            let text = if method.is_unary() { self.invoke(service, method) } else { self.open(service, method) };
            let _ = write!(self.body, "\nfunc (client{index}) {go}{signature} {{\n{text}}}\n");
        }
    }

    /// The bindings of the interface by which a service is called.
    fn client_bindings(&mut self, service: &Service) -> String {
        let package = self.schema.packages.get(service.package);
        let package = package.map(|package| raw::package(package, service.client_name())).unwrap_or_default();
        self.bindings(&package)
    }

    /// Statements that make the bindings' `request` of `req`; and what the function is called with.
    fn request(&mut self, method: &Method) -> (String, &'static str) {
        match (&method.requests, &method.input) {
            (None, Some(kind)) => {
                let ty = self.raw_value(kind);
                let put = self.put_payload("", Some(kind), "request", "req");
                (format!("var request {ty}\n{put}"), "request")
            }
            _ => (String::new(), ""),
        }
    }

    fn invoke(&mut self, service: &Service, method: &Method) -> String {
        let bindings = self.client_bindings(service);
        let (_, res) = self.payloads(method);
        let (request, argument) = self.request(method);
        let get = self.get_payload("", method.output.as_ref(), "res", "r");
        let reply = if method.output.is_some() { "r := result.Ok()\n" } else { "" };
        let catch = self.catch();
        let name = raw::camel(&method.wit_name);
        format!(
            "var res *{res}\nerr := link.Invoke(ctx, options, func() (err error) {{\n{catch}{request}\
             link.Enter()\ndefer link.Leave()\nresult := {bindings}.{name}({argument})\nif result.IsErr() {{\n\
             return Failed(result.Err())\n}}\n{reply}{get}return nil\n}})\nif err != nil {{\nreturn nil, err\n}}\n\
             return res, nil\n"
        )
    }

    fn open(&mut self, service: &Service, method: &Method) -> String {
        let bindings = self.client_bindings(service);
        let (req, res) = self.payloads(method);
        let (request, argument) = self.request(method);
        let name = raw::camel(&method.wit_name);
        let of = format!("link.Operations[{req}, {res}]");
        let mut operations = String::new();
        let response = self.stream(method.responses).map(|(index, stream)| (index, stream.item.clone()));
        if let Some((_, stream)) = self.stream(method.requests) {
            let item = stream.item.clone();
            let (send, send_all) = (self.send(&item), self.send_all(&item));
            let _ = writeln!(operations, "Send: func(req *{req}) (err error) {{\n{send}return nil\n}},");
            let _ = writeln!(operations, "SendAll: func(all []*{req}) (err error) {{\n{send_all}return nil\n}},");
            match &response {
                Some((_, item)) => {
                    let receive = self.receive(item);
                    let _ = write!(
                        operations,
                        "CloseSend: func() error {{\nlink.Enter()\ndefer link.Leave()\n\
                         if result := stream.DoneWriting(); result.IsErr() {{\nreturn Failed(result.Err())\n}}\nreturn nil\n}},\n\
                         Recv: {},\n",
                        receive.trim_end()
                    );
                }
                None => {
                    let get = self.get_payload("", method.output.as_ref(), "res", "r");
                    let reply = if method.output.is_some() { "r := result.Ok()\n" } else { "" };
                    let catch = self.catch();
                    let _ = write!(
                        operations,
                        "Finish: func() (res *{res}, err error) {{\n{catch}link.Enter()\ndefer link.Leave()\n\
                         result := stream.Finish()\nif result.IsErr() {{\nreturn nil, Failed(result.Err())\n}}\n{reply}{get}\
                         return res, nil\n}},\n"
                    );
                }
            }
        } else if let Some((index, _)) = &response {
            let _ = writeln!(operations, "Recv: RecvS{index}(stream),");
        }
        let catch = self.catch();
        format!(
            "stream, err := link.Open(ctx, func() (of {of}, err error) {{\n{catch}{request}link.Enter()\ndefer link.Leave()\n\
             result := {bindings}.{name}({argument})\nif result.IsErr() {{\nreturn of, Failed(result.Err())\n}}\n\
             stream := result.Ok()\nreturn {of}{{\n{operations}Drop: stream.Drop,\n}}, nil\n}})\n\
             if err != nil {{\nreturn nil, err\n}}\nreturn stream, nil\n"
        )
    }
}
