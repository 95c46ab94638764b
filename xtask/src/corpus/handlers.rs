//! The handlers of the corpus' guests: of one that answers UNIMPLEMENTED, and of one that answers with the request.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use heck::{ToSnakeCase as _, ToUpperCamelCase as _};
use miette::miette;
use okra_codegen::schema::{Kind, Method, Scalar, Schema, Service};
use prost_reflect::DescriptorPool;

use crate::corpus::language::{CorpusProject, GuestLanguage};

/// What a handler does with a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandlerKind {
    /// Answers with UNIMPLEMENTED; in Go and Python nothing is implemented.
    Unimplemented,
    /// Answers with the request. All methods must be unary, with one type each.
    Echo,
}

/// Writes the handler of a project that serves one service, after `okra generate`.
pub(crate) fn write_handler(
    project: &CorpusProject,
    pool: &DescriptorPool,
    service: &str,
    kind: HandlerKind,
) -> miette::Result<()> {
    let text = match project.language {
        GuestLanguage::Rust => rust_handler(&Schema::new(pool, &[service])?, kind)?,
        GuestLanguage::Go => go_handler(project, kind)?,
        GuestLanguage::Python => python_handler(project, kind)?,
    };
    project.write(project.language.handler_file(), &text)
}

fn rust_handler(schema: &Schema, kind: HandlerKind) -> miette::Result<String> {
    let [service] = &schema.services[..] else { return Err(miette!("a guest of the corpus serves one service")) };
    let package = rust_package(schema, service.package);
    let name = service.wit_name.to_upper_camel_case();
    let mut text = format!(
        "//! Generated.\n\nokra_guest::generate!();\n\nuse okra_guest::Error;\n\nstruct Handler;\n\n\
         impl {package}::{name} for Handler {{\n"
    );
    for method in &service.methods {
        let (params, answer) = rust_signature(schema, service, method);
        let body = match kind {
            HandlerKind::Echo => "Ok(request)",
            HandlerKind::Unimplemented => "Err(Error::unimplemented(\"not implemented\"))",
        };
        let function = rust_name(&method.wit_name);
        let _ = writeln!(
            text,
            "    #[allow(unused_variables)]\n    fn {function}({params}) -> Result<{answer}, Error> {{\n        {body}\n    }}\n"
        );
    }
    text.push_str("}\n\nokra_guest::export!(Handler);\n");
    Ok(text)
}

/// Returns the parameters of a handler's function and the type of its response.
fn rust_signature(schema: &Schema, service: &Service, method: &Method) -> (String, String) {
    let package = rust_package(schema, service.package);
    let stream = |id: okra_codegen::schema::StreamId| schema.streams.get(id.0);
    let mut params = Vec::new();
    match method.requests.and_then(stream) {
        Some(requests) => params.push(format!("requests: &{package}::{}", requests.reader.to_upper_camel_case())),
        None => params.extend(method.input.as_ref().map(|input| format!("request: {}", rust_type(schema, input)))),
    }
    let answer = match (method.responses.and_then(stream), &method.output) {
        (Some(responses), _) => {
            params.push(format!("responses: &{package}::{}", responses.writer.to_upper_camel_case()));
            "()".to_owned()
        }
        (None, Some(output)) => rust_type(schema, output),
        (None, None) => "()".to_owned(),
    };
    (params.join(", "), answer)
}

fn rust_type(schema: &Schema, kind: &Kind) -> String {
    match kind {
        Kind::Message { message, .. } | Kind::Encoded { message, .. } => {
            let Some(message) = schema.messages.get(message.0) else { return "()".to_owned() };
            format!("{}::{}", rust_package(schema, message.package), message.wit_name.to_upper_camel_case())
        }
        Kind::Enum(id) => {
            let Some(definition) = schema.enums.get(id.0) else { return "()".to_owned() };
            format!("{}::{}", rust_package(schema, definition.package), definition.wit_name.to_upper_camel_case())
        }
        Kind::Scalar(scalar) | Kind::Wrapper(scalar) => rust_scalar(*scalar).to_owned(),
        Kind::FieldMask => "Vec<String>".to_owned(),
        Kind::Json(_) => "String".to_owned(),
    }
}

fn rust_scalar(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Double => "f64",
        Scalar::Float => "f32",
        Scalar::Int32 | Scalar::Sint32 | Scalar::Sfixed32 => "i32",
        Scalar::Int64 | Scalar::Sint64 | Scalar::Sfixed64 => "i64",
        Scalar::Uint32 | Scalar::Fixed32 => "u32",
        Scalar::Uint64 | Scalar::Fixed64 => "u64",
        Scalar::Bool => "bool",
        Scalar::String => "String",
        Scalar::Bytes => "Vec<u8>",
    }
}

/// Returns the module of a protobuf package.
fn rust_package(schema: &Schema, package: usize) -> String {
    let proto = schema.packages.get(package).map(|package| package.proto.as_str()).unwrap_or_default();
    let proto = if proto.is_empty() { "default" } else { proto };
    let parts: Vec<_> = proto.split('.').map(rust_name).collect();
    format!("proto::{}", parts.join("::"))
}

/// Returns a name in snake case, with a `_` behind it if it is a keyword.
fn rust_name(name: &str) -> String {
    const KEYWORDS: &str = " abstract as async await become box break const continue crate do dyn else enum extern false final fn for \
        gen if impl in let loop macro match mod move mut override priv pub ref return self static struct super trait true try type \
        typeof unsafe unsized use virtual where while yield ";
    let name = name.to_snake_case();
    if KEYWORDS.contains(&format!(" {name} ")) { format!("{name}_") } else { name }
}

fn go_handler(project: &CorpusProject, kind: HandlerKind) -> miette::Result<String> {
    let (path, generated) = only_file(project, "type Unimplemented")?;
    let server = between(&generated, "type Unimplemented", " struct")?;
    let package = format!("corpus/{}", folder(&path));
    let mut imports = vec![format!("server \"{package}\"")];
    let mut functions = String::new();
    if kind == HandlerKind::Echo {
        imports.insert(0, "\"context\"".to_owned());
        // The interface says how the types of requests are written, with the names of the file's imports.
        let interface = between(&generated, &format!("type {server} interface {{\n"), "\n}")?;
        for line in interface.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
            let name = line.split('(').next().unwrap_or_default();
            let request = between(line, "(context.Context, ", ")")?;
            let qualifier = between(request, "*", ".")?;
            let import = go_import(&generated, qualifier).ok_or_else(|| miette!("nothing imports {qualifier}"))?;
            if !imports.contains(&import) {
                imports.push(import);
            }
            let _ = writeln!(
                functions,
                "\nfunc (handler) {name}(_ context.Context, request {request}) ({request}, error) {{\n\treturn request, nil\n}}"
            );
        }
    }
    let imports = imports.join("\n\t");
    let embedded = format!("server.Unimplemented{server}");
    Ok(format!(
        "// Generated.\npackage main\n\nimport (\n\t{imports}\n)\n\ntype handler struct{{ {embedded} }}\n{functions}\n\
         func main() {{\n\tserver.Register{server}(handler{{}})\n}}\n"
    ))
}

/// Returns the line of a file's imports that gives a package this name.
fn go_import(file: &str, name: &str) -> Option<String> {
    let lines =
        file.lines().map(str::trim).take_while(|line| !line.starts_with("type ")).filter(|line| line.ends_with('"'));
    let is_named = |line: &&str| match line.split_once(" \"") {
        Some((alias, _)) => alias == name,
        None => line.trim_matches('"').rsplit('/').next() == Some(name),
    };
    lines.filter(is_named).map(str::to_owned).next()
}

fn python_handler(project: &CorpusProject, kind: HandlerKind) -> miette::Result<String> {
    let (path, generated) = only_file(project, "__methods__ = {")?;
    let before = generated.split("__methods__ = {").next().unwrap_or_default();
    let class = before.lines().rev().find(|line| line.starts_with("class "));
    let service = between(class.ok_or_else(|| miette!("no class in {}", path.display()))?, "class ", "(")?;
    let module = folder(&path).replace('/', ".");
    let functions = match kind {
        HandlerKind::Unimplemented => "{}",
        HandlerKind::Echo => "{name: lambda self, request, context: request for name in Service.__methods__.values()}",
    };
    Ok(format!(
        "\"\"\"Generated.\"\"\"\n\nimport okra\nfrom {module} import {service} as Service\n\n\
         functions = {functions}\nokra.export(type(\"Handler\", (Service,), functions)())\n"
    ))
}

/// Returns the only generated file that contains a text.
fn only_file(project: &CorpusProject, text: &str) -> miette::Result<(PathBuf, String)> {
    let mut files = project.find_generated(text)?;
    match files.len() {
        1 => Ok(files.remove(0)),
        count => Err(miette!("{count} generated files contain `{text}`, not 1")),
    }
}

fn folder(path: &Path) -> String {
    path.parent().unwrap_or(path).display().to_string()
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> miette::Result<&'a str> {
    let found = text.split_once(start).and_then(|(_, rest)| rest.split_once(end)).map(|(found, _)| found);
    found.ok_or_else(|| miette!("no `{start}` before `{end}` in the generated code"))
}
