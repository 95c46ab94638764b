//! OpenAPI 3.1 of what is served, made of its descriptors and their comments. <https://spec.openapis.org/oas/v3.1.0>

mod comments;
mod schema;

use prost_reflect::MethodDescriptor;
use serde_json::{Map, Value, json};

use super::rest::{Body, Route};
use super::{Method, Served};

use comments::Comments;
use schema::Schemas;

/// The document: each method at its own path, as Connect has it, and at those of its rules.
pub(super) fn document(served: &Served) -> Value {
    let mut maker = Maker::default();
    let mut tags = Vec::new();
    for service in served.services() {
        let descriptor = service.descriptor();
        let comment = maker.comments.of(&descriptor.parent_file(), descriptor.path());
        tags.push(described(json!({ "name": &**service.name() }), comment));
        for method in service.methods() {
            maker.connect(method);
        }
    }
    for route in served.routes() {
        maker.route(route);
    }
    let Maker { mut comments, schemas, paths } = maker;
    let mut components = schemas.finish(&mut comments);
    components.insert("connect.error".to_owned(), error());
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Services of this server", "version": env!("CARGO_PKG_VERSION") },
        "tags": tags,
        "paths": paths,
        "components": { "schemas": components },
    })
}

#[derive(Default)]
struct Maker {
    comments: Comments,
    schemas: Schemas,
    paths: Map<String, Value>,
}

impl Maker {
    fn connect(&mut self, method: &Method) {
        let descriptor = method.descriptor();
        let streams = method.is_client_streaming() || method.is_server_streaming();
        let kind = if streams { "application/connect+json" } else { "application/json" };
        let (input, output) = (self.schemas.message(&method.input()), self.schemas.message(&method.output()));
        let mut operation = self.operation(descriptor, descriptor.full_name().to_owned());
        operation
            .insert("requestBody".to_owned(), json!({ "content": { kind: { "schema": input } }, "required": true }));
        operation.insert("responses".to_owned(), responses(kind, output));
        let path = format!("/{}/{}", descriptor.parent_service().full_name(), descriptor.name());
        self.add(path, "post", operation);
    }

    fn route(&mut self, route: &Route) {
        let (method, rule) = (&route.method, &route.rule);
        let path = route.template.open_api();
        let verb = rule.verb.as_str().to_ascii_lowercase();
        let mut operation = self.operation(method, format!("{}:{verb}:{path}", method.full_name()));
        let mut parameters = Vec::new();
        let in_path: Vec<_> = route.template.fields().map(<[_]>::to_vec).collect();
        for fields in &in_path {
            let name = fields.iter().map(|field| field.name()).collect::<Vec<_>>().join(".");
            let schema = fields.last().map(|field| self.schemas.field(field)).unwrap_or_default();
            parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": schema }));
        }
        if rule.body != Body::All {
            for field in method.input().fields() {
                let taken = in_path.iter().any(|fields| fields.first() == Some(&field));
                if taken || field.is_map() || rule.body == Body::Field(field.clone()) {
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
            Body::All => Some(self.schemas.message(&method.input())),
            Body::Field(field) => Some(self.schemas.field(field)),
            Body::None | Body::Unknown(_) => None,
        };
        if let Some(schema) = body {
            let content = json!({ "content": { "application/json": { "schema": schema } } });
            operation.insert("requestBody".to_owned(), content);
        }
        let output = match &rule.response {
            Some(field) => self.schemas.field(field),
            None => self.schemas.message(&method.output()),
        };
        let kind = if method.is_server_streaming() { "application/x-ndjson" } else { "application/json" };
        operation.insert("responses".to_owned(), responses(kind, output));
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

    /// Of two methods at one place, the first is served there.
    fn add(&mut self, path: String, verb: &str, operation: Map<String, Value>) {
        let item = self.paths.entry(path).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.entry(verb).or_insert(operation.into());
        }
    }
}

fn responses(kind: &str, schema: Value) -> Value {
    json!({
        "200": { "description": "OK", "content": { kind: { "schema": schema } } },
        "default": {
            "description": "The call failed.",
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/connect.error" } } },
        },
    })
}

/// What every failure has. <https://connectrpc.com/docs/protocol/#error-end-stream>
fn error() -> Value {
    let codes = crate::call::Code::ALL.map(super::connect::code_name);
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

/// A value with what its comment says.
fn described(mut value: Value, comment: Option<String>) -> Value {
    if let (Some(object), Some(comment)) = (value.as_object_mut(), comment) {
        object.insert("description".to_owned(), comment.into());
    }
    value
}
