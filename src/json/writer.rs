//! Writes encoded messages as JSON. What JSON writes in a form of its own is in
//! [`writer_known`](crate::json::writer_known).

use std::collections::HashMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde::Serialize;

use crate::json::MAX_LEVELS;
use crate::json::any_field::AnyField;
use crate::json::error::JsonError;
use crate::json::number::not_finite_text;
use crate::json::well_known::WellKnown;
use crate::json::wire::{WireFields, WireValue, take_packed};

/// Writes a message.
///
/// # Errors
/// When it is not a valid message, or there is no JSON for it; the error names the field.
pub fn write_message(message: &MessageDescriptor, encoded: &[u8]) -> Result<Vec<u8>, JsonError> {
    let mut writer = JsonWriter::default();
    writer.write_message(message, &[encoded])?;
    Ok(writer.out)
}

/// Writes one field of a message, which is written even if it has its default value. A message that is not set is `{}`, or
/// `null` where its JSON is not an object of its fields.
///
/// # Errors
/// As of [`write_message`].
pub fn write_field(field: &FieldDescriptor, encoded: &[u8]) -> Result<Vec<u8>, JsonError> {
    let mut writer = JsonWriter::default();
    let fields = WireFields::scan(field.parent_message(), &[encoded])?;
    let values: Vec<_> = fields.values(field.number()).map(|value| (field.number(), value)).collect();
    let field = AnyField::Field(field.clone());
    let written = writer.write_field(&field, &values, true);
    if !written.map_err(|error| error.within_field(&field.json_name()))? {
        writer.push_text(match field.kind() {
            _ if field.is_map() => "{}",
            _ if field.is_list() => "[]",
            Kind::Message(message) if WellKnown::of(message.full_name()).is_none() => "{}",
            _ => "null",
        });
    }
    Ok(writer.out)
}

/// Writes an encoded message of a type that is known as a `google.protobuf.Any` is written.
///
/// # Errors
/// As of [`write_message`].
pub fn write_any(type_url: &str, message: &MessageDescriptor, encoded: &[u8]) -> Result<Vec<u8>, JsonError> {
    let mut writer = JsonWriter::default();
    writer.write_any(type_url, message, encoded)?;
    Ok(writer.out)
}

#[derive(Default)]
pub(super) struct JsonWriter {
    pub(super) out: Vec<u8>,
    level: usize,
}

impl JsonWriter {
    pub(super) fn push_text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Writes what serde has a JSON form for: strings and finite numbers.
    pub(super) fn write_plain<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
        serde_json::to_writer(&mut self.out, value).map_err(|error| JsonError::new(error.to_string()))
    }

    /// Writes a message that is in `parts` on the wire.
    pub(super) fn write_message(&mut self, message: &MessageDescriptor, parts: &[&[u8]]) -> Result<(), JsonError> {
        self.enter()?;
        match WellKnown::of(message.full_name()) {
            Some(well_known) => self.write_well_known(&well_known, message, parts)?,
            None => {
                self.push_text("{");
                self.write_fields(message, parts, true)?;
                self.push_text("}");
            }
        }
        self.level -= 1;
        Ok(())
    }

    fn enter(&mut self) -> Result<(), JsonError> {
        if self.level > MAX_LEVELS {
            return Err(JsonError::new(format!("it is nested more than {MAX_LEVELS} levels deep")));
        }
        self.level += 1;
        Ok(())
    }

    /// Writes the fields that are set.
    pub(super) fn write_fields(
        &mut self,
        message: &MessageDescriptor,
        parts: &[&[u8]],
        mut is_first: bool,
    ) -> Result<(), JsonError> {
        let fields = WireFields::scan(message, parts)?;
        for (number, values) in fields.iter() {
            let Some(field) = AnyField::numbered(message, number) else { continue };
            let start = self.out.len();
            if !is_first {
                self.push_text(",");
            }
            let name = field.json_name();
            self.write_plain(&*name)?;
            self.push_text(":");
            match self.write_field(&field, values, field.has_presence()) {
                Ok(true) => is_first = false,
                // A default value, or no value of the field's type.
                Ok(false) => self.out.truncate(start),
                Err(error) => return Err(error.within_field(&name)),
            }
        }
        Ok(())
    }

    /// Writes the value of a field. Returns false when there is none: on the wire are only unknown fields of its number, or
    /// a default that is not to be written.
    fn write_field(
        &mut self,
        field: &AnyField,
        values: &[(u32, WireValue<'_>)],
        is_explicit: bool,
    ) -> Result<bool, JsonError> {
        let kind = field.kind();
        if field.is_map() {
            return self.write_map(&kind, values);
        }
        if field.is_list() {
            return self.write_list(&kind, field.is_group(), values);
        }
        if let Kind::Message(message) = &kind {
            let parts: Vec<_> = values.iter().filter_map(|(_, value)| message_part(*value, field.is_group())).collect();
            if !parts.is_empty() {
                self.write_message(message, &parts)?;
            }
            return Ok(!parts.is_empty());
        }
        match values.iter().rev().map(|(_, value)| *value).find(|value| is_of_kind(*value, &kind)) {
            Some(value) if is_explicit || !is_default(value) => self.write_scalar(&kind, value).map(|()| true),
            None if is_explicit && !field.has_presence() => self.write_scalar(&kind, default_of(&kind)).map(|()| true),
            _ => Ok(false),
        }
    }

    fn write_list(&mut self, kind: &Kind, is_group: bool, values: &[(u32, WireValue<'_>)]) -> Result<bool, JsonError> {
        let mut count = 0_usize;
        for (_, value) in values {
            if let Kind::Message(message) = kind {
                let Some(part) = message_part(*value, is_group) else { continue };
                self.begin_item(&mut count);
                self.write_message(message, &[part]).map_err(|error| error.at_index(count - 1))?;
                continue;
            }
            match *value {
                value if is_of_kind(value, kind) => {
                    self.begin_item(&mut count);
                    self.write_scalar(kind, value).map_err(|error| error.at_index(count - 1))?;
                }
                WireValue::Bytes(mut packed) => {
                    while !packed.is_empty() {
                        let value = take_packed(kind.wire_type(), &mut packed)?;
                        self.begin_item(&mut count);
                        self.write_scalar(kind, value).map_err(|error| error.at_index(count - 1))?;
                    }
                }
                _ => {}
            }
        }
        if count > 0 {
            self.push_text("]");
        }
        Ok(count > 0)
    }

    fn begin_item(&mut self, count: &mut usize) {
        self.push_text(if *count == 0 { "[" } else { "," });
        *count += 1;
    }

    pub(super) fn write_map(&mut self, kind: &Kind, values: &[(u32, WireValue<'_>)]) -> Result<bool, JsonError> {
        let Kind::Message(entry) = kind else { return Err(JsonError::new("the map has no type of entries")) };
        let (key_kind, value_field) = (entry.map_entry_key_field().kind(), entry.map_entry_value_field());
        // Of a key that comes twice the last value is taken.
        let mut places = HashMap::new();
        let mut entries: Vec<(String, WireFields<'_>)> = Vec::new();
        for (_, value) in values {
            let WireValue::Bytes(encoded) = *value else { continue };
            let fields = WireFields::scan(entry, &[encoded])?;
            let key = fields.values(1).rev().find(|key| is_of_kind(*key, &key_kind)).unwrap_or(default_of(&key_kind));
            let key = key_text(&key_kind, key)?;
            match places.get(&key).and_then(|place: &usize| entries.get_mut(*place)) {
                Some(entry) => entry.1 = fields,
                None => {
                    places.insert(key.clone(), entries.len());
                    entries.push((key, fields));
                }
            }
        }
        let value_kind = value_field.kind();
        for (index, (key, fields)) in entries.iter().enumerate() {
            self.push_text(if index == 0 { "{" } else { "," });
            self.write_plain(key)?;
            self.push_text(":");
            let written = match &value_kind {
                Kind::Message(message) => {
                    let parts: Vec<_> = fields.bytes(2).collect();
                    self.write_message(message, if parts.is_empty() { &[&[]] } else { &parts })
                }
                kind => self.write_last(kind, fields.values(2)),
            };
            written.map_err(|error| error.at_key(key))?;
        }
        if !entries.is_empty() {
            self.push_text("}");
        }
        Ok(!entries.is_empty())
    }

    /// Writes the last of the values that is of the kind, or its default.
    pub(super) fn write_last<'a>(
        &mut self,
        kind: &Kind,
        values: impl DoubleEndedIterator<Item = WireValue<'a>>,
    ) -> Result<(), JsonError> {
        self.write_scalar(kind, values.rev().find(|value| is_of_kind(*value, kind)).unwrap_or(default_of(kind)))
    }

    /// Writes a value of the kind.
    fn write_scalar(&mut self, kind: &Kind, value: WireValue<'_>) -> Result<(), JsonError> {
        match (kind, value) {
            (Kind::Bool, WireValue::Varint(value)) => self.write_plain(&(value != 0)),
            (Kind::Int32, WireValue::Varint(value)) => self.write_plain(&(value as i32)),
            (Kind::Uint32, WireValue::Varint(value)) => self.write_plain(&(value as u32)),
            (Kind::Sint32, WireValue::Varint(value)) => self.write_plain(&(zigzag(u64::from(value as u32)) as i32)),
            (Kind::Fixed32, WireValue::Fixed32(value)) => self.write_plain(&value),
            (Kind::Sfixed32, WireValue::Fixed32(value)) => self.write_plain(&value.cast_signed()),
            // As strings, because numbers of JavaScript are too short.
            (Kind::Int64, WireValue::Varint(value)) => self.write_plain(&value.cast_signed().to_string()),
            (Kind::Uint64, WireValue::Varint(value)) => self.write_plain(&value.to_string()),
            (Kind::Sint64, WireValue::Varint(value)) => self.write_plain(&zigzag(value).to_string()),
            (Kind::Fixed64, WireValue::Fixed64(value)) => self.write_plain(&value.to_string()),
            (Kind::Sfixed64, WireValue::Fixed64(value)) => self.write_plain(&value.cast_signed().to_string()),
            (Kind::Float, WireValue::Fixed32(value)) => match f32::from_bits(value) {
                number if number.is_finite() => self.write_plain(&number),
                number => self.write_plain(not_finite_text(number.into())),
            },
            (Kind::Double, WireValue::Fixed64(value)) => match f64::from_bits(value) {
                number if number.is_finite() => self.write_plain(&number),
                number => self.write_plain(not_finite_text(number)),
            },
            (Kind::String, WireValue::Bytes(value)) => match std::str::from_utf8(value) {
                Ok(text) => self.write_plain(text),
                Err(_) => Err(JsonError::new("the string is not UTF-8")),
            },
            (Kind::Bytes, WireValue::Bytes(value)) => self.write_plain(&BASE64_STANDARD.encode(value)),
            (Kind::Enum(kind), WireValue::Varint(value)) => self.write_enum(kind, value as i32),
            (kind, _) => Err(JsonError::new(format!("there is no value of type {kind:?} on the wire"))),
        }
    }

    fn write_enum(&mut self, kind: &EnumDescriptor, number: i32) -> Result<(), JsonError> {
        if kind.full_name() == "google.protobuf.NullValue" {
            self.push_text("null");
            return Ok(());
        }
        match kind.get_value(number) {
            Some(value) => self.write_plain(value.name()),
            None => self.write_plain(&number),
        }
    }
}

fn zigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Returns the bytes of a value of a message; `None` when it is an unknown field.
fn message_part(value: WireValue<'_>, is_group: bool) -> Option<&[u8]> {
    match value {
        WireValue::Bytes(part) if !is_group => Some(part),
        WireValue::Group(part) if is_group => Some(part),
        _ => None,
    }
}

/// Whether a value has the wire type of the kind, which is not a message; it is an unknown field if not.
fn is_of_kind(value: WireValue<'_>, kind: &Kind) -> bool {
    std::mem::discriminant(&value) == std::mem::discriminant(&default_of(kind))
}

fn default_of(kind: &Kind) -> WireValue<'static> {
    match kind {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => WireValue::Fixed64(0),
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => WireValue::Fixed32(0),
        Kind::String | Kind::Bytes | Kind::Message(_) => WireValue::Bytes(&[]),
        _ => WireValue::Varint(0),
    }
}

fn is_default(value: WireValue<'_>) -> bool {
    match value {
        WireValue::Varint(value) | WireValue::Fixed64(value) => value == 0,
        WireValue::Fixed32(value) => value == 0,
        WireValue::Bytes(value) | WireValue::Group(value) => value.is_empty(),
    }
}

/// Returns the key of a map as JSON has it.
fn key_text(kind: &Kind, key: WireValue<'_>) -> Result<String, JsonError> {
    if let (Kind::String, WireValue::Bytes(text)) = (kind, key) {
        return String::from_utf8(text.to_vec()).map_err(|_| JsonError::new("a key of the map is not UTF-8"));
    }
    let mut writer = JsonWriter::default();
    writer.write_scalar(kind, key)?;
    Ok(String::from_utf8_lossy(&writer.out).trim_matches('"').to_owned())
}
