//! What single descriptors say, in the words of the schema.

use prost_reflect::{Cardinality as ProtoCardinality, FieldDescriptor, Kind as ProtoKind, MessageDescriptor};

use crate::editions::has_implicit_presence;
use crate::schema::{Cardinality, JsonKind, Kind, Scalar};

/// The message that stands for nothing as a request or response.
pub(super) const EMPTY: &str = "google.protobuf.Empty";

/// Messages that are not mapped as records.
pub(super) fn special(message: &MessageDescriptor) -> Option<Kind> {
    Some(match message.full_name() {
        "google.protobuf.DoubleValue" => Kind::Wrapper(Scalar::Double),
        "google.protobuf.FloatValue" => Kind::Wrapper(Scalar::Float),
        "google.protobuf.Int64Value" => Kind::Wrapper(Scalar::Int64),
        "google.protobuf.UInt64Value" => Kind::Wrapper(Scalar::Uint64),
        "google.protobuf.Int32Value" => Kind::Wrapper(Scalar::Int32),
        "google.protobuf.UInt32Value" => Kind::Wrapper(Scalar::Uint32),
        "google.protobuf.BoolValue" => Kind::Wrapper(Scalar::Bool),
        "google.protobuf.StringValue" => Kind::Wrapper(Scalar::String),
        "google.protobuf.BytesValue" => Kind::Wrapper(Scalar::Bytes),
        "google.protobuf.FieldMask" => Kind::FieldMask,
        "google.protobuf.Struct" => Kind::Json(JsonKind::Struct),
        "google.protobuf.Value" => Kind::Json(JsonKind::Value),
        "google.protobuf.ListValue" => Kind::Json(JsonKind::ListValue),
        _ => return None,
    })
}

/// The fields of a message in declaration order.
pub(super) fn fields(message: &MessageDescriptor) -> Vec<FieldDescriptor> {
    let numbers = message.descriptor_proto().field.iter().filter_map(|field| field.number);
    numbers.filter_map(|number| message.get_field(u32::try_from(number).ok()?)).collect()
}

/// The entry of a map.
pub(super) struct Entry {
    pub(super) key: Scalar,
    pub(super) value: FieldDescriptor,
}

/// The entry of a field that is a map, such as `map<K, V>` makes it. An entry made by hand need not have a key or a value.
pub(super) fn entry(field: &FieldDescriptor) -> Option<Entry> {
    let ProtoKind::Message(message) = field.kind() else { return None };
    if !field.is_map() {
        return None;
    }
    let (key, value) = (message.get_field(1)?, message.get_field(2)?);
    let is_single = |field: &FieldDescriptor| field.cardinality() != ProtoCardinality::Repeated;
    let is_entry = matches!(value.kind(), ProtoKind::Message(message) if message.is_map_entry());
    let scalar = scalar(&key.kind())?;
    let is_key = !matches!(scalar, Scalar::Double | Scalar::Float | Scalar::Bytes);
    (is_single(&key) && is_single(&value) && !is_entry && is_key).then_some(Entry { key: scalar, value })
}

/// What says of which kind a field's values are: of a map the field of its values, else the field itself.
pub(super) fn value(field: &FieldDescriptor) -> FieldDescriptor {
    entry(field).map_or_else(|| field.clone(), |entry| entry.value)
}

/// The message that values of a field are; not a special one.
pub(super) fn target(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    let ProtoKind::Message(message) = value(field).kind() else { return None };
    (!message.is_map_entry() && special(&message).is_none()).then_some(message)
}

pub(super) fn cardinality(field: &FieldDescriptor) -> Cardinality {
    if let Some(entry) = entry(field) {
        return Cardinality::Map { key: entry.key };
    }
    match field.cardinality() {
        ProtoCardinality::Repeated => Cardinality::Repeated { packed: is_packed(field) },
        ProtoCardinality::Required => Cardinality::Required,
        ProtoCardinality::Optional if has_implicit_presence(field) => Cardinality::Implicit,
        ProtoCardinality::Optional => Cardinality::Optional,
    }
}

/// Whether a repeated field is written packed: as its option says, else as its syntax does.
fn is_packed(field: &FieldDescriptor) -> bool {
    let option = field.field_descriptor_proto().options.as_ref().and_then(|options| options.packed);
    option.unwrap_or_else(|| field.is_packed())
}

pub(super) fn scalar(kind: &ProtoKind) -> Option<Scalar> {
    Some(match kind {
        ProtoKind::Double => Scalar::Double,
        ProtoKind::Float => Scalar::Float,
        ProtoKind::Int32 => Scalar::Int32,
        ProtoKind::Int64 => Scalar::Int64,
        ProtoKind::Uint32 => Scalar::Uint32,
        ProtoKind::Uint64 => Scalar::Uint64,
        ProtoKind::Sint32 => Scalar::Sint32,
        ProtoKind::Sint64 => Scalar::Sint64,
        ProtoKind::Fixed32 => Scalar::Fixed32,
        ProtoKind::Fixed64 => Scalar::Fixed64,
        ProtoKind::Sfixed32 => Scalar::Sfixed32,
        ProtoKind::Sfixed64 => Scalar::Sfixed64,
        ProtoKind::Bool => Scalar::Bool,
        ProtoKind::String => Scalar::String,
        ProtoKind::Bytes => Scalar::Bytes,
        ProtoKind::Message(_) | ProtoKind::Enum(_) => return None,
    })
}
