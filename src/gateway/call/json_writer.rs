//! Writes messages as JSON by protobuf's canonical mapping. <https://protobuf.dev/programming-guides/json/>
//!
//! The writer counts the levels of messages, those within a `google.protobuf.Any` included: each of them is decoded by
//! itself, so that the limit of the decoder does not bound them together.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _, Value};
use serde::Serialize;

use crate::gateway::call::well_known::WellKnown;

/// Most levels of messages below the outermost one.
pub(crate) const MAX_LEVELS: usize = 100;

/// Seconds of the first moment of year 1 and of the last one of year 9999.
const TIMESTAMP_SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// Most seconds of a duration, about 10,000 years.
const MAX_DURATION_SECONDS: u64 = 315_576_000_000;

/// Writes a message.
///
/// # Errors
/// Why there is no JSON for it.
pub(crate) fn write_message(message: &DynamicMessage) -> Result<Vec<u8>, String> {
    let mut writer = JsonWriter::default();
    writer.message(message)?;
    Ok(writer.out)
}

/// Writes one field of a message, which is sent even if it has its default value.
///
/// # Errors
/// Why there is no JSON for it.
pub(crate) fn write_field(message: &DynamicMessage, field: &FieldDescriptor) -> Result<Vec<u8>, String> {
    let mut writer = JsonWriter::default();
    match field.supports_presence() && !message.has_field(field) {
        true => writer.text("null"),
        false => writer.value(&field.kind(), &message.get_field(field))?,
    }
    Ok(writer.out)
}

/// Writes an encoded message of a type that is known as a `google.protobuf.Any` is written.
///
/// # Errors
/// Why there is no JSON for it.
pub(crate) fn write_any(type_url: &str, message: MessageDescriptor, encoded: &[u8]) -> Result<Vec<u8>, String> {
    let content = DynamicMessage::decode(message, encoded).map_err(|error| error.to_string())?;
    let mut writer = JsonWriter::default();
    writer.any(type_url, &content)?;
    Ok(writer.out)
}

#[derive(Default)]
struct JsonWriter {
    out: Vec<u8>,
    level: usize,
}

impl JsonWriter {
    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Writes what serde has a JSON form for: texts and finite numbers.
    fn plain<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), String> {
        serde_json::to_writer(&mut self.out, value).map_err(|error| error.to_string())
    }

    fn message(&mut self, message: &DynamicMessage) -> Result<(), String> {
        if self.level > MAX_LEVELS {
            return Err(format!("it is nested more than {MAX_LEVELS} levels deep"));
        }
        self.level += 1;
        match WellKnown::of(message.descriptor().full_name()) {
            Some(well_known) => self.well_known(&well_known, message)?,
            None => {
                self.text("{");
                self.fields(message, true)?;
                self.text("}");
            }
        }
        self.level -= 1;
        Ok(())
    }

    /// Writes the fields that are set, and extensions.
    fn fields(&mut self, message: &DynamicMessage, mut is_first: bool) -> Result<(), String> {
        let mut name = |writer: &mut Self, name: &str| {
            if !std::mem::take(&mut is_first) {
                writer.text(",");
            }
            writer.plain(name)?;
            writer.text(":");
            Ok::<_, String>(())
        };
        for (field, value) in message.fields() {
            name(self, field.json_name())?;
            self.value(&field.kind(), value)?;
        }
        for (extension, value) in message.extensions() {
            name(self, extension.json_name())?;
            self.value(&extension.kind(), value)?;
        }
        Ok(())
    }

    fn value(&mut self, kind: &Kind, value: &Value) -> Result<(), String> {
        match value {
            Value::Bool(value) => self.plain(value),
            Value::I32(value) => self.plain(value),
            Value::U32(value) => self.plain(value),
            // As texts, because numbers of JavaScript are too short.
            Value::I64(value) => self.plain(&value.to_string()),
            Value::U64(value) => self.plain(&value.to_string()),
            Value::F32(value) if value.is_finite() => self.plain(value),
            Value::F32(value) => self.not_finite((*value).into()),
            Value::F64(value) if value.is_finite() => self.plain(value),
            Value::F64(value) => self.not_finite(*value),
            Value::String(value) => self.plain(value),
            Value::Bytes(value) => self.plain(&BASE64_STANDARD.encode(value)),
            Value::EnumNumber(number) => self.enum_value(kind, *number),
            Value::Message(message) => self.message(message),
            Value::List(values) => {
                self.text("[");
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        self.text(",");
                    }
                    self.value(kind, value)?;
                }
                self.text("]");
                Ok(())
            }
            Value::Map(entries) => {
                let Kind::Message(entry) = kind else { return Err("a map has no type of entries".to_owned()) };
                let kind = entry.map_entry_value_field().kind();
                self.text("{");
                for (index, (key, value)) in entries.iter().enumerate() {
                    if index > 0 {
                        self.text(",");
                    }
                    match key {
                        MapKey::Bool(key) => self.plain(&key.to_string())?,
                        MapKey::I32(key) => self.plain(&key.to_string())?,
                        MapKey::I64(key) => self.plain(&key.to_string())?,
                        MapKey::U32(key) => self.plain(&key.to_string())?,
                        MapKey::U64(key) => self.plain(&key.to_string())?,
                        MapKey::String(key) => self.plain(key)?,
                    }
                    self.text(":");
                    self.value(&kind, value)?;
                }
                self.text("}");
                Ok(())
            }
        }
    }

    fn not_finite(&mut self, value: f64) -> Result<(), String> {
        self.plain(match value {
            f64::INFINITY => "Infinity",
            f64::NEG_INFINITY => "-Infinity",
            _ => "NaN",
        })
    }

    fn enum_value(&mut self, kind: &Kind, number: i32) -> Result<(), String> {
        let Kind::Enum(kind) = kind else { return self.plain(&number) };
        if kind.full_name() == "google.protobuf.NullValue" {
            self.text("null");
            return Ok(());
        }
        match kind.get_value(number) {
            Some(value) => self.plain(value.name()),
            None => self.plain(&number),
        }
    }

    fn well_known(&mut self, well_known: &WellKnown, message: &DynamicMessage) -> Result<(), String> {
        match well_known {
            WellKnown::Any => match unpack_any(message)? {
                Some((type_url, content)) => self.any(&type_url, &content),
                None => self.empty_object(),
            },
            WellKnown::Timestamp => self.timestamp(message),
            WellKnown::Duration => self.duration(message),
            WellKnown::FieldMask => self.field_mask(message),
            WellKnown::Struct => self.field_named("fields", message),
            WellKnown::ListValue => self.field_named("values", message),
            WellKnown::Wrapper(_) => self.field_named("value", message),
            WellKnown::Value => self.value_message(message),
            WellKnown::Empty => self.empty_object(),
        }
    }

    fn empty_object(&mut self) -> Result<(), String> {
        self.text("{}");
        Ok(())
    }

    fn timestamp(&mut self, message: &DynamicMessage) -> Result<(), String> {
        let timestamp: prost_types::Timestamp = transcode(message)?;
        match TIMESTAMP_SECONDS.contains(&timestamp.seconds) {
            true => self.plain(&timestamp.to_string()),
            false => Err(format!("a Timestamp of {} s is not within the years 1 to 9999", timestamp.seconds)),
        }
    }

    fn duration(&mut self, message: &DynamicMessage) -> Result<(), String> {
        let duration: prost_types::Duration = transcode(message)?;
        let is_valid =
            duration.seconds.unsigned_abs() <= MAX_DURATION_SECONDS && duration.nanos.unsigned_abs() < 1_000_000_000;
        match is_valid {
            true => self.plain(&duration.to_string()),
            false => Err(format!("a Duration of {} s is out of range", duration.seconds)),
        }
    }

    fn field_mask(&mut self, message: &DynamicMessage) -> Result<(), String> {
        let mask: prost_types::FieldMask = transcode(message)?;
        let paths: Result<Vec<_>, _> = mask.paths.iter().map(|path| camel_case(path)).collect();
        self.plain(&paths?.join(","))
    }

    fn value_message(&mut self, message: &DynamicMessage) -> Result<(), String> {
        match message.fields().next() {
            Some((_, Value::F64(number))) if !number.is_finite() => {
                Err(format!("a Value cannot be the number {number}"))
            }
            Some((field, value)) => self.value(&field.kind(), value),
            None => {
                self.text("null");
                Ok(())
            }
        }
    }

    fn field_named(&mut self, name: &str, message: &DynamicMessage) -> Result<(), String> {
        let descriptor = message.descriptor();
        let field = descriptor.get_field_by_name(name);
        let field = field.ok_or_else(|| format!("`{}` has no field `{name}`", descriptor.full_name()))?;
        self.value(&field.kind(), &message.get_field(&field))
    }

    fn any(&mut self, type_url: &str, content: &DynamicMessage) -> Result<(), String> {
        self.text("{\"@type\":");
        self.plain(type_url)?;
        match WellKnown::of(content.descriptor().full_name()) {
            Some(_) => {
                self.text(",\"value\":");
                self.message(content)?;
            }
            None => self.fields(content, false)?,
        }
        self.text("}");
        Ok(())
    }
}

/// Returns the type URL and the message of a `google.protobuf.Any`; `None` for an empty one. Apart from the recursion of the
/// writer, whose frames are small without it.
fn unpack_any(any: &DynamicMessage) -> Result<Option<(String, DynamicMessage)>, String> {
    let unpacked: prost_types::Any = transcode(any)?;
    if unpacked == prost_types::Any::default() {
        return Ok(None);
    }
    let prost_types::Any { type_url, value } = unpacked;
    let name = type_url.rsplit_once('/').map(|(_, name)| name);
    let name = name.ok_or_else(|| format!("the type URL `{type_url}` has no `/`"))?;
    let found = any.descriptor().parent_pool().get_message_by_name(name);
    let found = found.ok_or_else(|| format!("the package does not have the message `{name}` of an Any"))?;
    let content = DynamicMessage::decode(found, value.as_slice()).map_err(|error| error.to_string())?;
    Ok(Some((type_url, content)))
}

fn transcode<T: prost::Message + Default>(message: &DynamicMessage) -> Result<T, String> {
    message.transcode_to().map_err(|error| error.to_string())
}

/// Returns the path of a FieldMask in camel case, as JSON has it.
///
/// # Errors
/// When the path could not be read back from camel case.
pub(crate) fn camel_case(path: &str) -> Result<String, String> {
    let mut camel = String::with_capacity(path.len());
    let mut is_upper_next = false;
    for char in path.chars() {
        let is_lower = char.is_ascii_lowercase();
        if char.is_ascii_uppercase() || is_upper_next && !is_lower {
            return Err(format!("the path `{path}` of a FieldMask is not in snake_case"));
        }
        match char {
            '_' => is_upper_next = true,
            char if std::mem::take(&mut is_upper_next) => camel.push(char.to_ascii_uppercase()),
            char => camel.push(char),
        }
    }
    match is_upper_next {
        true => Err(format!("the path `{path}` of a FieldMask ends with `_`")),
        false => Ok(camel),
    }
}
