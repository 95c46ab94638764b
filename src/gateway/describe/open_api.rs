//! The OpenAPI 3.1 document of the catalog, made from its descriptors and their comments. <https://spec.openapis.org/oas/v3.1.0>

mod comments;
mod schema;

use prost_reflect::MethodDescriptor;
use serde_json::{Map, Value, json};

use crate::gateway::call::http_body::{HttpBodyMessage, HttpBodyOutput};
use crate::gateway::call::http_error::code_name;
use crate::gateway::catalog::{Catalog, CatalogMethod};
use crate::routes::RestRoute;
use crate::routes::rule::BodyMapping;

use crate::gateway::describe::open_api::comments::Comments;
use crate::gateway::describe::open_api::schema::Schemas;

/// The names of the schemas of failures.
const CONNECT_ERROR: &str = "connect.error";
const RPC_STATUS: &str = "google.rpc.Status";

/// Makes the document: each method at its path of Connect and at those of its HTTP rules.
pub(crate) fn document(catalog: &Catalog) -> Value {
    let mut maker = DocumentBuilder::default();
    let mut tags = Vec::new();
    for service in catalog.services() {
        let descriptor = service.descriptor();
        let comment = maker.comments.of(&descriptor.parent_file(), descriptor.path());
        tags.push(described(json!({ "name": &**service.name() }), comment));
        for method in service.methods() {
            maker.connect(method);
        }
    }
    for route in catalog.routes() {
        maker.route(route);
    }
    let DocumentBuilder { mut comments, schemas, paths } = maker;
    let mut components = schemas.finish(&mut comments);
    components.insert(CONNECT_ERROR.to_owned(), connect_error());
    components.insert(RPC_STATUS.to_owned(), rpc_status());
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Services of this server", "version": env!("CARGO_PKG_VERSION") },
        "tags": tags,
        "paths": paths,
        "components": { "schemas": components },
    })
}

#[derive(Default)]
struct DocumentBuilder {
    comments: Comments,
    schemas: Schemas,
    paths: Map<String, Value>,
}

impl DocumentBuilder {
    fn connect(&mut self, method: &CatalogMethod) {
        let descriptor = method.descriptor();
        let streams = method.is_streaming();
        let kind = if streams { "application/connect+json" } else { "application/json" };
        let (input, output) = (self.schemas.message(&method.input()), self.schemas.message(&method.output()));
        let mut operation = self.operation(descriptor, descriptor.full_name().to_owned());
        operation
            .insert("requestBody".to_owned(), json!({ "content": { kind: { "schema": input } }, "required": true }));
        operation.insert("responses".to_owned(), responses(kind, output, CONNECT_ERROR));
        let path = format!("/{}/{}", descriptor.parent_service().full_name(), descriptor.name());
        self.add(path, "post", operation);
    }

    fn route(&mut self, route: &RestRoute) {
        let (method, rule) = (&route.method, &route.rule);
        let path = route.template.open_api();
        let verb = match rule.is_any_verb() {
            true => "post".to_owned(),
            false => rule.verb.as_str().to_ascii_lowercase(),
        };
        let mut operation = self.operation(method, format!("{}:{verb}:{path}", method.full_name()));
        let mut parameters = Vec::new();
        let in_path: Vec<_> = route.template.fields().map(<[_]>::to_vec).collect();
        for fields in &in_path {
            let name = fields.iter().map(|field| field.name()).collect::<Vec<_>>().join(".");
            let schema = fields.last().map(|field| self.schemas.field(field)).unwrap_or_default();
            parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": schema }));
        }
        if rule.body != BodyMapping::All {
            for field in method.input().fields() {
                let taken = in_path.iter().any(|fields| fields.first() == Some(&field));
                if taken || field.is_map() || rule.body == BodyMapping::Field(field.clone()) {
                    continue;
                }
                let comment = self.comments.of(&field.parent_file(), field.path());
                let schema = self.schemas.field(&field);
                let parameter = json!({ "name": field.json_name(), "in": "query", "schema": schema });
                parameters.push(described(parameter, comment));
            }
        }
        if !parameters.is_empty() {
            operation.insert("parameters".to_owned(), parameters.into());
        }
        let body = match &rule.body {
            BodyMapping::All => Some(self.schemas.message(&method.input())),
            BodyMapping::Field(field) => Some(self.schemas.field(field)),
            BodyMapping::None | BodyMapping::Unknown(_) => None,
        };
        if let Some(schema) = body {
            let (kind, schema) = match rule.body.message(&method.input()).is_some_and(|body| HttpBodyMessage::is(&body))
            {
                true => ("*/*", json!({})),
                false => ("application/json", schema),
            };
            let content = json!({ "content": { kind: { "schema": schema } } });
            operation.insert("requestBody".to_owned(), content);
        }
        let output = match &rule.response {
            Some(field) => self.schemas.field(field),
            None => self.schemas.message(&method.output()),
        };
        let (kind, output) = match HttpBodyOutput::of(method.output(), rule.response.as_ref()) {
            Some(_) => ("*/*", json!({})),
            None if method.is_server_streaming() => ("application/x-ndjson", output),
            None => ("application/json", output),
        };
        operation.insert("responses".to_owned(), responses(kind, output, RPC_STATUS));
        self.add(path, &verb, operation);
    }

    fn operation(&mut self, method: &MethodDescriptor, id: String) -> Map<String, Value> {
        let comment = self.comments.of(&method.parent_file(), method.path());
        let mut operation = Map::new();
        operation.insert("operationId".to_owned(), id.into());
        operation.insert("tags".to_owned(), json!([method.parent_service().full_name()]));
        if let Some(comment) = comment {
            operation.insert("description".to_owned(), comment.into());
        }
        if method.options().get_field_by_name("deprecated").and_then(|value| value.as_bool()) == Some(true) {
            operation.insert("deprecated".to_owned(), true.into());
        }
        operation
    }

    /// Adds an operation. Where two methods have one path and verb, the first is served there.
    fn add(&mut self, path: String, verb: &str, operation: Map<String, Value>) {
        let item = self.paths.entry(path).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.entry(verb).or_insert(operation.into());
        }
    }
}

fn responses(kind: &str, schema: Value, error: &str) -> Value {
    let error = format!("#/components/schemas/{error}");
    json!({
        "200": { "description": "OK", "content": { kind: { "schema": schema } } },
        "default": {
            "description": "The call failed.",
            "content": { "application/json": { "schema": { "$ref": error } } },
        },
    })
}

/// The schema of failures at the paths of HTTP rules.
/// <https://github.com/googleapis/googleapis/blob/master/google/rpc/status.proto>
fn rpc_status() -> Value {
    json!({
        "type": "object",
        "properties": {
            "code": { "type": "integer", "format": "int32" },
            "message": { "type": "string" },
            "details": {
                "type": "array",
                "items": { "type": "object", "properties": { "@type": { "type": "string" } } },
            },
        },
        "required": ["code", "message"],
    })
}

/// The schema of failures of Connect. <https://connectrpc.com/docs/protocol/#error-end-stream>
fn connect_error() -> Value {
    let codes = crate::call::Code::ALL.map(code_name);
    json!({
        "type": "object",
        "properties": {
            "code": { "type": "string", "enum": codes },
            "message": { "type": "string" },
            "details": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "type": { "type": "string" },
                        "value": { "type": "string", "contentEncoding": "base64" },
                        "debug": {},
                    },
                },
            },
        },
        "required": ["code"],
    })
}

/// Adds a comment to a value as its description.
fn described(mut value: Value, comment: Option<String>) -> Value {
    if let (Some(object), Some(comment)) = (value.as_object_mut(), comment) {
        object.insert("description".to_owned(), comment.into());
    }
    value
}
