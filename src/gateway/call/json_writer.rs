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
const MAX_LEVELS: usize = 100;

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
    writer.write_message(message)?;
    Ok(writer.out)
}

/// Writes one field of a message, which is sent even if it has its default value.
///
/// # Errors
/// Why there is no JSON for it.
pub(crate) fn write_field(message: &DynamicMessage, field: &FieldDescriptor) -> Result<Vec<u8>, String> {
    let mut writer = JsonWriter::default();
    match field.supports_presence() && !message.has_field(field) {
        true => writer.push_text("null"),
        false => writer.write_value(&field.kind(), &message.get_field(field))?,
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
    writer.write_any(type_url, &content)?;
    Ok(writer.out)
}

#[derive(Default)]
struct JsonWriter {
    out: Vec<u8>,
    level: usize,
}

impl JsonWriter {
    fn push_text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Writes what serde has a JSON form for: texts and finite numbers.
    fn write_plain<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), String> {
        serde_json::to_writer(&mut self.out, value).map_err(|error| error.to_string())
    }

    fn write_message(&mut self, message: &DynamicMessage) -> Result<(), String> {
        if self.level > MAX_LEVELS {
            return Err(format!("it is nested more than {MAX_LEVELS} levels deep"));
        }
        self.level += 1;
        match WellKnown::of(message.descriptor().full_name()) {
            Some(well_known) => self.write_well_known(&well_known, message)?,
            None => {
                self.push_text("{");
                self.write_fields(message, true)?;
                self.push_text("}");
            }
        }
        self.level -= 1;
        Ok(())
    }

    /// Writes the fields that are set, and extensions.
    fn write_fields(&mut self, message: &DynamicMessage, mut is_first: bool) -> Result<(), String> {
        let mut name = |writer: &mut Self, name: &str| {
            if !std::mem::take(&mut is_first) {
                writer.push_text(",");
            }
            writer.write_plain(name)?;
            writer.push_text(":");
            Ok::<_, String>(())
        };
        for (field, value) in message.fields() {
            name(self, field.json_name())?;
            self.write_value(&field.kind(), value)?;
        }
        for (extension, value) in message.extensions() {
            name(self, extension.json_name())?;
            self.write_value(&extension.kind(), value)?;
        }
        Ok(())
    }

    fn write_value(&mut self, kind: &Kind, value: &Value) -> Result<(), String> {
        match value {
            Value::Bool(value) => self.write_plain(value),
            Value::I32(value) => self.write_plain(value),
            Value::U32(value) => self.write_plain(value),
            // As texts, because numbers of JavaScript are too short.
            Value::I64(value) => self.write_plain(&value.to_string()),
            Value::U64(value) => self.write_plain(&value.to_string()),
            Value::F32(value) if value.is_finite() => self.write_plain(value),
            Value::F32(value) => self.write_not_finite((*value).into()),
            Value::F64(value) if value.is_finite() => self.write_plain(value),
            Value::F64(value) => self.write_not_finite(*value),
            Value::String(value) => self.write_plain(value),
            Value::Bytes(value) => self.write_plain(&BASE64_STANDARD.encode(value)),
            Value::EnumNumber(number) => self.write_enum(kind, *number),
            Value::Message(message) => self.write_message(message),
            Value::List(values) => {
                self.push_text("[");
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        self.push_text(",");
                    }
                    self.write_value(kind, value)?;
                }
                self.push_text("]");
                Ok(())
            }
            Value::Map(entries) => {
                let Kind::Message(entry) = kind else { return Err("a map has no type of entries".to_owned()) };
                let kind = entry.map_entry_value_field().kind();
                self.push_text("{");
                for (index, (key, value)) in entries.iter().enumerate() {
                    if index > 0 {
                        self.push_text(",");
                    }
                    match key {
                        MapKey::Bool(key) => self.write_plain(&key.to_string())?,
                        MapKey::I32(key) => self.write_plain(&key.to_string())?,
                        MapKey::I64(key) => self.write_plain(&key.to_string())?,
                        MapKey::U32(key) => self.write_plain(&key.to_string())?,
                        MapKey::U64(key) => self.write_plain(&key.to_string())?,
                        MapKey::String(key) => self.write_plain(key)?,
                    }
                    self.push_text(":");
                    self.write_value(&kind, value)?;
                }
                self.push_text("}");
                Ok(())
            }
        }
    }

    fn write_not_finite(&mut self, value: f64) -> Result<(), String> {
        self.write_plain(match value {
            f64::INFINITY => "Infinity",
            f64::NEG_INFINITY => "-Infinity",
            _ => "NaN",
        })
    }

    fn write_enum(&mut self, kind: &Kind, number: i32) -> Result<(), String> {
        let Kind::Enum(kind) = kind else { return self.write_plain(&number) };
        if kind.full_name() == "google.protobuf.NullValue" {
            self.push_text("null");
            return Ok(());
        }
        match kind.get_value(number) {
            Some(value) => self.write_plain(value.name()),
            None => self.write_plain(&number),
        }
    }

    fn write_well_known(&mut self, well_known: &WellKnown, message: &DynamicMessage) -> Result<(), String> {
        match well_known {
            WellKnown::Any => match unpack_any(message)? {
                Some((type_url, content)) => self.write_any(&type_url, &content),
                None => self.write_empty_object(),
            },
            WellKnown::Timestamp => self.write_timestamp(message),
            WellKnown::Duration => self.write_duration(message),
            WellKnown::FieldMask => self.write_field_mask(message),
            WellKnown::Struct => self.write_field_named("fields", message),
            WellKnown::ListValue => self.write_field_named("values", message),
            WellKnown::Wrapper(_) => self.write_field_named("value", message),
            WellKnown::Value => self.write_value_message(message),
            WellKnown::Empty => self.write_empty_object(),
        }
    }

    fn write_empty_object(&mut self) -> Result<(), String> {
        self.push_text("{}");
        Ok(())
    }

    fn write_timestamp(&mut self, message: &DynamicMessage) -> Result<(), String> {
        let timestamp: prost_types::Timestamp = transcode(message)?;
        match TIMESTAMP_SECONDS.contains(&timestamp.seconds) {
            true => self.write_plain(&timestamp.to_string()),
            false => Err(format!("a Timestamp of {} s is not within the years 1 to 9999", timestamp.seconds)),
        }
    }

    fn write_duration(&mut self, message: &DynamicMessage) -> Result<(), String> {
        let duration: prost_types::Duration = transcode(message)?;
        let is_valid =
            duration.seconds.unsigned_abs() <= MAX_DURATION_SECONDS && duration.nanos.unsigned_abs() < 1_000_000_000;
        match is_valid {
            true => self.write_plain(&duration.to_string()),
            false => Err(format!("a Duration of {} s is out of range", duration.seconds)),
        }
    }

    fn write_field_mask(&mut self, message: &DynamicMessage) -> Result<(), String> {
        let mask: prost_types::FieldMask = transcode(message)?;
        let paths: Result<Vec<_>, _> = mask.paths.iter().map(|path| camel_case(path)).collect();
        self.write_plain(&paths?.join(","))
    }

    fn write_value_message(&mut self, message: &DynamicMessage) -> Result<(), String> {
        match message.fields().next() {
            Some((_, Value::F64(number))) if !number.is_finite() => {
                Err(format!("a Value cannot be the number {number}"))
            }
            Some((field, value)) => self.write_value(&field.kind(), value),
            None => {
                self.push_text("null");
                Ok(())
            }
        }
    }

    fn write_field_named(&mut self, name: &str, message: &DynamicMessage) -> Result<(), String> {
        let descriptor = message.descriptor();
        let field = descriptor.get_field_by_name(name);
        let field = field.ok_or_else(|| format!("`{}` has no field `{name}`", descriptor.full_name()))?;
        self.write_value(&field.kind(), &message.get_field(&field))
    }

    fn write_any(&mut self, type_url: &str, content: &DynamicMessage) -> Result<(), String> {
        self.push_text("{\"@type\":");
        self.write_plain(type_url)?;
        match WellKnown::of(content.descriptor().full_name()) {
            Some(_) => {
                self.push_text(",\"value\":");
                self.write_message(content)?;
            }
            None => self.write_fields(content, false)?,
        }
        self.push_text("}");
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
