//! JSON schemas of messages and enums.

use std::collections::BTreeMap;

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use crate::gateway::describe::open_api::comments::Comments;
use crate::gateway::describe::open_api::described;
use crate::json::WellKnown;

/// The schemas of messages and enums, as protobuf's canonical mapping writes them in JSON.
#[derive(Default)]
pub(crate) struct Schemas {
    named: BTreeMap<String, SchemaType>,
    /// Names whose own fields were not described yet.
    open: Vec<String>,
}

#[derive(Clone)]
enum SchemaType {
    Message(MessageDescriptor),
    Enum(EnumDescriptor),
}

impl Schemas {
    /// Returns the schemas that were named, and those that these name.
    pub(crate) fn finish(mut self, comments: &mut Comments) -> Map<String, Value> {
        let mut schemas = Map::new();
        while let Some(name) = self.open.pop() {
            let schema = match self.named.get(&name).cloned() {
                Some(SchemaType::Message(message)) => {
                    let mut properties = Map::new();
                    for field in message.fields() {
                        let comment = comments.of(&field.parent_file(), field.path());
                        let mut schema = described(self.field(&field), comment);
                        let oneof = field.containing_oneof().filter(|oneof| !oneof.is_synthetic());
                        if let (Some(oneof), Some(object)) = (oneof, schema.as_object_mut()) {
                            object.insert("x-oneof".to_owned(), oneof.name().into());
                        }
                        properties.insert(field.json_name().to_owned(), schema);
                    }
                    let comment = comments.of(&message.parent_file(), message.path());
                    described(json!({ "type": "object", "properties": properties }), comment)
                }
                Some(SchemaType::Enum(kind)) => {
                    let names: Vec<_> = kind.values().map(|value| value.name().to_owned()).collect();
                    let comment = comments.of(&kind.parent_file(), kind.path());
                    described(json!({ "type": "string", "enum": names }), comment)
                }
                None => continue,
            };
            schemas.insert(name, schema);
        }
        schemas
    }

    /// Returns the schema of a field.
    pub(crate) fn field(&mut self, field: &FieldDescriptor) -> Value {
        if field.is_map()
            && let Kind::Message(entry) = field.kind()
        {
            let values = self.kind(&entry.map_entry_value_field().kind());
            return json!({ "type": "object", "additionalProperties": values });
        }
        let one = self.kind(&field.kind());
        if field.is_list() { json!({ "type": "array", "items": one }) } else { one }
    }

    fn kind(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
            Kind::Double => json!({ "type": "number", "format": "double" }),
            Kind::Float => json!({ "type": "number", "format": "float" }),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({ "type": "integer", "format": "int32" }),
            Kind::Uint32 | Kind::Fixed32 => json!({ "type": "integer", "format": "uint32", "minimum": 0 }),
            // As strings, because numbers of JavaScript are too short.
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => json!({ "type": "string", "format": "int64" }),
            Kind::Uint64 | Kind::Fixed64 => json!({ "type": "string", "format": "uint64" }),
            Kind::Enum(kind) if kind.full_name() == "google.protobuf.NullValue" => json!({ "type": "null" }),
            Kind::Enum(kind) => self.named(kind.full_name(), SchemaType::Enum(kind.clone())),
            Kind::Message(message) => self.message(message),
        }
    }

    /// Returns the schema of a message: its own for the types that JSON writes in another way, else a reference.
    pub(crate) fn message(&mut self, message: &MessageDescriptor) -> Value {
        match WellKnown::of(message.full_name()) {
            Some(WellKnown::Timestamp) => json!({ "type": "string", "format": "date-time" }),
            Some(WellKnown::Duration) => {
                json!({ "type": "string", "format": "duration", "pattern": "^-?[0-9]+(\\.[0-9]+)?s$" })
            }
            Some(WellKnown::FieldMask) => json!({ "type": "string" }),
            Some(WellKnown::Struct | WellKnown::Empty) => json!({ "type": "object" }),
            Some(WellKnown::Value) => json!({}),
            Some(WellKnown::ListValue) => json!({ "type": "array", "items": {} }),
            Some(WellKnown::Any) => json!({ "type": "object", "properties": { "@type": { "type": "string" } } }),
            Some(WellKnown::Wrapper(kind)) => self.kind(&kind),
            None => self.named(message.full_name(), SchemaType::Message(message.clone())),
        }
    }

    fn named(&mut self, name: &str, what: SchemaType) -> Value {
        if !self.named.contains_key(name) {
            self.named.insert(name.to_owned(), what);
            self.open.push(name.to_owned());
        }
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }
}
